import { expect, test } from 'bun:test';

import { Random } from '../base/random.ts';
import type { Customer } from '../model/customer.ts';
import { DISTRICTS } from '../model/district.ts';
import { INDUSTRIES } from '../model/industry.ts';
import { extractSido, extractSigungu } from '../recommend/address.ts';
import { dayOf } from '../recommend/day.ts';
import { PRODUCT_ITEMS, SERVICE_ITEMS } from './customer-taste.ts';
import { customer } from './customers.ts';

const COUNT = 20_000;
const random = new Random(42, 'customer');
const customers = Array.from({ length: COUNT }, (_, at) => customer(random, at + 1));
const share = (is: (one: Customer) => boolean): number => customers.filter(is).length / COUNT;

test('a customer depends on seed and number, not on who was made before', () => {
  for (const number of [1, 777, 12_345, COUNT]) {
    expect(customer(new Random(42, 'customer'), number)).toEqual(customers[number - 1]);
    expect(customer(new Random(43, 'customer'), number)).not.toEqual(customers[number - 1]);
  }
});

test('codes grow with numbers', () => {
  const codes = customers.map(({ code }) => code);
  expect(codes).toEqual(codes.toSorted());
  expect(new Set(codes).size).toBe(COUNT);
  expect(customer(random, 99_999_999).code).toBe('CUS99999999');
});

test('industries come as often as their shares say', () => {
  const counts = new Map<string, number>();
  for (const { levels } of customers.filter((one) => one.levels[0] !== null))
    counts.set(levels.join(), (counts.get(levels.join()) ?? 0) + 1);
  const known = [...counts.values()].reduce((sum, count) => sum + count, 0);
  expect(known / COUNT).toBeWithin(0.98, 0.99); // the others have no levels
  let chiSquare = 0;
  for (const { levels, share: perMille } of INDUSTRIES) {
    const expected = (known * perMille) / 1_000;
    chiSquare += ((counts.get(levels.join()) ?? 0) - expected) ** 2 / expected;
  }
  expect(INDUSTRIES).toHaveLength(71);
  expect(chiSquare).toBeWithin(38, 113); // 0.1st and 99.9th percentile, 70 degrees of freedom
});

test('people live where people live, in every district, and addresses say so', () => {
  const found = new Map<string, number>();
  let right = 0;
  for (const { address, department } of customers) {
    const sido = extractSido(address);
    const label = `${sido} ${extractSigungu(address) ?? ''}`;
    found.set(label, (found.get(label) ?? 0) + 1);
    if (sido?.slice(0, 2) === department.slice(0, 2)) right++;
  }
  expect(right / COUNT).toBeGreaterThan(0.994); // the rest has no address, or no sido in it
  const people = DISTRICTS.reduce((sum, district) => sum + district.people, 0);
  const missing = DISTRICTS.filter(({ sido, name }) => !found.has(`${sido} ${name}`));
  expect(missing.length).toBeLessThan(8); // islands and mountains
  const large = DISTRICTS.filter((district) => district.people > 400);
  for (const { sido, name, people: here } of large) {
    const expected = (COUNT * here) / people;
    const z = ((found.get(`${sido} ${name}`) ?? 0) - expected) / Math.sqrt(expected);
    expect(Math.abs(z)).toBeLessThan(5);
  }
});

test('the canonical spelling is the commonest, and some addresses are odd', () => {
  expect(share(({ address }) => address === null)).toBeWithin(0.001, 0.006);
  expect(
    share(({ address }) => /^(서울특별시|부산광역시|경기도|강원특)/.test(address ?? '')),
  ).toBeGreaterThan(0.2);
  expect(share(({ address }) => (address ?? '').startsWith('서울 '))).toBeGreaterThan(0.02);
  expect(share(({ address }) => /^(서울시|강원도|전라북도) /.test(address ?? ''))).toBeGreaterThan(
    0.01,
  );
  expect(share(({ address }) => /^[(\d]/.test(address ?? ''))).toBeWithin(0.004, 0.014);
});

test('some coordinates and areas are missing; the others are in the country', () => {
  expect(share(({ latitude }) => latitude === null)).toBeWithin(0.025, 0.035);
  expect(share(({ latitude, longitude }) => (latitude === null) !== (longitude === null))).toBe(0);
  expect(share(({ latitude }) => latitude === 0)).toBeWithin(0.0005, 0.004);
  expect(
    share(({ latitude, longitude }) => (latitude ?? 0) > 33 && (longitude ?? 0) > 125.5),
  ).toBeWithin(0.96, 0.98);
  expect(share(({ area }) => area === null)).toBeWithin(0.11, 0.13);
  for (const { area } of customers) if (area !== null) expect(area).toBeGreaterThanOrEqual(5);
});

test('premises are as large as the kind: medians within a tenth', () => {
  for (const { levels, share: perMille, area } of INDUSTRIES) {
    if (perMille < 20) continue;
    const areas = customers
      .filter((one) => one.area !== null && one.levels.join() === levels.join())
      .map((one) => one.area ?? 0)
      .toSorted((a, b) => a - b);
    expect(areas[areas.length >> 1] / area).toBeWithin(0.9, 1.1);
  }
});

test('contracts: one to four and their predecessors, in every state, on items of the catalogue', () => {
  const counts = customers.map(({ contracts }) => contracts.length);
  expect(counts.filter((count) => count === 0).length / COUNT).toBeWithin(0.006, 0.014);
  expect(Math.max(...counts)).toBeWithin(4, 9);
  const all = customers.flatMap(({ contracts }) => contracts);
  expect(all.length / COUNT).toBeWithin(1.8, 2.1);
  const part = (is: (one: (typeof all)[number]) => boolean) => all.filter(is).length / all.length;
  expect(part(({ cancelled }) => cancelled === 'Y')).toBeWithin(0.12, 0.2);
  expect(part(({ ends }) => ends === '9999-12-31')).toBeWithin(0.4, 0.65);
  expect(
    part(({ cancelled, ends }) => cancelled === 'N' && (dayOf(ends) ?? 0) < 20_251_231),
  ).toBeWithin(0.05, 0.2);
  expect(part(({ starts }) => (dayOf(starts) ?? 0) > 20_251_231)).toBeWithin(0.005, 0.02);
  expect(part(({ starts }) => starts !== null && dayOf(starts) === null)).toBeWithin(0.0002, 0.003);
  expect(
    share(
      ({ contracts }) =>
        contracts.length > 0 && contracts.every(({ cancelled }) => cancelled === 'Y'),
    ),
  ).toBeWithin(0.07, 0.2);
  const items = new Set(all.flatMap(({ details }) => details.map(({ item }) => item.name)));
  expect(items.size).toBe(SERVICE_ITEMS.length);
  expect(new Set(all.map(({ serial }) => serial)).size).toBe(all.length);
});

test('purchases: none to eight lines of the last half year, the last month among them', () => {
  expect(share(({ purchases }) => purchases.length === 0)).toBeWithin(0.3, 0.34);
  expect(Math.max(...customers.map(({ purchases }) => purchases.length))).toBe(8);
  const all = customers.flatMap(({ purchases }) => purchases);
  const days = all.map(({ date }) => dayOf(date)).filter((day) => day !== null);
  expect(Math.min(...days)).toBeGreaterThanOrEqual(20_250_701);
  expect(Math.max(...days)).toBeLessThanOrEqual(20_251_231);
  expect(days.filter((day) => day > 20_251_200).length / days.length).toBeWithin(0.14, 0.22);
  expect(new Set(all.map(({ itemName }) => itemName)).size).toBe(PRODUCT_ITEMS.length);
});

/** The three names that come most often. */
function top3(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts.entries()]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([name]) => name);
}

test('segments differ: a kind’s earlier purchases tell December better than everybody’s do', () => {
  const kindOf = ({ levels }: Customer): string => `${levels[0]} ${levels[1]}`;
  const bought = (one: Customer, december: boolean): string[] =>
    one.purchases
      .filter(({ date }) => (dayOf(date) ?? 0) > 20_251_200 === december)
      .map(({ itemName }) => itemName);
  const everybody = top3(customers.flatMap((one) => bought(one, false)));
  const kinds = Map.groupBy(customers, kindOf);
  let byKind = 0;
  let byAll = 0;
  for (const members of kinds.values()) {
    const best = top3(members.flatMap((one) => bought(one, false)));
    for (const one of members) {
      const december = new Set(bought(one, true));
      byKind += best.filter((name) => december.has(name)).length;
      byAll += everybody.filter((name) => december.has(name)).length;
    }
  }
  expect(byKind / byAll).toBeGreaterThan(1.3);
  const first = [...kinds.values()].filter((members) => members.length > 300);
  const tops = new Set(
    first.map((members) => top3(members.flatMap((one) => bought(one, false)))[0]),
  );
  expect(tops.size).toBeGreaterThan(6);
});

test('what the south and large premises take differs from the rest', () => {
  const rate = (item: string, is: (one: Customer) => boolean): number => {
    const of = customers.filter(is);
    return (
      of.filter(({ contracts }) =>
        contracts.some(({ details }) => details.some((detail) => detail.item.name === item)),
      ).length / of.length
    );
  };
  const home = ({ levels }: Customer): boolean => levels[0] === '가정집';
  const south = (one: Customer): boolean =>
    home(one) && (one.latitude ?? 99) < 35.5 && (one.latitude ?? 0) > 33;
  const north = (one: Customer): boolean => home(one) && (one.latitude ?? 0) > 37.4;
  expect(rate('흰개미방제', south) / rate('흰개미방제', north)).toBeGreaterThan(1.8);
  const building = ({ levels }: Customer): boolean => levels[1] === '빌딩';
  const large = (one: Customer): boolean => building(one) && (one.area ?? 0) > 500;
  const small = (one: Customer): boolean => building(one) && (one.area ?? 999) <= 500;
  expect(rate('저수조청소', large) / rate('저수조청소', small)).toBeGreaterThan(1.3);
});
