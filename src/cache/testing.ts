import { CATEGORY_NAMES } from '../model/category.ts';
import { GRADES } from '../model/grade.ts';
import type { Pool, PoolProduct, PoolUser } from '../model/pool.ts';
import { GENDERS, USER_STATUSES } from '../model/user.ts';

const FROM_MS = Date.UTC(2025, 0, 1);

/** A pool whose every entry says which generation it is of, in its name. By id, as a reader has it. */
export function samplePool(count: number, generation = 'first'): Pool {
  return {
    users: Array.from({ length: count }, (_, index) => sampleUser(index, generation)),
    products: Array.from({ length: count }, (_, index) => sampleProduct(index, generation)),
  };
}

function sampleUser(index: number, name: string): PoolUser {
  return {
    userId: `U_${String(index + 1).padStart(8, '0')}`,
    name,
    gender: GENDERS[index % GENDERS.length],
    age: 14 + (index % 60),
    birthYear: 2011 - (index % 60),
    address: `서울특별시 물레방아로 ${index}`,
    addressDistrict: '서울특별시',
    email: `user${index}@example.com`,
    grade: GRADES[index % GRADES.length],
    status: USER_STATUSES[index % USER_STATUSES.length],
    marketingAgree: index % 2 === 0,
    lastOrderedAtMs: index % 5 < 2 ? null : FROM_MS + index * 60_001,
    randomSeed: index / 1_000_000,
    createdAtMs: FROM_MS - index * 3_600_001,
  };
}

function sampleProduct(index: number, name: string): PoolProduct {
  return {
    productId: `P${String(index + 1).padStart(8, '0')}`,
    category: CATEGORY_NAMES[index % CATEGORY_NAMES.length],
    name,
    orgPrice: 10_000 + index * 100,
    price: 9_000 + index * 90,
    discountRate: 0.1,
    description: `${name}의 아주 좋은 상품 ${index}. "따옴표"와 \\도 있습니다.`,
    brand: 'Unknown',
    stock: index % 500,
    orderCount: index % 10 < 3 ? 0 : index,
    createdAtMs: FROM_MS - index * 7_200_001,
  };
}
