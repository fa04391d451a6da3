import type { Random } from '../base/random.ts';
import type { Fleet } from './fleet.ts';
import type { Flow } from './flow.ts';
import type { Rig } from './rig.ts';

/** What a fault strikes. In a mix no two strike one place at a time. */
export type Place = 'processes' | 'links' | 'postgres' | 'kafka' | 'redis' | 'records';

/** A fault that has been injected, and healed where it does not heal by itself. */
export type Strike = {
  what: string;
  /**
   * Ms until every partition of orders had a new row in PostgreSQL, from the fault, or from its
   * healing where nothing can be stored before; null: not within the limit.
   */
  firstRow: Promise<number | null>;
};

/** A line of a verdict beside the counts. */
export type Check = { name: string; pass: boolean; found: string };

/** What a fault has to work with. */
export type Scene = {
  rig: Rig;
  fleet: Fleet;
  flow: Flow;
  chance: Random;
  signal: AbortSignal;
  ratePerSecond: number;
  mixed: boolean; // other faults may be under way
  outageSeconds: number | null; // asked for; else the fault's own
  records: RecordMaker;
  /** Ms from now, or from a moment given, until all partitions of orders move on. */
  firstRow: (fromMs?: number) => Promise<number | null>;
  /** A line of the verdict; of many with one name the one of the largest `size` is told. */
  check: (name: string, pass: boolean, found: string, size?: number) => void;
};

/** Makes records besides those of the shop's own producer, and remembers what is to become of them. */
export type RecordMaker = {
  /** So many orders, each sent one to three times; returns how many copies were one too many. */
  repeated(orders: number): Promise<number>;
  /** The next kinds of bad records, one behind each hundred good ones. */
  poisoned(kinds: number): Promise<number>;
};

/** One way in which the world fails, on a stream under load. */
export type Fault = {
  name: string;
  what: string; // one line, for the list
  how: string; // for the table: how it is done
  peers: string; // for the table: what compared systems do or promise (and what that rests on)
  place: Place;
  times: number; // in a drill of its own
  secondsEach: number; // about, for the list
  firstRowMsMax: number; // in a drill of its own; what takes longer fails it
  alone?: boolean; // too long for a mix
  spares: boolean; // no process ends by it, so memory can be watched over many of them
  /** Makes ready before anything runs. */
  prepare?: (rig: Rig) => Promise<Prepared>;
  /** Null: it could not be injected this time. */
  strike: (scene: Scene) => Promise<Strike | null>;
  /** After the last strike of a drill of its own, everything still running. */
  after?: (scene: Scene, strikes: readonly StrikeFound[]) => Promise<void>;
};

/** Ready, and how to undo that; or why it cannot be done on this machine. */
export type Prepared = { cleanUp: () => Promise<void> } | { why: string };

/** A strike as it came out. */
export type StrikeFound = {
  fault: string;
  what: string;
  atSeconds: number; // from the first load
  firstRowMs: number | null;
  ordersPerSecond: number | null; // stored while it lasted, where it lasted a second
};

/** A drill of a job instead of the stream; it needs PostgreSQL alone. */
export type JobDrill = Pick<Fault, 'name' | 'what' | 'how' | 'peers' | 'times' | 'secondsEach'> & {
  run: (job: JobScene) => Promise<JobFound>;
};

export type JobScene = {
  serverUrl: string; // of a PostgreSQL of the drill's own
  chance: Random;
  times: number;
  signal: AbortSignal;
  check: Scene['check'];
  say: (line: string) => void;
};

export type JobFound = { events: number; faults: number; lost: number; duplicated: number };
