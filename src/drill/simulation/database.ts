import type { LedgerDay } from '../../store/runs.ts';
import type { Move } from '../../store/sink-transaction.ts';
import type { OrderEvent, Rejected } from '../../model/event.ts';
import type { Ground } from './process.ts';

/** What orders of one batch change elsewhere, until a folder applies it. */
export type Effect = {
  users: readonly (readonly [userId: string, orderedAtMs: number])[];
  products: readonly (readonly [productId: string, sold: number])[];
  atMs: number;
};

export type StoredRun = {
  options: unknown;
  baseChecksum: string;
  finished: { orders: number; checksum: string } | null;
  days: Map<string, LedgerDay>;
  rows: Uint8Array[]; // as COPY took them, commit by commit
};

/** What a server has committed. */
export type State = {
  orders: Map<string, OrderEvent>;
  letters: Map<string, Rejected>; // by partition/offset
  offsets: Map<number, Move>; // by partition; `from` is where reading began
  effects: Map<number, Effect>;
  lastOrdered: Map<string, number>; // users.last_ordered_at
  sold: Map<string, number>; // products.order_count
  runs: Map<number, StoredRun>;
};

/** A row or more that a transaction writes. It may be applied again, to a server that has crashed. */
export type Change = (state: State) => void;

type Commit = { atMs: number; changes: readonly Change[] };

/** Who may hold a lock, and is gone when the server crashes. */
export type LockHolder = { readonly name: string; readonly open: boolean };

const LAZY_MS = 600; // a crash may take back commits that are no older than this
const LOCK_MS_MAX = 10_000;

export class LockTimeout extends Error {}

/**
 * A server: the log of what was committed, and the state that follows from it. A commit is one
 * instant; what is not committed is nowhere but with its session. A crash cuts the log.
 */
export class SimulatedDatabase {
  away = false;
  slow = false;
  state = emptyState();
  readonly ground: Ground;
  readonly highest = new Map<number, number>(); // that each partition ever stood at
  readonly sessions = new Set<LockHolder>();
  /** What must not happen and did. */
  readonly violations: string[] = [];
  readonly #log: Commit[] = [];
  #sureCommits = 0; // on disk
  #effects = 0;
  #runs = 0;
  readonly #locks = new Map<string, LockHolder>();
  readonly #waiting: { key: string; wake: () => void }[] = [];
  #onCrash: (() => void)[] = [];

  constructor(ground: Ground) {
    this.ground = ground;
  }

  nextEffect(): number {
    return ++this.#effects;
  }

  nextRun(): number {
    return ++this.#runs;
  }

  get locked(): string[] {
    return [...this.#locks.keys()];
  }

  /** `sure`: it is on disk before the answer, and so is everything before it. */
  commit(changes: readonly Change[], sure: boolean): void {
    const before = Array.from(this.state.offsets, ([partition, { next }]) => ({ partition, next }));
    const atMs = this.ground.scheduler.nowMs;
    this.#log.push({ atMs, changes });
    if (sure) this.#sureCommits = this.#log.length;
    for (const change of changes) change(this.state);
    for (const { partition, next } of before) {
      const now = this.state.offsets.get(partition)?.next ?? 0;
      if (now >= next) continue;
      this.violations.push(`the offset of partition ${partition} went from ${next} back to ${now}`);
    }
    for (const [partition, { next }] of this.state.offsets) {
      this.highest.set(partition, Math.max(next, this.highest.get(partition) ?? 0));
    }
  }

  /** Whether it took commits back. Sessions end, and with them what they had begun. */
  crash(): boolean {
    const lazyMs = this.ground.scheduler.nowMs - LAZY_MS;
    while (this.#sureCommits < this.#log.length && this.#log[this.#sureCommits].atMs <= lazyMs) {
      this.#sureCommits++;
    }
    const doubtful = this.#log.length - this.#sureCommits;
    const lost = this.ground.random.below(doubtful + 1);
    this.#log.length -= lost;
    if (lost > 0) {
      this.state = emptyState();
      for (const { changes } of this.#log) for (const change of changes) change(this.state);
    }
    const sessions = this.#onCrash;
    this.#onCrash = [];
    for (const end of sessions) end();
    return lost > 0;
  }

  onCrash(end: () => void): void {
    this.#onCrash.push(end);
  }

  /** Takes a lock that nobody else has; `tryLock` and `lock` of what one has already do nothing. */
  tryLock(key: string, holder: LockHolder): boolean {
    const held = this.#locks.get(key);
    if (held !== undefined && held !== holder) return false;
    this.#locks.set(key, holder);
    return true;
  }

  /** Waits for a lock. Throws LockTimeout; does nothing for a holder that has ended meanwhile. */
  async lock(key: string, holder: LockHolder): Promise<void> {
    const untilMs = this.ground.scheduler.nowMs + LOCK_MS_MAX;
    while (holder.open && !this.tryLock(key, holder)) {
      if (this.ground.scheduler.nowMs >= untilMs) throw new LockTimeout(key);
      await new Promise<void>((resolve) => {
        const timer = this.ground.scheduler.at(untilMs, resolve);
        this.#waiting.push({
          key,
          wake: () => {
            timer.wake = null;
            resolve();
          },
        });
      });
    }
  }

  unlock(keys: readonly string[], holder: LockHolder): void {
    for (const key of keys) {
      if (this.#locks.get(key) !== holder) continue;
      this.#locks.delete(key);
      for (let at = this.#waiting.length - 1; at >= 0; at--) {
        if (this.#waiting[at].key === key) this.#waiting.splice(at, 1)[0].wake();
      }
    }
  }
}

function emptyState(): State {
  return {
    orders: new Map(),
    letters: new Map(),
    offsets: new Map(),
    effects: new Map(),
    lastOrdered: new Map(),
    sold: new Map(),
    runs: new Map(),
  };
}
