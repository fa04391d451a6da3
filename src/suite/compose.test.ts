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

beforeAll(async () => {
  const text = await Bun.file(join(PROJECT_ROOT, 'compose.yaml')).text();
  services = parse(text, { merge: true }).services;
});

/** What a service needs, by the prefix of its address. */
function addresses(service: Service): string[] {
  const { DATABASE_URL = '', KAFKA_BROKERS = '', REDIS_URL = '' } = service.environment ?? {};
  const hosts = [DATABASE_URL, REDIS_URL].map((url) => url.replace(/^.*@/, '').replace(/:.*/, ''));
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
  expect(environment).toMatchObject(services['producer']?.environment ?? {});
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
