import { drainMicrotasks } from 'bun:jsc';

/** Something to happen at a moment; cancelled by taking `wake` away. */
export type Timer = { readonly atMs: number; readonly order: number; wake: (() => void) | null };

/**
 * Time that passes only when everybody waits: minutes in milliseconds, and alike for one seed. All
 * waiting in a simulation is for a timer here, so whose turn comes next follows from the seed alone.
 */
export class Scheduler {
  nowMs = 0;
  readonly #heap: Timer[] = []; // the earliest first; of one moment, the one that was set first
  #order = 0;

  at(atMs: number, wake: () => void): Timer {
    const timer = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, wake };
    this.#push(timer);
    return timer;
  }

  after(ms: number, wake: () => void): Timer {
    return this.at(this.nowMs + ms, wake);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.nowMs + ms, resolve));
  }

  /** Moments that somebody still waits for. */
  get waiting(): number {
    return this.#heap.filter(({ wake }) => wake !== null).length;
  }

  /** Lets everybody go on as far as they can, then time to the next moment; until `done`. */
  run(done: () => boolean, untilMs: number): void {
    for (;;) {
      drainMicrotasks();
      if (done()) return;
      const timer = this.#pop();
      if (!timer) throw new Error(`everybody waits for ever after ${this.nowMs.toFixed(0)} ms`);
      if (timer.atMs > untilMs) throw new Error(`not done after ${untilMs} ms`);
      this.nowMs = timer.atMs;
      timer.wake?.();
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(timer, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return last;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
