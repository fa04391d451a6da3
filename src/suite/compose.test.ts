import { beforeAll, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';

import { DCLinter } from 'dclint';
import { parse } from 'yaml';

import { PROJECT_ROOT } from '../base/config.ts';
import { MODELS_DIR } from '../recommend/model.ts';
import { instanceNames, WORKERS } from './catalogue.ts';

type Service = {
  profiles?: string[];
  volumes?: string[];
  image?: string;
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  configs?: { source: string; target: string }[];
  depends_on?: Record<string, { condition: string }>;
  restart?: string;
  healthcheck?: { test?: string[]; disable?: boolean };
};

/** Seed 002's table; `migrate` is ours. */
const INFRASTRUCTURE = ['postgres', 'kafka1', 'kafka2', 'kafka3', 'redis', 'kafka-ui', 'adminer'];
const APPLICATIONS = [
  'cache-worker',
  'redis-monitor',
  'producer',
  'user-seeder',
  'initial-seeder',
  'grade-updater',
  ...['user', 'product', 'order'].flatMap((entity) =>
    [1, 2, 3].map((number) => `${entity}-consumer-${number}`),
  ),
];

/** Ours, and not part of the shop: started only with the profile of its name. */
const APART = ['recommender'];

let services: Record<string, Service>;
let configs: Record<string, { content: string }>;

beforeAll(async () => {
  const text = await Bun.file(join(PROJECT_ROOT, 'compose.yaml')).text();
  ({ services, configs } = parse(text, { merge: true }));
});

/** The account that a service logs in to PostgreSQL with. */
function accountOf(name: string): string | undefined {
  const url = services[name]?.environment?.['DATABASE_URL'];
  return url === undefined ? undefined : /^postgres:\/\/(\w+):\$\{/.exec(url)?.[1];
}

/** What a service needs, by the prefix of its address. */
function addresses(service: Service): string[] {
  const { DATABASE_URL, KAFKA_BROKERS = '', REDIS_URL = '' } = service.environment ?? {};
  const urls = [REDIS_URL, ...(DATABASE_URL === undefined ? [] : [DATABASE_URL])];
  const hosts = urls.map((url) => url.replace(/^.*@/, '').replace(/:.*/, ''));
  return [...hosts, ...KAFKA_BROKERS.split(',').map((broker) => broker.replace(/:.*/, ''))];
}

test('the linter and the schema of compose files have nothing to say', async () => {
  const rules = parse(await Bun.file(join(PROJECT_ROOT, '.dclintrc.yaml')).text());
  const linter = new DCLinter({ ...rules, quiet: false, debug: false, exclude: [] });
  const results = linter.lintFiles([join(PROJECT_ROOT, 'compose.yaml')], false);
  expect(results.flatMap(({ messages }) => messages)).toEqual([]);
});

test('the services are those of seed 002, one that runs before ours, and what is apart', () => {
  expect(Object.keys(services).toSorted()).toEqual(
    [...INFRASTRUCTURE, ...APPLICATIONS, ...APART, 'migrate'].toSorted(),
  );
  const named = (apart: boolean): string[] =>
    WORKERS.filter((info) => (info.apart ?? false) === apart).flatMap(instanceNames);
  expect(APPLICATIONS.toSorted()).toEqual(named(false).toSorted());
  expect(named(true)).toEqual(APART);
});

describe.each(WORKERS.flatMap((info) => instanceNames(info).map((name) => [name, info] as const)))(
  '%s',
  (name, { worker, needs, after, apart }) => {
    test('runs its worker, knows every address, and waits for what it needs', () => {
      const service = services[name] ?? {};
      expect(service.command).toEqual(['bun', `workers/${worker}.ts`]);
      expect(existsSync(join(PROJECT_ROOT, 'workers', `${worker}.ts`))).toBe(true);
      for (const host of addresses(service)) expect(INFRASTRUCTURE).toContain(host);
      const waits = service.depends_on ?? {};
      expect(waits['migrate']?.condition).toBe('service_completed_successfully');
      if (after) expect(waits[after]?.condition).toBe('service_completed_successfully');
      if (needs.includes('redis')) expect(waits['redis']?.condition).toBe('service_healthy');
      expect(service.restart).toBe(worker === 'initial-seeder' ? 'no' : 'unless-stopped');
      expect(service.healthcheck?.test?.join(' ')).toContain('/livez');
      expect(service.ports).toBeUndefined();
      expect(service.profiles).toEqual(apart && [name]);
    });
  },
);

test('the recommender keeps its models, and knows the same services as the others', async () => {
  const { environment = {}, volumes } = services['recommender'] ?? {};
  expect(volumes).toEqual(['models:/app/.millrace/models']);
  expect(relative(PROJECT_ROOT, MODELS_DIR)).toBe('.millrace/models');
  const { DATABASE_URL, ...others } = services['producer']?.environment ?? {};
  expect(DATABASE_URL).toBeString();
  expect(environment).toMatchObject(others);
  expect(environment['DATABASE_URL']).toStartWith('postgres://millrace_batch_app:');
  const own = ['MILLRACE_RECOMMEND_CRON', 'RODB_URL', 'BIDB_URL'];
  for (const name of own) expect(environment[name]).toBe(`\${${name}:-}`);
  const image = await Bun.file(join(PROJECT_ROOT, 'Dockerfile')).text();
  expect(image).toMatch(
    /mkdir -p \.millrace\/models && chown -R bun:bun \.millrace[\s\S]*USER bun/,
  );
});

test('what is published, is published on this machine only, each port once', () => {
  const published = Object.values(services).flatMap(({ ports = [] }) => ports);
  expect(published.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  const ports = published.map((port) => port.split(':')[1]);
  expect(new Set(ports).size).toBe(ports.length);
  expect(services['kafka-ui']?.ports).toEqual(['127.0.0.1:8080:8080']);
  expect(services['adminer']?.ports).toEqual(['127.0.0.1:8081:8080']);
});

test('every application logs in with an account that may do its work and no more', async () => {
  const batch = new Set(['initial-seeder', 'grade-updater']);
  for (const name of APPLICATIONS) {
    const { needs } = WORKERS.find((info) => instanceNames(info).includes(name)) ?? { needs: [] };
    const role = batch.has(name) ? 'millrace_batch_app' : 'millrace_ingest_app';
    expect(`${name} ${accountOf(name)}`).toBe(
      `${name} ${needs.some((service) => service === 'postgres') ? role : undefined}`,
    );
  }
  expect(accountOf('migrate')).toBe('postgres');
  const { volumes, environment = {} } = services['postgres'] ?? {};
  expect(volumes).toContain('./sql/accounts.sql:/docker-entrypoint-initdb.d/accounts.sql:ro');
  const accounts = await Bun.file(join(PROJECT_ROOT, 'sql', 'accounts.sql')).text();
  const wanted = [...accounts.matchAll(/^\\getenv \w+ (\w+)$/gm)].map(([, name]) => name);
  expect(wanted).toHaveLength(2);
  for (const name of wanted) expect(environment[name]).toStartWith(`\${${name}:?`);
});

test('no password is an argument of a process', () => {
  for (const [name, { command = [] }] of Object.entries(services)) {
    expect(`${name} ${command.join(' ')}`).not.toMatch(/PASSWORD|requirepass/);
  }
  const { command, configs: mounted } = services['redis'] ?? {};
  expect(command).toEqual(['redis-server', '/etc/redis.conf']);
  expect(mounted).toEqual([{ source: 'redis', target: '/etc/redis.conf' }]);
  expect(configs['redis']?.content).toMatch(/^requirepass \$\{REDIS_PASSWORD:\?/m);
});

test('.env.example names every variable that the file takes, required or not', async () => {
  const text = await Bun.file(join(PROJECT_ROOT, 'compose.yaml')).text();
  const used = new Set([...text.matchAll(/\$\{(\w+):[?-]/g)].map(([, name]) => name));
  const example = await Bun.file(join(PROJECT_ROOT, '.env.example')).text();
  const named = [...example.matchAll(/^(\w+)=$/gm)].map(([, name]) => name);
  expect(named.toSorted()).toEqual([...used].toSorted());
});

test('every image is pinned, and no password is in the file', async () => {
  for (const [name, { image = '' }] of Object.entries(services)) {
    expect(`${name} ${image}`).toMatch(/:v?\d+\.\d+(\.\d+)?$/);
  }
  const text = await Bun.file(join(PROJECT_ROOT, 'compose.yaml')).text();
  for (const [, value] of text.matchAll(/PASSWORD: (.*)$/gm)) {
    expect(value).toMatch(/^\$\{\w+:\?/);
  }
});

test('brokers tell the applications and this machine different addresses', () => {
  for (const number of [1, 2, 3]) {
    const { environment = {}, ports } = services[`kafka${number}`] ?? {};
    expect(environment['KAFKA_NODE_ID']).toBe(String(number));
    expect(environment['KAFKA_ADVERTISED_LISTENERS']).toBe(
      `INTERNAL://kafka${number}:9092,HOST://127.0.0.1:${number}9092`,
    );
    expect(ports).toEqual([`127.0.0.1:${number}9092:${number}9092`]);
  }
});
