import { LockTimeout, type Change, type LockHolder, type SimulatedDatabase } from './database.ts';
import type { Fault, Point } from './faults.ts';
import type { SimulatedProcess } from './process.ts';

const HALF_OPEN_SHARE = 0.1; // of lost connections, that the server goes on believing in
const HALF_OPEN_MS_MAX = 12_000;
const CLOSE_MS_MAX = 50;
const LATE_MS_MAX = 3_000;
const SLOW_MS_MAX = 1_500;

/** What a client makes of a connection that is lost, and of a server that refuses. */
export type Failures = (fault: Fault) => Error;

/**
 * A connection and the server's process behind it. The client may lose it while the server has not
 * noticed: then locks are held on, and a commit that was under way comes late.
 */
export class Session implements LockHolder {
  open = true;
  readonly name: string;
  readonly database: SimulatedDatabase;
  readonly process: SimulatedProcess;
  readonly #failures: Failures;
  #lost = false; // to the client
  #sure = true; // commits wait for the disk
  #changes: Change[] = [];
  #keys: string[] = []; // locked until the transaction ends
  readonly #own: string[] = []; // locked until the session ends
  #committing = false; // late

  constructor(
    name: string,
    database: SimulatedDatabase,
    process: SimulatedProcess,
    failures: Failures,
  ) {
    this.name = name;
    this.database = database;
    this.process = process;
    this.#failures = failures;
    process.onKill(() => this.lose());
    database.sessions.add(this);
    database.onCrash(() => this.#end());
  }

  get lost(): boolean {
    return this.#lost || !this.open;
  }

  /** A statement. What fails, but by `harmless` errors, is the end of the connection. */
  async call<Result>(
    point: Point,
    effect: () => Result | Promise<Result>,
    harmless: (cause: unknown) => boolean = () => false,
  ): Promise<Result> {
    try {
      return await this.process.call(
        point,
        (fault) => (this.database.slow ? this.#slowly(effect, fault) : this.#run(effect, fault)),
        this.#failures,
      );
    } catch (cause) {
      if (harmless(cause)) throw cause;
      this.lose();
      throw cause instanceof LockTimeout ? this.#failures('busy') : cause;
    }
  }

  #run<Result>(
    effect: () => Result | Promise<Result>,
    fault: Fault | null,
  ): Result | Promise<Result> {
    if (this.lost || this.database.away) throw this.#failures('lost');
    if (fault !== 'late') return effect();
    this.#commitLate();
    throw this.#failures('late');
  }

  async #slowly<Result>(
    effect: () => Result | Promise<Result>,
    fault: Fault | null,
  ): Promise<Result> {
    const { random, scheduler } = this.database.ground;
    await scheduler.sleep(random.next() * SLOW_MS_MAX);
    return await this.#run(effect, fault);
  }

  /** Commits that do not wait for the disk. */
  setLazy(lazy: boolean): void {
    this.#sure = !lazy;
  }

  write(change: Change): void {
    this.#changes.push(change);
  }

  async lock(key: string): Promise<void> {
    await this.database.lock(key, this);
    if (!this.open) throw this.#failures('lost');
    this.#keys.push(key);
  }

  tryLock(key: string): boolean {
    if (!this.database.tryLock(key, this)) return false;
    this.#keys.push(key);
    return true;
  }

  /** A lock for as long as the session lives. */
  tryOwn(key: string): boolean {
    if (!this.database.tryLock(key, this)) return false;
    this.#own.push(key);
    return true;
  }

  commit(): void {
    if (this.#changes.length > 0) this.database.commit(this.#changes, this.#sure);
    this.rollback();
  }

  rollback(): void {
    this.#changes = [];
    this.database.unlock(this.#keys, this);
    this.#keys = [];
  }

  /** The client gives it up; the server notices soon, or much later. */
  lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    if (this.#committing) return;
    const { random, scheduler } = this.database.ground;
    const msMax = random.next() < HALF_OPEN_SHARE ? HALF_OPEN_MS_MAX : CLOSE_MS_MAX;
    scheduler.after(random.next() * msMax, () => this.#end());
  }

  #commitLate(): void {
    this.#committing = true;
    const { random, scheduler } = this.database.ground;
    scheduler.after(random.next() * LATE_MS_MAX, () => {
      if (this.open) this.commit();
      this.#end();
    });
  }

  #end(): void {
    if (!this.open) return;
    this.open = false;
    this.database.sessions.delete(this);
    this.rollback();
    this.database.unlock(this.#own, this);
  }
}
