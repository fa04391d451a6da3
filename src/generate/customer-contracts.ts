import type { Random } from '../base/random.ts';
import type { CustomerContract, ServiceItem } from '../model/customer.ts';
import { dayText, LAST_DAY, maybeBroken } from './customer-days.ts';
import { SERVICE_ITEMS, type Taste } from './customer-taste.ts';

const HOW_MANY = [0.5, 0.79, 0.93, 1]; // chance of at most 1, 2, 3, 4
const WITHOUT = 0.01; // customers with no contract at all
const ALL_CANCELLED = 0.07;
const RENEWED = 0.1; // contracts with a predecessor on the same item
const SECOND_DETAIL = 0.06;
const WITHOUT_AREA = 0.2;
const OPEN_END = '9999-12-31';
const YEAR = 365;
const TRIES_MAX = 6; // to find an item that the customer has not yet

type Fate = 'open' | 'fixed' | 'expired' | 'cancelled' | 'announced' | 'future';

/** How contracts stand at the end, in order of chance; the rest is open. */
const FATES: readonly (readonly [until: number, Fate])[] = [
  [0.22, 'fixed'],
  [0.32, 'expired'],
  [0.41, 'cancelled'],
  [0.42, 'announced'],
  [0.435, 'future'],
];

/** A customer's contracts, 1 to 4 with few exceptions, each on another item unless renewed. */
export function contractsOf(
  random: Random,
  digits: string,
  taste: Taste,
  registered: number,
  area: number,
): CustomerContract[] {
  if (random.next() < WITHOUT) return [];
  const gone = random.next() < ALL_CANCELLED;
  const chance = random.next();
  const count = 1 + HOW_MANY.findIndex((atMost) => chance < atMost);
  const contracts: CustomerContract[] = [];
  const taken = new Set<ServiceItem>();
  for (let i = 0; i < count; i++) {
    const item = newItem(random, taste, taken);
    if (!item) break; // a sector that wants few things has them all
    const fate = gone ? 'cancelled' : fateOf(random.next());
    const room = LAST_DAY - registered;
    const signed = registered + Math.floor((i === 0 ? 0.1 : 1) * random.next() * room);
    if (fate !== 'future' && random.next() < RENEWED) {
      const before = registered + Math.floor((signed - registered) * random.next());
      contracts.push(contract(random, digits, contracts.length, 'fixed', before, area, [item]));
    }
    const items = [item];
    if (random.next() < SECOND_DETAIL) {
      const second = newItem(random, taste, taken);
      if (second) items.push(second);
    }
    contracts.push(contract(random, digits, contracts.length, fate, signed, area, items));
  }
  return contracts;
}

function newItem(random: Random, taste: Taste, taken: Set<ServiceItem>): ServiceItem | undefined {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const item = SERVICE_ITEMS[taste.services.pick(random.next())];
    if (taken.has(item)) continue;
    taken.add(item);
    return item;
  }
  return undefined;
}

function fateOf(chance: number): Fate {
  return FATES.find(([until]) => chance < until)?.[1] ?? 'open';
}

function contract(
  random: Random,
  digits: string,
  place: number,
  fate: Fate,
  signed: number,
  area: number,
  items: readonly ServiceItem[],
): CustomerContract {
  const starts = fate === 'future' ? LAST_DAY + 1 + random.below(40) : signed + random.below(14);
  const { ends, cancelledOn } = endOf(random, fate, Math.min(starts, LAST_DAY));
  const cancelled = fate === 'cancelled' || fate === 'announced';
  return {
    serial: `K${digits}${place + 1}`,
    type: random.next() < 0.8 ? '정기' : '단기',
    kind: place === 0 ? '신규' : '추가',
    signed: maybeBroken(random, dayText(signed)),
    starts: maybeBroken(random, dayText(starts)),
    ends: maybeBroken(random, ends),
    received: dayText(signed),
    cancelled: cancelled ? 'Y' : 'N',
    cancelledOn: cancelledOn === null ? null : maybeBroken(random, cancelledOn),
    note: random.next() < 0.08 ? random.pick(NOTES) : null,
    details: items.map((item) => ({
      item,
      area: random.next() < WITHOUT_AREA ? null : area,
      option: OPTIONS[random.below(OPTIONS.length)],
    })),
  };
}

const OPTIONS = ['A', 'B', 'C'] as const;
const NOTES = [
  '야간 방문 요청',
  '담당자 사전 연락 필수',
  '점심시간 제외',
  '지하 1층 "창고" 포함',
  '주차: 건물 뒤\\옆',
] as const;

function endOf(
  random: Random,
  fate: Fate,
  starts: number,
): { ends: string; cancelledOn: string | null } {
  const years = 1 + random.below(3);
  if (fate === 'open' || fate === 'future') return { ends: OPEN_END, cancelledOn: null };
  if (fate === 'fixed') {
    // Renewed in silence, a year at a time, until it lies ahead.
    const past = Math.max(0, Math.ceil((LAST_DAY + 1 - starts) / YEAR));
    return { ends: dayText(starts + YEAR * Math.max(years, past)), cancelledOn: null };
  }
  const ended = starts + Math.floor(random.next() * (LAST_DAY - starts));
  if (fate === 'expired') return { ends: dayText(ended), cancelledOn: null };
  const on = fate === 'announced' ? LAST_DAY + 1 + random.below(60) : ended;
  const open = random.next() < 0.5;
  return { ends: open ? OPEN_END : dayText(on), cancelledOn: dayText(on) };
}
