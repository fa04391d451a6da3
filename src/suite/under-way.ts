/**
 * Work that overlaps, up to so many rows at a time. The first failure is thrown to whoever comes
 * next, and nothing is taken on after it.
 */
export class UnderWay {
  readonly #rowsMax: number;
  readonly #running = new Set<Promise<void>>();
  #rows = 0;
  #failure: { cause: unknown } | null = null;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  /** Takes work of so many rows on, and waits only as long as there are too many. */
  async add(rows: number, work: Promise<void>): Promise<void> {
    const running = this.#follow(rows, work);
    this.#running.add(running);
    this.#rows += rows;
    void running.finally(() => this.#running.delete(running)); // never rejects
    while (this.#rows >= this.#rowsMax) await Promise.race(this.#running);
    this.#check();
  }

  /** Until all that was taken on is done. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
    this.#check();
  }

  async #follow(rows: number, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (cause) {
      this.#failure ??= { cause };
    } finally {
      this.#rows -= rows;
    }
  }

  #check(): void {
    if (this.#failure) throw this.#failure.cause;
  }
}
