import { readFileSync } from 'node:fs';

import { setting } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import type { ConnectionSettings } from './port.ts';

const DEFAULT_PORT = 9_092;
const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const;
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

/**
 * How to reach Kafka, from the KAFKA_ settings, whose names and meanings are librdkafka's. `brokers`
 * (host:port, separated by commas) stands for KAFKA_BROKERS where a caller knows better.
 */
export function connectionSettings(
  clientId: string,
  brokers: string | undefined = setting('KAFKA_BROKERS'),
): ConnectionSettings {
  if (brokers === undefined) {
    throw new PipelineError(
      'KAFKA_UNREACHABLE',
      'no Kafka is running for this project; start it with `bun run millrace up`, or set KAFKA_BROKERS',
    );
  }
  const protocol = oneOf('KAFKA_SECURITY_PROTOCOL', PROTOCOLS, 'PLAINTEXT');
  return {
    brokers: brokers.split(',').map(brokerAddress),
    clientId,
    ...(protocol.endsWith('SSL') && { tls: tlsSettings() }),
    ...(protocol.startsWith('SASL') && { sasl: saslSettings() }),
  };
}

/** `host:port` of one entry of KAFKA_BROKERS. */
function brokerAddress(text: string): string {
  const [, host, port = `${DEFAULT_PORT}`] =
    /^([^\s:]+|\[[\d:a-f]+\])(?::(\d{1,5}))?$/i.exec(text.trim()) ?? [];
  if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535) return `${host}:${port}`;
  throw new PipelineError(
    'USAGE',
    `KAFKA_BROKERS: '${text}' is not an address; write host:port, and commas between several`,
  );
}

function tlsSettings(): NonNullable<ConnectionSettings['tls']> {
  const ca = pem('KAFKA_SSL_CA_LOCATION');
  const certificate = pem('KAFKA_SSL_CERTIFICATE_LOCATION');
  const key = pem('KAFKA_SSL_KEY_LOCATION');
  const keyPassword = setting('KAFKA_SSL_KEY_PASSWORD');
  if ((certificate === undefined) !== (key === undefined)) {
    throw new PipelineError(
      'USAGE',
      'KAFKA_SSL_CERTIFICATE_LOCATION and KAFKA_SSL_KEY_LOCATION go together; set both or neither',
    );
  }
  return {
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { certificate }),
    ...(key !== undefined && { key }),
    ...(keyPassword !== undefined && { keyPassword }),
  };
}

function saslSettings(): NonNullable<ConnectionSettings['sasl']> {
  const username = setting('KAFKA_SASL_USERNAME');
  const password = setting('KAFKA_SASL_PASSWORD');
  if (username === undefined || password === undefined) {
    throw new PipelineError(
      'USAGE',
      'KAFKA_SECURITY_PROTOCOL asks for a log-in; set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
    );
  }
  return { mechanism: oneOf('KAFKA_SASL_MECHANISM', MECHANISMS, 'PLAIN'), username, password };
}

function pem(name: string): string | undefined {
  const path = setting(name);
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PipelineError('USAGE', `${name} names ${path}, which cannot be read`, { cause });
  }
}

function oneOf<Value extends string>(
  name: string,
  values: readonly Value[],
  fallback: Value,
): Value {
  const text = setting(name)?.toUpperCase() ?? fallback;
  const value = values.find((known) => known === text);
  if (value !== undefined) return value;
  throw new PipelineError('USAGE', `${name} '${text}': choose one of ${values.join(', ')}`);
}
