import { PipelineError } from '../base/errors.ts';
import { FAULTS, JOBS } from './catalogue.ts';
import type { Fault, JobDrill } from './drill.ts';
import type { StreamPlan } from './stream-verdict.ts';
import { EVENTS_MIN } from './verdict.ts';

/** What a user may say about drills. */
export type DrillOptions = {
  seed: number;
  ratePerSecond: number; // rows of orders
  minutes: number | null; // of load at least; null: each drill's own
  times: number | null; // strikes of a drill; null: each drill's own
  outageSeconds: number | null; // of PostgreSQL; null: a few, by chance
  eventsMin?: number;
};

/** A drill of several faults. */
export type Mix = Pick<Fault, 'name' | 'what' | 'how' | 'peers'> &
  Pick<StreamPlan, 'faults' | 'times' | 'minutes' | 'gapMs' | 'inTurn' | 'watchMemory'>;

const GAP_MS = [500, 2_000] as const;

/** One of each that a test has the time for, and each moment of those that have several. */
const QUICK = `kill-consumer cut-commit terminate-backend poison broker-kill cut-commit
  kill-thread crash-before-commit terminate-backend redis-kill duplicates crash-after-commit
  postgres-kill cut-commit terminate-backend kill-producer disk-full sigterm postgres-restart
  terminate-backend`
  .split(/\s+/)
  .map(faultOf);

const MIXABLE = FAULTS.filter(({ alone = false }) => !alone);

export const MIXES: readonly Mix[] = [
  {
    name: 'quick',
    what: 'twenty faults of fifteen kinds in turn, as the tests run them',
    how: 'each waits until the stream has come back from the one before; one audit at the end',
    peers: "Kafka Connect's own test: three rounds of bounces, duplicates allowed after hard ones",
    faults: QUICK,
    times: QUICK.length,
    minutes: 0,
    gapMs: GAP_MS,
    inTurn: true,
    watchMemory: false,
  },
  {
    name: 'all',
    what: 'all faults, by chance, several at a time, on one loaded shop',
    how: 'the next one after 0.5 to 4 s, whatever the others are doing; what takes long comes seldom',
    peers:
      'no table of kills with nothing lost and nothing doubled was found for Kafka to PostgreSQL',
    faults: MIXABLE,
    times: null,
    minutes: 5,
    gapMs: [500, 4_000],
    inTurn: false,
    watchMemory: false,
  },
  {
    name: 'soak',
    what: 'memory and open files over a long time, with the faults that no process dies of',
    how: 'one fault in 20 to 40 s; memory by linear regression over the last two thirds',
    peers:
      'Vector flags what differs by 8.87 % at 90 % confidence; Bun 1.3 threads leaked 5 MB a minute (better-ccflare #239)',
    faults: MIXABLE.filter(({ spares }) => spares),
    times: null,
    minutes: 30,
    gapMs: [20_000, 40_000],
    inTurn: false,
    watchMemory: true,
  },
];

/** What a name asks for. */
export function stepOf(name: string, options: DrillOptions): StreamPlan | JobDrill {
  const job = JOBS.find((one) => one.name === name);
  if (job) return job;
  const { seed, ratePerSecond, outageSeconds, eventsMin = EVENTS_MIN } = options;
  const command = commandOf(name, options);
  const asked = { seed, ratePerSecond, outageSeconds, eventsMin, command };
  const drill = MIXES.find((one) => one.name === name) ?? single(faultOf(name));
  return {
    ...drill,
    ...asked,
    times: options.times ?? drill.times,
    minutes: options.minutes ?? drill.minutes,
  };
}

function single(fault: Fault): Mix {
  const { name, what, how, peers, times } = fault;
  const said = { name, what, how, peers };
  const pace = { times, minutes: 0, gapMs: GAP_MS, inTurn: true, watchMemory: false };
  return { ...said, ...pace, faults: [fault] };
}

function faultOf(name: string): Fault {
  const found = FAULTS.find((fault) => fault.name === name);
  if (found) return found;
  const drills = [...FAULTS, ...JOBS, ...MIXES].map((drill) => drill.name);
  throw new PipelineError('USAGE', `there is no drill '${name}'; there are ${drills.join(', ')}`);
}

/** The command that repeats a drill; a job has no rate. */
export function commandOf(
  name: string,
  options: Omit<DrillOptions, 'ratePerSecond'> & { ratePerSecond: number | null },
): string {
  const { seed, ratePerSecond, minutes, times, outageSeconds } = options;
  const words = ['bun run millrace drill', name, `--seed ${seed}`];
  if (ratePerSecond !== null) words.push(`--rate ${ratePerSecond}`);
  if (minutes !== null) words.push(`--minutes ${minutes}`);
  if (times !== null) words.push(`--times ${times}`);
  if (outageSeconds !== null) words.push(`--outage ${outageSeconds}`);
  return words.join(' ');
}
