import { expect, test } from 'bun:test';
import {
  CATEGORIES,
  CATEGORY_BUYING,
  CATEGORY_NAMES,
  categoryIndex,
  UNKNOWN_CATEGORY,
} from './category.ts';

const TABLE = `
SS(봄여름) | 15000–150000 | 12 | 1,2,3 | 70/20/10
FW(가을겨울) | 30000–800000 | 10 | 1,2 | 80/20
스킨케어 | 10000–150000 | 18 | 1,2,3,4 | 45/30/18/7
기능성(안티에이징) | 50000–500000 | 8 | 1,2 | 85/15
신선(과일/채소) | 10000–80000 | 20 | 1,2,3 | 55/30/15
육류/가공 | 20000–200000 | 16 | 1,2,3 | 50/35/15
생활가전 | 500000–5000000 | 2 | 1,2,3,4 | 60/20/10/10
IT/게이밍 | 100000–3000000 | 4 | 1,2 | 92/8
세제/위생 | 5000–50000 | 22 | 1,2,3,4,5,6 | 15/25/25/18/12/5
화지/제지 | 10000–40000 | 20 | 1,2,3,4 | 20/35/30/15
건강식품 | 30000–500000 | 10 | 1,2,3 | 55/30/15
영양제 | 15000–150000 | 14 | 1,2,3,4 | 40/35/18/7
소파/침대 | 300000–3000000 | 2 | 1,2,3,4 | 60/20/10/10
사무/학생 | 50000–500000 | 5 | 1,2 | 90/10
골프 | 50000–1500000 | 3 | 1,2 | 88/12
캠핑 | 20000–2000000 | 4 | 1,2 | 85/15
항공 | 50000–1500000 | 6 | 1,2,3,4 | 25/45/20/10
숙박 | 80000–2000000 | 6 | 1,2,3 | 50/35/15
티켓/패스 | 10000–100000 | 8 | 1,2,3,4 | 20/35/30/15
`;

test('the 19 categories are those of the specification, in its order', () => {
  const lines = CATEGORIES.map((category) =>
    [
      category.name,
      `${category.priceMin}–${category.priceMax}`,
      category.frequency,
      category.quantityWeights.map((_, index) => index + 1).join(','),
      category.quantityWeights.join('/'),
    ].join(' | '),
  );
  expect(lines).toEqual(TABLE.trim().split('\n'));
  expect(lines).toHaveLength(19);
});

test('names and indexes belong together', () => {
  expect(CATEGORY_NAMES[0]).toBe('SS(봄여름)');
  expect(CATEGORY_NAMES[18]).toBe('티켓/패스');
  for (const [index, name] of CATEGORY_NAMES.entries()) {
    expect(CATEGORIES[index].name).toBe(name);
    expect(categoryIndex(name)).toBe(index);
  }
  expect(categoryIndex('건강식품')).toBe(10);
  expect(categoryIndex('없는 것')).toBe(-1);
  expect(categoryIndex('toString')).toBe(-1);
});

test('what can be set of each is what the table has', () => {
  expect(Object.keys(CATEGORY_BUYING)).toEqual([...CATEGORY_NAMES]);
  for (const { name, frequency, quantityWeights } of CATEGORIES) {
    expect(CATEGORY_BUYING[name]).toEqual({ frequency, quantityWeights });
  }
});

test('an unknown category weighs 5, is bought as the mean one, and takes 1 to 5 pieces', () => {
  expect(UNKNOWN_CATEGORY).toEqual({
    weight: 5,
    frequency: 10,
    quantityWeights: [80, 10, 5, 3, 2],
  });
});
