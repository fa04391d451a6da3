/**
 * Lets callers in one after another, each once its records fit beside those that are on their way.
 * What is larger than all of the room goes alone.
 */
export class Room {
  #max: number;
  #taken = 0;
  #turn: Promise<void> = Promise.resolve();
  #left: (() => void) | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  /** Runs `enter` when it is this caller's turn and there is room; what it gives back comes out. */
  async enter<Result>(records: number, enter: () => Promise<Result>): Promise<Result> {
    const previous = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await previous;
    try {
      while (this.#taken > 0 && this.#taken + records > this.#max) {
        await new Promise<void>((wake) => (this.#left = wake));
      }
      this.#taken += records;
      return await enter();
    } finally {
      resolve();
    }
  }

  leave(records: number): void {
    this.#taken -= records;
    this.#left?.();
  }

  /** Everybody who came so far is in. */
  async settled(): Promise<void> {
    await this.#turn;
  }
}
