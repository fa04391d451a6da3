import type { Random } from '../base/random.ts';
import { BUY_KINDS, SALE_CHANNELS, type Purchase } from '../model/customer.ts';
import { dayText, LAST_DAY, maybeBroken } from './customer-days.ts';
import { PRODUCT_ITEMS, type Taste } from './customer-taste.ts';

const BUYERS = 0.68;
const AGAIN = 0.62; // chance of one more line, up to LINES_MAX
const LINES_MAX = 8;
const SAME_ORDER = 0.4;
const FAVOURITE = 0.25; // lines that repeat an earlier item
const WINDOW_DAYS = 184; // July to December

/** 0 to 8 lines in the last half year, in order of their dates; the last month stands out for none. */
export function purchasesOf(
  random: Random,
  digits: string,
  taste: Taste,
  registered: number,
): Purchase[] {
  if (random.next() >= BUYERS) return [];
  const lines = [1]; // of each order
  for (let more = 1; more < LINES_MAX && random.next() < AGAIN; more++) {
    if (random.next() < SAME_ORDER) lines[lines.length - 1]++;
    else lines.push(1);
  }
  const from = Math.max(registered, LAST_DAY - WINDOW_DAYS + 1);
  const days = lines.map(() => from + random.below(LAST_DAY - from + 1));
  days.sort((a, b) => a - b);
  const purchases: Purchase[] = [];
  for (const [at, day] of days.entries()) {
    const order = `O${digits}${at + 1}`;
    for (let line = 1; line <= lines[at]; line++)
      purchases.push(purchase(random, order, line, day, taste, purchases));
  }
  return purchases;
}

function purchase(
  random: Random,
  order: string,
  line: number,
  day: number,
  taste: Taste,
  before: readonly Purchase[],
): Purchase {
  const again = before.length > 0 && random.next() < FAVOURITE;
  const item = again
    ? { code: before[0].itemCode, name: before[0].itemName }
    : PRODUCT_ITEMS[taste.products.pick(random.next())];
  return {
    order,
    line,
    date: maybeBroken(random, dayText(day)),
    itemCode: item.code,
    itemName: item.name,
    quantity: 1 + random.below(taste.large ? 20 : 4),
    kind: random.below(BUY_KINDS.length),
    channel: random.below(SALE_CHANNELS.length),
  };
}
