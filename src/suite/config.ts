import { hostname } from 'node:os';

import { setting } from '../base/config.ts';
import { PipelineError, type ErrorCode } from '../base/errors.ts';
import { parseRate, RAMP_SECONDS_MAX, type Rate } from '../generate/live-pace.ts';
import { recommendSettings, type RecommendSettings } from '../jobs/recommend-settings.ts';
import { scenario } from '../model/scenario.ts';
import { DEFAULT_SETTINGS, type ShopSettings } from '../model/settings.ts';
import { connectionSettings } from '../stream/connection.ts';
import type { ConnectionSettings } from '../stream/port.ts';

/**
 * All that a part needs to know: plain data, so that it travels to threads as it is. Holds secrets.
 * A service that nobody named is null; only a part that needs it complains.
 */
export type SuiteConfig = {
  databaseUrl: string | null;
  redisUrl: string | null;
  kafka: ConnectionSettings | null;
  /** What Kafka knows this process' consumers by across a restart; null: it is new each time. */
  memberId: string | null;
  ledger: string | null; // a file that gets a line before and after each sending; null: none
  seed: number;
  rate: Rate;
  rampSeconds: number;
  scenario: number; // to start with
  settings: ShopSettings;
  recommend: RecommendSettings;
};

export type HttpAddress = { host: string; port: number };

const HTTP_PORT = 9_464; // where Prometheus exporters of this kind are looked for
const SEED_MAX = 2 ** 48;
const SEED = 42;

/** Where health and metrics are served: MILLRACE_HTTP_HOST and MILLRACE_HTTP_PORT. */
export function httpAddress(): HttpAddress {
  return {
    host: setting('MILLRACE_HTTP_HOST') ?? '127.0.0.1',
    port: wholeSetting('MILLRACE_HTTP_PORT', 0, 65_535) ?? HTTP_PORT,
  };
}

/** What the environment says, under what is known already. */
export function configFromEnvironment(known: Partial<SuiteConfig> = {}): SuiteConfig {
  const chosen = wholeSetting('MILLRACE_SCENARIO', 0, 20) ?? 0;
  const config: SuiteConfig = {
    databaseUrl: setting('DATABASE_URL') ?? null,
    redisUrl: setting('REDIS_URL') ?? null,
    kafka: setting('KAFKA_BROKERS') === undefined ? null : connectionSettings('millrace'),
    memberId: memberId(httpAddress()),
    ledger: setting('MILLRACE_LEDGER') ?? null,
    seed: wholeSetting('MILLRACE_SEED', 0, SEED_MAX) ?? SEED,
    rate: parseRate(setting('MILLRACE_RATE') ?? 'natural'),
    rampSeconds: wholeSetting('MILLRACE_RAMP', 0, RAMP_SECONDS_MAX) ?? 0,
    scenario: scenario(chosen).number,
    settings: DEFAULT_SETTINGS,
    recommend: recommendSettings(),
  };
  return { ...config, ...known };
}

export function databaseOf({ databaseUrl }: SuiteConfig): string {
  return databaseUrl ?? missing('DATABASE_UNREACHABLE', 'DATABASE_URL');
}

export function redisOf({ redisUrl }: SuiteConfig): string {
  return redisUrl ?? missing('REDIS_UNREACHABLE', 'REDIS_URL');
}

/** The brokers, and the name that they shall know us by in their logs. */
export function kafkaOf({ kafka }: SuiteConfig, clientId: string): ConnectionSettings {
  return kafka === null ? missing('KAFKA_UNREACHABLE', 'KAFKA_BROKERS') : { ...kafka, clientId };
}

/**
 * A process keeps its port from all others of its host, so host and port tell it from them, also
 * after a restart. Any free port says nothing.
 */
function memberId({ port }: HttpAddress): string | null {
  return port === 0 ? null : `${hostname().replaceAll(/[^\w.-]/g, '-')}-${port}`;
}

function missing(code: ErrorCode, name: string): never {
  throw new PipelineError(
    code,
    `set ${name}; or start with \`bun run workers <part>\`, which starts what is missing`,
  );
}

function wholeSetting(name: string, min: number, max: number): number | undefined {
  const text = setting(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new PipelineError('USAGE', `${name} '${text}': give a whole number, ${min} to ${max}`);
}
