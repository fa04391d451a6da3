import type { Random } from '../../base/random.ts';

/** How a call can go wrong. */
export type Fault =
  | 'slow' // takes seconds
  | 'lost' // fails, and nothing has happened
  | 'unanswered' // fails, and it has happened
  | 'late' // fails, and it happens a moment later
  | 'in part' // some of it happens, and not all of that is told
  | 'busy' // the server refuses: locked, out of time or of memory
  | 'death' // the process ends before it happens
  | 'death after' // the process ends when it has happened
  | 'freeze'; // the process stands still for seconds, with the call on its way

export type System = 'kafka' | 'database' | 'redis' | 'process';

/** Likelier ones stand there more than once. */
const DEADLY: readonly Fault[] = ['death', 'death after', 'freeze'];
const READ: readonly Fault[] = ['slow', 'lost', 'lost', 'lost', ...DEADLY];
const WRITE: readonly Fault[] = [...READ, 'unanswered', 'unanswered'];
const STATEMENT: readonly Fault[] = [...WRITE, 'busy'];
const COMMIT: readonly Fault[] = [...WRITE, 'late', 'late'];
const UNDO: readonly Fault[] = ['slow', 'lost', 'death', 'freeze']; // of what is lost already
const QUIET: readonly Fault[] = ['slow', ...DEADLY]; // has nothing to fail with, or nobody to tell

/**
 * Every call at which a part of the pipeline waits for the world outside. Nothing else in it waits
 * but for these, for sleeping, and for others who do.
 */
const KAFKA = {
  'kafka open': WRITE,
  'kafka receive': WRITE,
  'kafka seek': WRITE,
  'kafka commit': WRITE,
  'kafka ends': READ,
  'kafka close': QUIET,
  'kafka send': [...WRITE, 'in part', 'in part'],
} as const;

const DATABASE = {
  'sink connect': READ,
  'sink begin': STATEMENT,
  'sink claim': STATEMENT,
  'sink copy': STATEMENT,
  'sink merge': STATEMENT,
  'sink bury': STATEMENT,
  'sink note': STATEMENT,
  'sink advance': STATEMENT,
  'sink commit': COMMIT,
  'sink rollback': STATEMENT,
  'sink positions': STATEMENT,
  'sink close': QUIET,
  'fold connect': READ,
  'fold ages': STATEMENT,
  'fold begin': STATEMENT,
  'fold lock': STATEMENT,
  'fold take': STATEMENT,
  'fold users': STATEMENT,
  'fold products': STATEMENT,
  'fold delete': STATEMENT,
  'fold commit': COMMIT,
  'fold rollback': UNDO,
  'backfill connect': READ,
  'backfill lock': STATEMENT,
  'backfill others': STATEMENT,
  'backfill unfinished': STATEMENT,
  'backfill ledger': STATEMENT,
  'backfill enter': STATEMENT,
  'backfill setting': STATEMENT,
  'backfill begin': STATEMENT,
  'backfill copy': STATEMENT,
  'backfill copied': STATEMENT,
  'backfill days': STATEMENT,
  'backfill end': STATEMENT,
  'backfill commit': COMMIT,
  'backfill rollback': UNDO,
  'backfill close': QUIET,
  'cache rows': READ,
} as const;

const REDIS = {
  'redis ping': READ,
  'redis stage': [...WRITE, 'busy'],
  'redis swap': [...WRITE, 'busy'],
  'redis unlink': WRITE,
  'redis mark': READ,
  'redis read': READ,
} as const satisfies Record<string, readonly Fault[]>;

const POINTS = { ...KAFKA, ...DATABASE, ...REDIS, sleep: QUIET } as const;

export type Point = keyof typeof POINTS;

const SYSTEMS = new Map<Point, System>([
  ...names(KAFKA).map((point) => [point, 'kafka'] as const),
  ...names(DATABASE).map((point) => [point, 'database'] as const),
  ...names(REDIS).map((point) => [point, 'redis'] as const),
  ['sleep', 'process'],
]);

/** What happens to the world as a whole, and what is in the stream. */
export const EVENTS = [
  'rebalance',
  'consumer joins',
  'consumer stops',
  'producer stops',
  'backfill stops',
  'cache stops',
  'kill',
  'database crash',
  'database crash takes commits back',
  'database away',
  'database slow',
  'kafka away',
  'redis away',
  'redis emptied',
  'clock jump',
  'duplicate',
  'duplicate in another partition',
  'poison',
  'refused by the database',
  'offset without a record',
  'record dropped by the driver',
  'records of a partition that has gone',
  'zombie',
] as const;

export type WorldEvent = (typeof EVENTS)[number];

/** How often each fault has come: what never comes proves nothing. */
export class Tally {
  readonly counts = new Map<string, number>();

  constructor() {
    for (const name of EVENTS) this.counts.set(name, 0);
    for (const point of names(POINTS)) {
      for (const fault of POINTS[point]) this.counts.set(`${point}: ${fault}`, 0);
    }
  }

  add(name: string): void {
    const count = this.counts.get(name);
    if (count === undefined) throw new Error(`'${name}' is not in the list of faults`);
    this.counts.set(name, count + 1);
  }

  /** What was counted elsewhere. */
  addAll(counts: Tally['counts']): void {
    for (const [name, count] of counts) this.counts.set(name, (this.counts.get(name) ?? 0) + count);
  }

  get total(): number {
    let total = 0;
    for (const count of this.counts.values()) total += count;
    return total;
  }

  get missing(): string[] {
    return [...this.counts].filter(([, count]) => count === 0).map(([name]) => name);
  }
}

const SHARES = [0, 0.005, 0.02, 0.06]; // of calls that go wrong, by world and system
const SLEEP_SHARE = 0.001;
/** Made again and again; what is done once or twice in a world goes wrong more often, or it never would. */
const FREQUENT: ReadonlySet<Point> = new Set<Point>([
  'kafka receive',
  'kafka seek',
  'kafka ends',
  'kafka send',
  'sink begin',
  'sink claim',
  'sink copy',
  'sink advance',
  'sink commit',
  'sink positions',
  'backfill copy',
]);
const SELDOM_FACTOR = 4;
/** Comes only when something has gone wrong, so it must go wrong more often to do so at all. */
const CLEANING_UP: ReadonlySet<Point> = new Set<Point>([
  'sink rollback',
  'fold rollback',
  'backfill rollback',
  'redis unlink',
]);
const CLEANING_UP_SHARE = 0.3;

/** Decides call by call what goes wrong. Each world spares some of its systems. */
export class Faults {
  on = false;
  readonly tally: Tally;
  readonly #random: Random;
  readonly #shares: Readonly<Record<System, number>>;

  constructor(random: Random, tally: Tally) {
    this.#random = random;
    this.tally = tally;
    const share = (): number => random.pick(SHARES);
    this.#shares = { kafka: share(), database: share(), redis: share(), process: SLEEP_SHARE };
  }

  draw(point: Point): Fault | null {
    if (!this.on) return null;
    const share = this.#shares[SYSTEMS.get(point) ?? 'process'];
    if (share === 0 || this.#random.next() >= shareAt(point, share)) return null;
    return this.#random.pick<Fault>(POINTS[point]);
  }

  /** Whether a fault that was drawn still comes, now; only then is it counted. */
  strikes(point: Point, fault: Fault): boolean {
    if (this.on) this.tally.add(`${point}: ${fault}`);
    return this.on;
  }

  /** Whether something of the world happens now; only then is it counted. */
  event(name: WorldEvent, share: number): boolean {
    if (this.#random.next() >= share) return false;
    this.tally.add(name);
    return true;
  }
}

function shareAt(point: Point, share: number): number {
  if (CLEANING_UP.has(point)) return CLEANING_UP_SHARE;
  return FREQUENT.has(point) || point === 'sleep' ? share : share * SELDOM_FACTOR;
}

function names<Name extends string>(of: Readonly<Record<Name, unknown>>): Name[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a table that has no other keys
  return Object.keys(of) as Name[];
}
