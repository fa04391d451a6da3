import { WIRE_VERSION } from './wire.ts';

const encoder = new TextEncoder();
export const bytesOf = (text: string): Uint8Array => encoder.encode(text);

/** What stands between the values of an order as it is written here, up to its payment method. */
export const HEAD = bytesOf(`{"version":${WIRE_VERSION},"event_type":"order_created","event_id":"`);
export const EVENT_TIME = bytesOf('","event_time":"');
export const ORDER_ID = bytesOf('","order":{"order_id":"');
export const CART_ID = bytesOf('","cart_id":"');
export const CREATED_AT = bytesOf('","created_at":"');
export const UNIT_PRICE = bytesOf('","unit_price":');
export const TOTAL_AMOUNT = bytesOf(',"total_amount":');
export const SHIPPING_COST = bytesOf(',"shipping_cost":');
export const DISCOUNT_AMOUNT = bytesOf(',"discount_amount":');
export const QUANTITY = bytesOf(',"quantity":');
export const SCENARIO = bytesOf(',"scenario":');
