import type { OrderEvent } from './event.ts';

/** Of a text field: where its bytes begin and how many they are, in one small number. */
export type Span = number;

const LENGTH_BITS = 16;
/** A value with a span beyond this has no WrittenOrder. */
export const WRITTEN_BYTES_MAX = (1 << 15) - 1;

export const spanOf = (from: number, to: number): Span => (from << LENGTH_BITS) | (to - from);
export const spanStart = (span: Span): number => span >>> LENGTH_BITS;
export const spanLength = (span: Span): number => span & ((1 << LENGTH_BITS) - 1);

const UUID_LENGTH = 36;
const decoder = new TextDecoder();

/**
 * An order left as the bytes it came in, with its numbers read and its texts found. What copies it
 * on copies bytes; a text is made only for those who ask. Filled by the reader that checks the bytes
 * (stream/wire-quick.ts); neither they nor it change after that.
 */
export class WrittenOrder implements OrderEvent {
  readonly bytes: Uint8Array; // a record's value, WRITTEN_BYTES_MAX at most
  orderIdAt = 0;
  cartIdAt = 0;
  createdAtMs = 0;
  unitPrice = 0;
  totalAmount = 0;
  shippingCost = 0;
  discountAmount = 0;
  quantity = 0;
  scenario = 0;
  paymentMethod = '';
  status = '';
  paymentMethodSpan: Span = 0;
  statusSpan: Span = 0;
  userIdSpan: Span = 0;
  userNameSpan: Span = 0;
  userRegionSpan: Span = 0;
  userGenderSpan: Span = 0;
  userAgeGroupSpan: Span = 0;
  productIdSpan: Span = 0;
  categorySpan: Span = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get orderId(): string {
    return this.#text(spanOf(this.orderIdAt, this.orderIdAt + UUID_LENGTH));
  }

  get cartId(): string {
    return this.#text(spanOf(this.cartIdAt, this.cartIdAt + UUID_LENGTH));
  }

  get userId(): string {
    return this.#text(this.userIdSpan);
  }

  get userName(): string {
    return this.#text(this.userNameSpan);
  }

  get userRegion(): string {
    return this.#text(this.userRegionSpan);
  }

  get userGender(): string {
    return this.#text(this.userGenderSpan);
  }

  get userAgeGroup(): string {
    return this.#text(this.userAgeGroupSpan);
  }

  get productId(): string {
    return this.#text(this.productIdSpan);
  }

  get category(): string {
    return this.#text(this.categorySpan);
  }

  /** Whether the customer's id is these bytes. */
  isOf(userId: Uint8Array): boolean {
    const from = spanStart(this.userIdSpan);
    if (userId.length !== spanLength(this.userIdSpan)) return false;
    for (let i = 0; i < userId.length; i++) {
      if (this.bytes[from + i] !== userId[i]) return false;
    }
    return true;
  }

  /** The same order with all its texts. */
  plain(): OrderEvent {
    const { orderId, cartId, createdAtMs, unitPrice, totalAmount, shippingCost } = this;
    const { discountAmount, quantity, scenario, paymentMethod, status, productId, category } = this;
    const { userId, userName, userRegion, userGender, userAgeGroup } = this;
    return {
      orderId,
      cartId,
      createdAtMs,
      unitPrice,
      totalAmount,
      shippingCost,
      discountAmount,
      quantity,
      scenario,
      paymentMethod,
      status,
      productId,
      category,
      userId,
      userName,
      userRegion,
      userGender,
      userAgeGroup,
    };
  }

  #text(span: Span): string {
    const from = spanStart(span);
    return decoder.decode(this.bytes.subarray(from, from + spanLength(span)));
  }
}
