import { Argument, Option, type Command } from 'commander';

import { monotonicMs } from '../base/clock.ts';
import { repeat } from '../base/schedule.ts';
import { abortOnSignal, pause } from '../base/shutdown.ts';
import { answer, columns, duration, say } from '../base/terminal.ts';
import { parseRate, RAMP_SECONDS_MAX, type Rate } from '../generate/live-pace.ts';
import { SCENARIOS } from '../model/scenario.ts';
import { STACK_PARTS, stackUp } from '../stack/stack.ts';
import { withClient } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { checkAccess, closeRedis, openRedis } from '../cache/client.ts';
import { connectionSettings } from '../stream/connection.ts';
import type { ConnectionSettings } from '../stream/port.ts';
import { chooseParts, neededBy, WORKERS, type Service } from '../suite/catalogue.ts';
import { configFromEnvironment, httpAddress, type SuiteConfig } from '../suite/config.ts';
import { DRAIN_MS_MAX, START_MS_MAX } from '../suite/part.ts';
import { checkSameKafka } from '../suite/same-kafka.ts';
import { statusLine, statusOf, StatusReader, type SuiteStatus } from '../suite/status.ts';
import type { Suite } from '../suite/suite.ts';
import { command, result, settingsOf, wholeNumber, type Common } from './common.ts';

const STATUS_EVERY_MS = 10_000;
const READY_MS_MAX = 60_000;
const READY_POLL_MS = 100;
const SECONDS_MAX = 31_536_000;

type Options = Common & {
  rate?: Rate;
  ramp?: number;
  scenario?: number;
  seed?: number;
  seconds?: number;
  settings?: string;
};

export function workersCommand(): Command {
  const list = columns(
    WORKERS.map(({ worker, instances, does }) => [
      `  ${worker}`,
      instances > 1 ? `${instances}x` : '',
      does,
    ]),
  );
  return command('workers', 'run the live shop, or the workers named')
    .addArgument(new Argument('[workers...]', 'which ones (default: the whole shop)'))
    .addOption(
      new Option(
        '--rate <orders>',
        'orders a second, or natural, or max (default: natural)',
      ).argParser(parseRate),
    )
    .option('--ramp <seconds>', 'reach the rate evenly', wholeNumber(0, RAMP_SECONDS_MAX))
    .option('--scenario <number>', 'to start with', wholeNumber(0, SCENARIOS.length - 1))
    .option('--seed <number>', 'of all chance', wholeNumber(0, 2 ** 48))
    .option(
      '--seconds <number>',
      'stop by itself after so many, counted from when all are ready',
      wholeNumber(1, SECONDS_MAX),
    )
    .option('--settings <file>', 'JSON with any part of what `bun run millrace settings` prints')
    .addHelpText('after', `\nWorkers:\n${list}`)
    .action(run);
}

async function run(names: string[], options: Options): Promise<void> {
  const specs = chooseParts(names);
  // Not at the top: it brings the Kafka client along, which every other command would have to load.
  const { Suite } = await import('../suite/suite.ts');
  const suite = new Suite({ specs, address: httpAddress() });
  const stop = abortOnSignal();
  try {
    const services = await startServices([...neededBy(specs)], options);
    const config = configFromEnvironment({ ...services, ...chosen(options) });
    if (config.redisUrl !== null && neededBy(specs).has('redis')) await tryRedis(config.redisUrl);
    if (config.kafka !== null) await prepareKafka(config.kafka, config.databaseUrl);
    say(`health and metrics: ${suite.server.url}/readyz, /livez, /metrics`);
    const status = await runSuite(suite, config, { ...options, signal: stop });
    result(
      options,
      status,
      () => `stopped after ${duration(status.seconds)}: ${statusLine(status, null)}`,
    );
  } finally {
    await suite.close();
  }
}

/** Runs a suite until the signal, or for some seconds once it is ready; returns what it has done. */
export async function runSuite(
  suite: Suite,
  config: SuiteConfig,
  { signal, seconds, json = false }: { signal: AbortSignal; seconds?: number; json?: boolean },
): Promise<SuiteStatus> {
  const started = monotonicMs();
  const sinceStart = (): number => (monotonicMs() - started) / 1_000;
  const timeUp = new AbortController();
  const both = AbortSignal.any([signal, timeUp.signal]);
  const deadlines: Timer[] = [];
  const giveUp = (): void => {
    deadlines.push(
      setTimeout(() => leaveUnbegun(suite), START_MS_MAX),
      setTimeout(() => leave(suite), DRAIN_MS_MAX),
    );
  };
  both.addEventListener('abort', giveUp, { once: true });
  const running = suite.run(config, both);
  let last: SuiteStatus | null = null;
  const reader = new StatusReader(suite);
  const telling = pause(STATUS_EVERY_MS, both).then(() =>
    repeat({ everyMs: STATUS_EVERY_MS, signal: both }, async () => {
      const now = await reader.next(sinceStart());
      if (json) answer(JSON.stringify({ status: now }));
      else say(statusLine(now, last));
      last = now;
    }),
  );
  if (seconds !== undefined) void untilTime(suite, seconds, both).then(() => timeUp.abort()); // never rejects
  try {
    await running;
  } finally {
    both.removeEventListener('abort', giveUp);
    for (const deadline of deadlines) clearTimeout(deadline);
    timeUp.abort();
  }
  await telling;
  return await statusOf(suite, sinceStart());
}

/** So many seconds from when all parts were ready; a minute more if they never are. */
async function untilTime({ roster }: Suite, seconds: number, signal: AbortSignal): Promise<void> {
  const lastMs = monotonicMs() + READY_MS_MAX;
  while (roster.unready().length > 0 && monotonicMs() < lastMs && !signal.aborted) {
    await pause(READY_POLL_MS, signal);
  }
  await pause(seconds * 1_000, signal);
}

/** Where nothing has begun there is nothing to finish, and loading may take long on a busy machine. */
function leaveUnbegun({ roster }: Suite): void {
  const late = stillRunning(roster);
  if (late.length === 0 || !late.every((name) => roster.starting(name))) return;
  say(`stopped while these were starting: ${late.join(', ')}`);
  process.exit(0);
}

/** Waiting longer would only mean being killed; what is in flight has not been committed. */
function leave({ roster }: Suite): never {
  const late = stillRunning(roster);
  say(`not done after ${DRAIN_MS_MAX / 1_000} s: ${late.join(', ')}; what is unfinished is undone`);
  process.exit(1);
}

function chosen({ rate, ramp, scenario, seed, settings }: Options): Partial<SuiteConfig> {
  return {
    ...(rate !== undefined && { rate }),
    ...(ramp !== undefined && { rampSeconds: ramp }),
    ...(scenario !== undefined && { scenario }),
    ...(seed !== undefined && { seed }),
    ...(settings !== undefined && { settings: settingsOf(settings) }),
  };
}

function stillRunning(roster: Suite['roster']): string[] {
  return roster.names.filter((name) => roster.state(name) === 'running');
}

/** What the parts need: named by the environment, or started here; with its schema. */
async function startServices(
  needed: readonly Service[],
  { databaseUrl: chosenUrl }: Options,
): Promise<Partial<SuiteConfig>> {
  const parts = STACK_PARTS.filter(
    (part) => needed.includes(part) && (part !== 'postgres' || chosenUrl === undefined),
  );
  const stack = await stackUp(parts);
  for (const { cause } of stack.failed) throw cause;
  const started = parts.filter((part) => stack[part]?.startedHere);
  if (started.length > 0) {
    say(`started ${started.join(', ')}; they go on until \`bun run millrace down\``);
  }
  const databaseUrl = chosenUrl ?? stack.postgres?.databaseUrl;
  if (databaseUrl !== undefined) await withClient(databaseUrl, migrate);
  return {
    ...(databaseUrl !== undefined && { databaseUrl }),
    ...(stack.redis && { redisUrl: stack.redis.redisUrl }),
    ...(stack.kafka && { kafka: connectionSettings('millrace', stack.kafka.kafkaBrokers) }),
  };
}

/** A wrong password is told at once; one that is away stops nothing. */
async function tryRedis(url: string): Promise<void> {
  const redis = await openRedis(url);
  try {
    await checkAccess(redis, url);
  } finally {
    await closeRedis(redis);
  }
}

/** Makes the topics that are missing, and sees that PostgreSQL and Kafka belong together. */
async function prepareKafka(kafka: ConnectionSettings, databaseUrl: string | null): Promise<void> {
  const { connectAdmin } = await import('../stream/admin.ts');
  const admin = await connectAdmin(kafka);
  try {
    await admin.ensureTopics();
    if (databaseUrl) await withClient(databaseUrl, (client) => checkSameKafka(client, admin));
  } finally {
    await admin.close();
  }
}
