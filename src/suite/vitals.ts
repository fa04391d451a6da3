/**
 * Signs of life that threads leave in shared memory, where the supervisor reads them without asking:
 * a thread that is stuck cannot answer, and that is the point. Three whole numbers a part.
 */
const FIELDS = 3;
const BEATS = 0; // grows with every sign of life
const SILENT_MS_MAX = 1; // how long the part may now be silent
const PROGRESS = 2; // grows whenever the part got something done

/** A loop without a reason to be slow goes around at least this often. */
export const SILENT_MS_DEFAULT = 30_000;

export class Vitals {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#cells = new Int32Array(buffer);
  }

  static forParts(count: number): Vitals {
    return new Vitals(new SharedArrayBuffer(count * FIELDS * Int32Array.BYTES_PER_ELEMENT));
  }

  /** `silentMsMax`: the next sign comes within this. */
  beat(slot: number, silentMsMax = SILENT_MS_DEFAULT): void {
    Atomics.store(this.#cells, slot * FIELDS + SILENT_MS_MAX, silentMsMax);
    Atomics.add(this.#cells, slot * FIELDS + BEATS, 1);
  }

  progress(slot: number): void {
    Atomics.add(this.#cells, slot * FIELDS + PROGRESS, 1);
  }

  read(slot: number): { beats: number; silentMsMax: number; progress: number } {
    const at = slot * FIELDS;
    return {
      beats: Atomics.load(this.#cells, at + BEATS),
      silentMsMax: Atomics.load(this.#cells, at + SILENT_MS_MAX),
      progress: Atomics.load(this.#cells, at + PROGRESS),
    };
  }
}
