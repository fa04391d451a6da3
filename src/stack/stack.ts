import { setting } from '../base/config.ts';
import {
  COMPOSE_BROKERS,
  composeDown,
  composeRuns,
  composeWorks,
  kafkaAddresses,
  postgresUrl,
  redisAddress,
  type ComposeService,
} from './compose.ts';
import { kafkaDown, kafkaStatus, kafkaUp, type RunningKafka } from './kafka.ts';
import { NotAvailable } from './not-available.ts';
import {
  down as postgresDown,
  status as postgresStatus,
  up as postgresUp,
  type Running,
} from './postgres.ts';
import { redisDown, redisStatus, redisUp, type RunningRedis } from './redis.ts';

export const STACK_PARTS = ['postgres', 'redis', 'kafka'] as const;
export type StackPart = (typeof STACK_PARTS)[number];

export type RunningStack = {
  postgres?: Running;
  redis?: RunningRedis;
  kafka?: RunningKafka;
  failed: { part: StackPart; cause: unknown }[]; // what could not be started; the rest runs
};

export type PartStatus = {
  part: StackPart;
  how: 'environment' | 'compose' | 'embedded';
  running: boolean | null; // null: the environment names it, and it was not looked at
  accepting: boolean | null;
  slow: boolean; // all of it runs and listens, and some has not answered in time
  address?: string; // as in the part's variable; with its password
  processes: Record<string, number>; // pids by name, of what this project runs itself
};

/** The variable that names a part, and wins over everything else. */
export const VARIABLES: Record<StackPart, string> = {
  postgres: 'DATABASE_URL',
  redis: 'REDIS_URL',
  kafka: 'KAFKA_BROKERS',
};

const COMPOSE_SERVICES: Record<StackPart, readonly ComposeService[]> = {
  postgres: ['postgres'],
  redis: ['redis'],
  kafka: COMPOSE_BROKERS,
};

/** Starts those parts side by side. One that fails does not keep the others from running. */
export async function stackUp(parts: readonly StackPart[] = STACK_PARTS): Promise<RunningStack> {
  const stack: RunningStack = { failed: [] };
  const starts: Record<StackPart, () => Promise<void>> = {
    postgres: async () => {
      stack.postgres = await postgresUp();
    },
    redis: async () => {
      stack.redis = await redisUp();
    },
    kafka: async () => {
      stack.kafka = await kafkaUp();
    },
  };
  await Promise.all(
    parts.map((part) => starts[part]().catch((cause) => void stack.failed.push({ part, cause }))),
  );
  return stack;
}

/** Whether a part cannot run on this machine, as opposed to having failed on it. */
export function isNotAvailable(cause: unknown): cause is NotAvailable {
  return cause instanceof NotAvailable;
}

/** Stops what this project has started, in compose too, and names it. */
export async function stackDown(
  parts: readonly StackPart[] = STACK_PARTS,
): Promise<{ stopped: StackPart[]; compose: string[] }> {
  const stops: Record<StackPart, () => Promise<{ wasRunning: boolean }>> = {
    postgres: postgresDown,
    redis: redisDown,
    kafka: kafkaDown,
  };
  const compose = composeDown(parts.flatMap((part) => COMPOSE_SERVICES[part]));
  const ended = await Promise.all(parts.map(async (part) => ({ part, ...(await stops[part]()) })));
  return { stopped: ended.filter(({ wasRunning }) => wasRunning).map(({ part }) => part), compose };
}

/** Looks, changes nothing, and waits for an answer no longer than STATUS_MS_MAX. */
export async function stackStatus(): Promise<PartStatus[]> {
  return Promise.all(STACK_PARTS.map(partStatus));
}

/** The address of a part that a command can use now, or undefined. */
export async function addressOf(part: StackPart): Promise<string | undefined> {
  return setting(VARIABLES[part]) ?? (await partStatus(part)).address;
}

async function partStatus(part: StackPart): Promise<PartStatus> {
  const named = setting(VARIABLES[part]);
  const base = { part, slow: false, processes: {} };
  if (named !== undefined) {
    return { ...base, how: 'environment', running: null, accepting: null, address: named };
  }
  const embedded = await EMBEDDED[part]();
  if (embedded.running || !composeRunsAny(part)) return { ...embedded, part, how: 'embedded' };
  const address = COMPOSE_ADDRESSES[part]();
  return { ...base, how: 'compose', running: true, accepting: true, address };
}

function composeRunsAny(part: StackPart): boolean {
  const services = COMPOSE_SERVICES[part];
  return services.every(composeWorks) && services.some(composeRuns);
}

const COMPOSE_ADDRESSES: Record<StackPart, () => string> = {
  postgres: postgresUrl,
  redis: redisAddress,
  kafka: kafkaAddresses,
};

type Embedded = Pick<PartStatus, 'running' | 'accepting' | 'slow' | 'address' | 'processes'>;

const EMBEDDED: Record<StackPart, () => Promise<Embedded>> = {
  postgres: async () => {
    const { running, accepting, slow, pid, databaseUrl } = await postgresStatus();
    return embeddedState({ running, accepting, slow }, databaseUrl, { postmaster: pid });
  },
  redis: async () => {
    const { running, accepting, slow, pid, redisUrl } = await redisStatus();
    return embeddedState({ running, accepting, slow }, redisUrl, { redis: pid });
  },
  kafka: async () => {
    const { running, accepting, slow, brokers, kafkaBrokers } = await kafkaStatus();
    const pids = Object.fromEntries(brokers.map(({ id, pid }) => [`broker${id}`, pid]));
    return embeddedState({ running, accepting, slow }, kafkaBrokers, pids);
  },
};

function embeddedState(
  state: { running: boolean; accepting: boolean; slow: boolean },
  address: string | undefined,
  pids: Record<string, number | undefined>,
): Embedded {
  const processes: Record<string, number> = {};
  for (const [name, pid] of Object.entries(pids)) if (pid !== undefined) processes[name] = pid;
  return { ...state, processes, ...(address !== undefined && { address }) };
}
