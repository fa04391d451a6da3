import { existsSync } from 'node:fs';
import { join } from 'node:path';

import * as v from 'valibot';

import { PROJECT_ROOT, STATE_DIR } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { readIfThere, writeWhole } from './files.ts';

const FILE = join(PROJECT_ROOT, 'compose.yaml');
const STARTED_FILE = join(STATE_DIR, 'compose.json');
const ASK_MS_MAX = 5_000;
const START_MS_MAX = 300_000; // the first start pulls the image
const STOP_MS_MAX = 60_000;

export const COMPOSE_BROKERS = ['kafka1', 'kafka2', 'kafka3'] as const;
export type ComposeService = 'postgres' | 'redis' | (typeof COMPOSE_BROKERS)[number];

const Value = v.nullish(v.union([v.string(), v.number(), v.boolean()]));
const Service = v.object({
  environment: v.optional(v.nullable(v.record(v.string(), Value))),
  ports: v.optional(v.array(v.object({ published: v.optional(v.string()) }))),
});
const Config = v.object({ services: v.record(v.string(), Service) });
const Started = v.array(v.string());

// Asked once: docker takes its time to say no. Null when there is no engine, or no compose, or the
// file cannot be used, as when .env is missing.
let project: v.InferOutput<typeof Config> | null | undefined;

/** Whether the project's compose file has that service, and an engine is there to run it. */
export function composeWorks(service: ComposeService): boolean {
  project ??= readProject();
  return project?.services[service] !== undefined;
}

/** Starts PostgreSQL, if it does not run, and reads its address and user from docker. */
export function composePostgresUp(): { databaseUrl: string; startedHere: boolean } {
  const startedHere = start(['postgres']);
  return { databaseUrl: postgresUrl(), startedHere };
}

export function composeRedisUp(): { redisUrl: string; startedHere: boolean } {
  const startedHere = start(['redis']);
  return { redisUrl: redisAddress(), startedHere };
}

export function composeKafkaUp(): { kafkaBrokers: string; startedHere: boolean } {
  const startedHere = start(COMPOSE_BROKERS);
  return { kafkaBrokers: kafkaAddresses(), startedHere };
}

export function composeRuns(service: ComposeService): boolean {
  return compose(['ps', '--quiet', '--status', 'running', service]).trim() !== '';
}

export function postgresUrl(): string {
  const { environment } = serviceOf('postgres');
  const value = (name: string): string | undefined => environment?.[name]?.toString();
  const user = value('POSTGRES_USER') ?? 'postgres';
  const password = encodeURIComponent(value('POSTGRES_PASSWORD') ?? '');
  const database = value('POSTGRES_DB') ?? user;
  return `postgres://${user}:${password}@${published('postgres')}/${database}`;
}

export function redisAddress(): string {
  const password = serviceOf('redis').environment?.['REDISCLI_AUTH']?.toString();
  const user = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
  return `redis://${user}${published('redis')}/0`;
}

export function kafkaAddresses(): string {
  return COMPOSE_BROKERS.map(published).join(',');
}

/** Stops those of the services that this project's `up` has started, and names them. */
export function composeDown(services: readonly string[]): string[] {
  const started = startedServices();
  const mine = started.filter((service) => services.includes(service));
  if (mine.length === 0) return [];
  compose(['stop', ...mine], STOP_MS_MAX);
  writeWhole(STARTED_FILE, JSON.stringify(started.filter((service) => !mine.includes(service))));
  return mine;
}

function start(services: readonly ComposeService[]): boolean {
  const missing = services.filter((service) => !composeRuns(service));
  if (missing.length === 0) return false;
  const started = new Set([...startedServices(), ...missing]);
  writeWhole(STARTED_FILE, JSON.stringify([...started]));
  compose(['up', '--detach', '--wait', ...missing], START_MS_MAX);
  return true;
}

function startedServices(): string[] {
  const text = readIfThere(STARTED_FILE);
  return text === undefined ? [] : v.parse(Started, JSON.parse(text));
}

function readProject(): v.InferOutput<typeof Config> | null {
  if (!existsSync(FILE) || docker(['info'], ASK_MS_MAX) === undefined) return null;
  const text = docker(['compose', '--file', FILE, 'config', '--format', 'json'], ASK_MS_MAX);
  return text === undefined ? null : v.parse(Config, JSON.parse(text));
}

function serviceOf(name: ComposeService): v.InferOutput<typeof Service> {
  const service = project?.services[name];
  if (service) return service;
  throw new PipelineError('STACK_FAILED', `compose.yaml has no service ${name}`);
}

/** What is published, is published on this machine only. */
function published(name: ComposeService): string {
  const port = serviceOf(name).ports?.find((mapping) => mapping.published)?.published;
  if (port !== undefined) return `127.0.0.1:${port}`;
  throw new PipelineError('STACK_FAILED', `compose.yaml publishes no port of ${name}`);
}

function compose(argv: string[], timeoutMs = ASK_MS_MAX): string {
  const output = docker(['compose', '--file', FILE, ...argv], timeoutMs);
  if (output !== undefined) return output;
  throw new PipelineError('STACK_FAILED', `docker compose ${argv.join(' ')} failed`);
}

function docker(argv: string[], timeoutMs: number): string | undefined {
  try {
    const child = Bun.spawnSync(['docker', ...argv], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: timeoutMs,
    });
    return child.exitCode === 0 ? child.stdout.toString() : undefined;
  } catch {
    return undefined; // docker is not installed
  }
}
