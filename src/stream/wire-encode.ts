import type { ProductEvent, Trace, UserEvent } from '../model/event.ts';
import type { OutgoingRecord } from './port.ts';
import { formatTime } from './wire-time.ts';
import {
  TRACE_HEADER,
  traceText,
  WIRE_VERSION,
  type ProductEventType,
  type UserEventType,
} from './wire.ts';

const encoder = new TextEncoder();

export function encodeUser(type: UserEventType, event: UserEvent, trace: Trace): OutgoingRecord {
  const { user } = event;
  return record('users', user.userId, trace, {
    version: WIRE_VERSION,
    event_type: type,
    event_id: `${user.userId}@${event.eventTimeMs}`,
    event_time: formatTime(event.eventTimeMs),
    user: {
      user_id: user.userId,
      name: user.name,
      gender: user.gender,
      age: user.age,
      birth_year: user.birthYear,
      address: user.address,
      address_district: user.addressDistrict,
      email: user.email,
      grade: user.grade,
      status: user.status,
      last_login_at: formatTime(user.lastLoginAtMs),
      last_ordered_at: user.lastOrderedAtMs === null ? null : formatTime(user.lastOrderedAtMs),
      marketing_agree: user.marketingAgree,
      random_seed: user.randomSeed,
      created_at: formatTime(user.createdAtMs),
    },
  });
}

export function encodeProduct(
  type: ProductEventType,
  event: ProductEvent,
  trace: Trace,
): OutgoingRecord {
  const { product } = event;
  return record('products', product.productId, trace, {
    version: WIRE_VERSION,
    event_type: type,
    event_id: `${product.productId}@${event.eventTimeMs}`,
    event_time: formatTime(event.eventTimeMs),
    product: {
      product_id: product.productId,
      category: product.category,
      name: product.name,
      org_price: product.orgPrice,
      price: product.price,
      discount_rate: product.discountRate,
      description: product.description,
      brand: product.brand,
      stock: product.stock,
      rating: product.rating,
      review_count: product.reviewCount,
      is_best: product.isBest,
      created_at: formatTime(product.createdAtMs),
      order_count: product.orderCount,
    },
  });
}

function record(
  topic: 'users' | 'products',
  key: string,
  trace: Trace,
  value: object,
): OutgoingRecord {
  return {
    topic,
    key: encoder.encode(key),
    value: encoder.encode(JSON.stringify(value)),
    headers: [[TRACE_HEADER, encoder.encode(traceText(trace))]],
  };
}
