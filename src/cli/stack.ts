import { type Command, Option } from 'commander';

import { redactUrl } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { say } from '../base/terminal.ts';
import {
  isNotAvailable,
  STACK_PARTS,
  stackDown,
  stackStatus,
  stackUp,
  VARIABLES,
  type PartStatus,
  type RunningStack,
  type StackPart,
} from '../stack/stack.ts';
import { withClient } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { describeSchema } from '../store/schema.ts';
import { command, databaseOf, result, type Common } from './common.ts';

const NAMES: Record<StackPart, string> = {
  postgres: 'PostgreSQL',
  redis: 'Redis',
  kafka: 'Kafka',
};

type Chosen = Common & { only?: StackPart[]; without?: StackPart[] };

export function upCommand(): Command {
  return withChoice(
    command(
      'up',
      'start what is needed and is not running: PostgreSQL, Redis, three Kafka brokers',
    ),
  ).action(up);
}

async function up(options: Chosen): Promise<void> {
  const stack = await stackUp(partsOf(options));
  for (const { part, cause } of stack.failed) {
    if (isFatal(options, part, cause)) throw cause;
  }
  for (const { cause } of stack.failed) if (cause instanceof Error) say(cause.message);
  const { postgres, redis, kafka } = stack;
  const migrations = postgres ? await withClient(postgres.databaseUrl, migrate) : [];
  const value = {
    ...(postgres && { databaseUrl: postgres.databaseUrl }),
    ...(redis && { redisUrl: redis.redisUrl }),
    ...(kafka && { kafkaBrokers: kafka.kafkaBrokers }),
    parts: Object.fromEntries(
      STACK_PARTS.flatMap((part) => {
        const running = stack[part];
        return running ? [[part, { how: running.how, startedHere: running.startedHere }]] : [];
      }),
    ),
    revivedBrokers: kafka?.revived ?? [],
    notAvailable: stack.failed.map(({ part }) => part),
    migrations,
  };
  result(options, value, () => describe(stack));
}

/** What only some commands need may be missing, unless it was asked for by name. */
function isFatal(options: Chosen, part: StackPart, cause: unknown): boolean {
  return part === 'postgres' || (options.only ?? []).includes(part) || !isNotAvailable(cause);
}

function describe(stack: RunningStack): string {
  const { postgres, redis, kafka } = stack;
  const lines = [
    ...(postgres ? [started('postgres', postgres, postgres.databaseUrl)] : []),
    ...(redis ? [started('redis', redis, redis.redisUrl)] : []),
    ...(kafka ? [started('kafka', kafka, kafka.kafkaBrokers)] : []),
  ];
  const revived = kafka?.revived ?? [];
  if (revived.length > 0) lines.push(`  started again: broker ${revived.join(', ')}`);
  return lines.join('\n');
}

function started(
  part: StackPart,
  { how, startedHere }: { how: string; startedHere: boolean },
  address: string,
): string {
  const state = startedHere ? 'started' : 'was running already';
  return `${NAMES[part]} ${state} (${how})\n  ${VARIABLES[part]}=${address}`;
}

export function downCommand(): Command {
  return withChoice(
    command(
      'down',
      'stop what `bun run millrace up` started, and nothing else; the data of PostgreSQL and Kafka stay',
    ),
  ).action(async (options: Chosen) => {
    const { stopped, compose } = await stackDown(partsOf(options));
    result(options, { stopped, compose }, () => {
      const lines = stopped.map((part) => `${NAMES[part]} stopped`);
      if (compose.length > 0) lines.push(`compose services stopped: ${compose.join(', ')}`);
      return lines.length > 0 ? lines.join('\n') : 'nothing of ours was running';
    });
  });
}

export function statusCommand(): Command {
  return command('status', 'say what is running').action(async (options: Common) => {
    const parts = await stackStatus();
    const value = Object.fromEntries(parts.map(({ part, ...state }) => [part, state]));
    result(options, value, () => parts.map(statusLine).join('\n'));
  });
}

function statusLine(status: PartStatus): string {
  const { part, how, running, accepting, slow, address, processes } = status;
  const name = NAMES[part];
  if (how === 'environment') {
    return `${name} is named by ${VARIABLES[part]}: ${redactUrl(address ?? '')}`;
  }
  if (!running) return `${name} is not running; \`bun run millrace up\` starts it`;
  const pids = Object.entries(processes).map(([process, pid]) => `${process} ${pid}`);
  const where = [how, ...pids].join(', ');
  const state = accepting
    ? 'is running'
    : slow
      ? 'runs, and is slow to answer'
      : 'runs, but not all of it answers';
  return `${name} ${state} (${where}): ${redactUrl(address ?? '')}`;
}

export function migrateCommand(): Command {
  return command('migrate', 'bring the schema of the database up to date')
    .option('--schema', 'then print the whole schema as text')
    .action(async (options: Common & { schema?: boolean }) => {
      await withClient(await databaseOf(options), async (client) => {
        const applied = await migrate(client);
        for (const name of applied) say(`applied ${name}`);
        if (options.schema) {
          const schema = await describeSchema(client);
          result(options, { applied, schema }, () => schema);
          return;
        }
        result(options, { applied }, () =>
          applied.length > 0 ? `${applied.length} migrations applied` : 'the schema is up to date',
        );
      });
    });
}

function withChoice(target: Command): Command {
  return target
    .addOption(new Option('--only <parts...>', 'these parts alone').choices(STACK_PARTS))
    .addOption(new Option('--without <parts...>', 'all but these').choices(STACK_PARTS));
}

function partsOf({ only, without }: Chosen): StackPart[] {
  if (only && without) throw new PipelineError('USAGE', 'give --only or --without, not both');
  return STACK_PARTS.filter((part) => only?.includes(part) ?? !without?.includes(part));
}
