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
  readonly #fresh = new Set<number>(); // placed at their beginning, wherever that is
  readonly #holes = new Map<number, Hole & { times: number }>();
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
    this.#next.set(partition, 0);
    this.unplaced.add(partition);
  }

  unplaceAll(): void {
    for (const partition of this.#next.keys()) this.unplaced.add(partition);
  }

  /** Kafka goes on at `next`; null: at the partition's beginning. */
  place(partition: number, next: number | null): void {
    this.#next.set(partition, next ?? 0);
    this.unplaced.delete(partition);
    if (next === null) this.#fresh.add(partition);
    else this.#fresh.delete(partition);
  }

  /** The partition went. */
  forget(partition: number): void {
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
    if (next === undefined || this.unplaced.has(partition)) {
      this.unplace(partition);
      return 'unplaced';
    }
    if (offset < next) return 'before';
    const fresh = this.#fresh.has(partition);
    if (offset > next) {
      const hole = { partition, from: next, to: offset };
      if (!this.#isReal(hole)) {
        this.unplaced.add(partition);
        return 'unplaced';
      }
      if (!fresh) this.#onHole(hole); // what went before we ever came is nobody's loss
    }
    this.#fresh.delete(partition);
    this.#next.set(partition, offset + 1);
    return fresh ? offset : next;
  }

  #isReal(hole: Hole): boolean {
    const known = this.#holes.get(hole.partition);
    const again = known?.from === hole.from && known.to === hole.to;
    const times = again ? known.times + 1 : 1;
    this.#holes.set(hole.partition, { ...hole, times });
    if (times < HOLE_TIMES) return false;
    this.#holes.delete(hole.partition);
    return true;
  }
}
