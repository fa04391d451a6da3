import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'bun:test';

import { connectionSettings } from './connection.ts';

const before = { ...process.env };
const folder = mkdtempSync(join(tmpdir(), 'connection-'));

function environment(values: Record<string, string>): void {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('KAFKA_')) delete process.env[name];
  }
  Object.assign(process.env, values);
}

afterEach(() => {
  environment({});
  Object.assign(process.env, before);
});

afterAll(() => rmSync(folder, { recursive: true }));

test('brokers come from the setting, or from whoever knows better, with the usual port', () => {
  environment({ KAFKA_BROKERS: 'one, two:19092 ,[::1]:9093' });
  expect(connectionSettings('me')).toEqual({
    brokers: ['one:9092', 'two:19092', '[::1]:9093'],
    clientId: 'me',
  });
  expect(connectionSettings('me', 'three:1').brokers).toEqual(['three:1']);
});

test('without brokers it says how to get some', () => {
  environment({});
  expect(() => connectionSettings('me')).toThrow('millrace up');
});

test.each([
  [{ KAFKA_BROKERS: 'a:b' }, "'a:b' is not an address"],
  [{ KAFKA_BROKERS: 'a:70000' }, 'is not an address'],
  [{ KAFKA_BROKERS: 'a:1,,b:2' }, "'' is not an address"],
  [{ KAFKA_SECURITY_PROTOCOL: 'TLS' }, 'PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL'],
  [{ KAFKA_SECURITY_PROTOCOL: 'SASL_SSL' }, 'KAFKA_SASL_USERNAME'],
  [{ KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_CA_LOCATION: '/nowhere' }, 'cannot be read'],
  [
    { KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_CERTIFICATE_LOCATION: '/etc/hostname' },
    'go together',
  ],
])('%p is refused', (values, message) => {
  environment({ KAFKA_BROKERS: 'a:1', ...values });
  expect(() => connectionSettings('me')).toThrow(message);
});

test('certificates and the password are read, the password from a file too', () => {
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  environment({
    KAFKA_BROKERS: 'a:1',
    KAFKA_SECURITY_PROTOCOL: 'sasl_ssl',
    KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
    KAFKA_SASL_USERNAME: 'shop',
    KAFKA_SASL_PASSWORD_FILE: file('password', 'secret\n'),
    KAFKA_SSL_CA_LOCATION: file('ca', 'CA'),
    KAFKA_SSL_CERTIFICATE_LOCATION: file('certificate', 'CERTIFICATE'),
    KAFKA_SSL_KEY_LOCATION: file('key', 'KEY'),
    KAFKA_SSL_KEY_PASSWORD: 'key secret',
  });
  expect(connectionSettings('me')).toEqual({
    brokers: ['a:1'],
    clientId: 'me',
    tls: { ca: 'CA', certificate: 'CERTIFICATE', key: 'KEY', keyPassword: 'key secret' },
    sasl: { mechanism: 'SCRAM-SHA-512', username: 'shop', password: 'secret' },
  });
});
