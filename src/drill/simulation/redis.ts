import type { Redis } from 'ioredis';

import type { Fault, Point } from './faults.ts';
import type { SimulatedProcess } from './process.ts';

type Hash = Map<string, string>;

const EXPIRED_FACTOR = 1_000;

/** A server of hashes that runs the cache's scripts, each at one instant. */
export class SimulatedRedis {
  readonly onReady = new Set<() => void>(); // told when it can be reached again
  #away = false;
  readonly #hashes = new Map<string, Hash>();
  readonly #expireMs = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get away(): boolean {
    return this.#away;
  }

  set away(away: boolean) {
    this.#away = away;
    if (!away) for (const tell of this.onReady) tell();
  }

  /** Restarted without what it held. */
  empty(): void {
    this.#hashes.clear();
    this.#expireMs.clear();
    this.away = false;
  }

  /** Keys that will be there for ever. */
  get lasting(): string[] {
    return [...this.#hashes.keys()].filter((key) => !this.#expireMs.has(key)).toSorted();
  }

  hash(key: string): Hash | undefined {
    const expireMs = this.#expireMs.get(key);
    if (expireMs !== undefined && expireMs <= this.#now()) this.unlink(key);
    return this.#hashes.get(key);
  }

  unlink(key: string): void {
    this.#hashes.delete(key);
    this.#expireMs.delete(key);
  }

  stage(key: string, [seconds, ...fields]: readonly (string | number)[]): void {
    const hash = this.hash(key) ?? new Map<string, string>();
    for (let at = 0; at < fields.length; at += 2) {
      hash.set(String(fields[at]), String(fields[at + 1]));
    }
    this.#hashes.set(key, hash);
    this.#expireMs.set(key, this.#now() + Number(seconds) * EXPIRED_FACTOR);
  }

  swap(
    keys: readonly string[],
    [users, products, updatedAt]: readonly (string | number)[],
  ): number {
    const counts = [users, products];
    for (const [i, count] of counts.entries()) {
      if ((this.hash(keys[i])?.size ?? 0) !== Number(count)) {
        throw new Error('ERR staged entries are gone, by eviction or because it took too long');
      }
    }
    const generation = Number(this.hash(keys[4])?.get('generation') ?? 0) + 1;
    for (const [i, count] of counts.entries()) {
      this.#hashes.set(keys[i + 2], this.hash(keys[i]) ?? new Map());
      this.unlink(keys[i]);
      const meta = { count, updated_at: updatedAt, generation };
      const texts = Object.entries(meta).map(([name, value]) => [name, String(value)] as const);
      this.#hashes.set(keys[i + 4], new Map(texts));
    }
    return generation;
  }

  read(keys: readonly string[], max: number): unknown[] {
    return [0, 1].flatMap((i) => {
      const entries = this.hash(keys[i]);
      const meta = this.hash(keys[i + 2]);
      const count = entries?.size ?? 0;
      const fields = ['count', 'generation', 'updated_at'].map((name) => meta?.get(name) ?? '');
      return [[String(count), ...fields], count <= max ? [...(entries?.values() ?? [])] : []];
    });
  }
}

type Reply = [error: Error | null, reply: unknown];
type Argument = string | number;

/** Stands in for a connection of ioredis: the commands of the cache, on behalf of a process. */
export class SimulatedRedisClient {
  readonly #server: SimulatedRedis;
  readonly #process: SimulatedProcess;

  constructor(server: SimulatedRedis, process: SimulatedProcess) {
    this.#server = server;
    this.#process = process;
  }

  /** As the cache knows it; it asks nothing else of it. */
  get redis(): Redis {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a part of it, which is all the cache asks
    return this as unknown as Redis;
  }

  on(_event: 'ready', listener: () => void): void {
    this.#server.onReady.add(listener);
  }

  off(_event: 'ready', listener: () => void): void {
    this.#server.onReady.delete(listener);
  }

  async ping(): Promise<string> {
    return await this.#call('redis ping', () => 'PONG');
  }

  pipeline(): { eval: (...stage: Argument[]) => void; exec: () => Promise<Reply[]> } {
    const staged: (readonly Argument[])[] = [];
    return {
      eval: (_script, _keys, ...stage) => void staged.push(stage),
      exec: () => this.#stage(staged),
    };
  }

  /** The script that puts pools in place has two keys more than the one that reads them. */
  async eval(_script: string, keyCount: number, ...rest: Argument[]): Promise<unknown> {
    const keys = rest.slice(0, keyCount).map(String);
    const values = rest.slice(keyCount);
    return keyCount === 6
      ? await this.#call('redis swap', () => this.#server.swap(keys, values))
      : await this.#call('redis read', () => this.#server.read(keys, Number(values[0])));
  }

  async hmget(key: string, ...fields: string[]): Promise<(string | null)[]> {
    return await this.#call('redis mark', () => {
      const hash = this.#server.hash(key);
      return fields.map((field) => hash?.get(field) ?? null);
    });
  }

  async unlink(...keys: string[]): Promise<void> {
    await this.#call('redis unlink', () => {
      for (const key of keys) this.#server.unlink(key);
    });
  }

  /** As ioredis has it, a failure is the reply of a command and no rejection. */
  async #stage(staged: readonly (readonly Argument[])[]): Promise<Reply[]> {
    try {
      return await this.#call('redis stage', () =>
        staged.map(([key, ...values]): Reply => {
          this.#server.stage(String(key), values);
          return [null, 1];
        }),
      );
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      return staged.map(() => [cause, null]);
    }
  }

  async #call<Result>(point: Point, effect: () => Result): Promise<Result> {
    return await this.#process.call(
      point,
      () => {
        if (this.#server.away) throw failure('lost');
        return effect();
      },
      failure,
    );
  }
}

function failure(fault: Fault): Error {
  return new Error(
    fault === 'busy'
      ? "OOM command not allowed when used memory > 'maxmemory'."
      : 'Command timed out',
  );
}
