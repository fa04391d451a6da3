import { CartMaker, type Chunk, type Effects, type ShopDay } from '../generate/carts.ts';
import type { Base } from '../model/base.ts';
import type { ShopSettings } from '../model/settings.ts';
import type { OrderFragments } from '../store/base.ts';
import { CopyBuffer } from '../store/copy-buffer.ts';
import { encodeOrders, type OrderIds } from '../store/order-copy.ts';

/** All that a thread needs to make chunks; the columns inside are shared memory. */
export type MakerSetup = {
  base: Base;
  fragments: OrderFragments;
  settings: ShopSettings;
  ids: OrderIds;
};

/** A chunk's rows as COPY takes them, and what they change. */
export type MadeChunk = { bytes: Uint8Array<ArrayBuffer>; rows: number; effects: Effects };

/** Makes and encodes chunks, one day after the other; the same bytes on any thread. */
export class ChunkMaker {
  readonly #carts: CartMaker;
  readonly #setup: MakerSetup;
  readonly #scratch = new CopyBuffer(1 << 22);

  constructor(setup: MakerSetup) {
    this.#setup = setup;
    this.#carts = new CartMaker(setup.base, setup.settings, setup.ids);
  }

  open(day: ShopDay): void {
    this.#carts.open(day);
  }

  make(day: ShopDay, chunk: Chunk): MadeChunk {
    const effects = this.#carts.make(day, chunk);
    const { batch } = this.#carts;
    const { fragments, ids } = this.#setup;
    return {
      bytes: encodeOrders(batch, fragments, ids, this.#scratch),
      rows: batch.count,
      effects,
    };
  }

  /** See BuyerTable.addExpected; the day must be open. */
  addExpected(cartsByHour: Int32Array, expected: Float64Array): void {
    this.#carts.addExpected(cartsByHour, expected);
  }
}
