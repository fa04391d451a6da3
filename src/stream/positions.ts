import type { StreamRecord } from '../model/event.ts';

/** A stretch of offsets that Kafka does not have: [from, to). */
export type Hole = { partition: number; from: number; to: number };

/** A hole counts as real when the same one is met so often, with a seek to its start in between. */
const HOLE_TIMES = 3;

/**
 * How far each held partition has been received. Offsets follow each other without a hole: if some
 * are missing, the partition is unplaced, that is, it must be sought again; if they are missing every
 * time, they do not exist any more.
 */
export class Positions {
  /** Held, but where to read on is not known: records of these are not taken. */
  readonly unplaced = new Set<number>();

  readonly #next = new Map<number, number>();
  readonly #guessed = new Set<number>(); // nobody said that they came, but a record did
  readonly #fresh = new Set<number>(); // placed at their beginning, wherever that is
  /** By partition and first offset: of two that lie close, both are met before one is behind us. */
  readonly #holes = new Map<number, Map<number, { to: number; times: number }>>();
  readonly #onHole: (hole: Hole) => void;

  /** `onHole` is told of offsets that Kafka has lost for good. */
  constructor(onHole: (hole: Hole) => void) {
    this.#onHole = onHole;
  }

  /** Partitions held. */
  get count(): number {
    return this.#next.size;
  }

  /** The partition came, or where it stands is in doubt. */
  unplace(partition: number): void {
    this.#guessed.delete(partition);
    this.#next.set(partition, 0);
    this.unplaced.add(partition);
  }

  unplaceAll(): void {
    for (const partition of this.#next.keys()) this.unplaced.add(partition);
  }

  /** Kafka goes on at `next`; null: at the partition's beginning. */
  place(partition: number, next: number | null): void {
    this.#next.set(partition, next ?? 0);
    this.#guessed.delete(partition);
    this.unplaced.delete(partition);
    if (next === null) this.#fresh.add(partition);
    else {
      this.#fresh.delete(partition);
      this.#forgetHoles(partition, next);
    }
  }

  /**
   * The partition could not be sought. One that only a record told of is not held: the record was left
   * over when it went, and nothing will ever tell that it has gone.
   */
  missed(partition: number): void {
    if (this.#guessed.has(partition)) this.forget(partition);
  }

  /** The partition went. */
  forget(partition: number): void {
    this.#guessed.delete(partition);
    this.#next.delete(partition);
    this.#holes.delete(partition);
    this.#fresh.delete(partition);
    this.unplaced.delete(partition);
  }

  /**
   * Moves on past a record. Gives the offset at which the partition stood, if the record is the next
   * one (its own, if it is the first there is); `before` if it was received earlier; `unplaced` if it
   * must not be taken.
   */
  follow({ partition, offset }: StreamRecord): number | 'before' | 'unplaced' {
    const next = this.#next.get(partition);
    if (next === undefined) {
      this.unplace(partition);
      this.#guessed.add(partition);
      return 'unplaced';
    }
    if (this.unplaced.has(partition)) return 'unplaced';
    if (offset < next) return 'before';
    const fresh = this.#fresh.has(partition);
    if (offset > next) {
      const hole = { partition, from: next, to: offset };
      const times = this.#meet(hole);
      if (times < HOLE_TIMES) {
        this.unplaced.add(partition);
        return 'unplaced';
      }
      // What went before we ever came is nobody's loss.
      if (times === HOLE_TIMES && !fresh) this.#onHole(hole);
    } else if (this.#holes.size > 0) {
      this.#holes.get(partition)?.delete(next); // it is there after all
    }
    this.#fresh.delete(partition);
    this.#next.set(partition, offset + 1);
    return fresh ? offset : next;
  }

  /** How often this hole has been met. A believed one is met again where records before it are. */
  #meet({ partition, from, to }: Hole): number {
    const holes = this.#holes.get(partition) ?? new Map<number, { to: number; times: number }>();
    this.#holes.set(partition, holes);
    const known = holes.get(from);
    const times = known?.to === to ? known.times + 1 : 1;
    holes.set(from, { to, times });
    return times;
  }

  #forgetHoles(partition: number, before: number): void {
    const holes = this.#holes.get(partition);
    for (const from of holes?.keys() ?? []) if (from < before) holes?.delete(from);
    if (holes?.size === 0) this.#holes.delete(partition);
  }
}
