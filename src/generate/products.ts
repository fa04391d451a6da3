import { randomBeta } from 'd3-random';
import { seoulDate } from '../base/clock.ts';
import { Random } from '../base/random.ts';
import { CATEGORIES, type Category } from '../model/category.ts';
import type { Product } from '../model/product.ts';
import { DEFAULT_SETTINGS, type ShopSettings } from '../model/settings.ts';
import {
  CLOSINGS,
  OPENINGS,
  PREFIXES,
  PREFIXES_SINGLE,
  WITHOUT_PAIR,
  WITHOUT_PREFIX,
  type Words,
  WORDS,
} from './words.ts';

export type ProductOptions = {
  seed: number;
  count: number;
  firstNumber: number; // of the row at index 0
  fromMs: number; // products are registered in [fromMs, toMs)
  toMs: number;
  settings?: ShopSettings['products'];
  plantedErrorShare?: number; // rows listed below their price, for an alert to find
};

const PLANTED_ERROR_SHARE = 0.01;

const PREFIX_SHARE = 0.3;
const LISTED_SHARE = 0.4; // of products that have a list price above the price
const PRICE_STEP = 100; // won
const STOCK_MAX = 500;

/** The rows at [start, end) of the catalogue; any cut gives the same rows as the whole. */
export function productRows(
  options: ProductOptions,
  start = 0,
  end: number = options.count,
): Product[] {
  const random = new Random(options.seed, 'product');
  const rows: Product[] = [];
  for (let index = start; index < end; index++) {
    rows.push(product(random, index, options.firstNumber + index, options));
  }
  return rows;
}

/** The product at an index. `number` goes into its id only; `random` is moved to the index. */
export function product(
  random: Random,
  index: number,
  number: number,
  options: Omit<ProductOptions, 'seed' | 'count' | 'firstNumber'>,
): Product {
  const { fromMs, toMs, settings = DEFAULT_SETTINGS.products } = options;
  random.at(index);
  const shelf = random.pick(SHELVES);
  const category = shelf.category.name;
  const label = random.below(shelf.brands.length);
  const brand = shelf.brands[label];
  const premium = label < shelf.premiumCount;
  const drawn = fill(random, random.pick(shelf.patterns), brand);
  const prefix = random.next() < PREFIX_SHARE ? random.pick(shelf.prefixes) : '';
  const price = sellingPrice(random, shelf.category, premium, settings.priceBeta);
  const orgPrice = listPrice(random, price, options.plantedErrorShare ?? PLANTED_ERROR_SHARE);
  const rating = Math.round((premium ? random.between(4, 5) : random.between(3, 4.8)) * 10) / 10;
  const reviewCount = premium ? 50 + random.below(2451) : random.below(501);
  const opening = random.pick(OPENING_PARTS);
  const closing = random.pick(shelf.closings);
  const stock = random.below(STOCK_MAX + 1);
  const createdAtMs = Math.floor(random.between(fromMs, toMs));
  const title = dated(drawn, createdAtMs);
  return {
    productId: `P${String(number).padStart(8, '0')}`,
    category,
    name: prefix === '' ? title : `${prefix} ${title}`,
    orgPrice,
    price,
    discountRate: orgPrice > price ? (orgPrice - price) / orgPrice : 0,
    description: describe(opening, brand, title, closing),
    brand,
    stock,
    rating,
    reviewCount,
    isBest: reviewCount > 1000 && rating > 4.5,
    createdAtMs,
    orderCount: 0,
  };
}

/**
 * The sampler is made anew for every product: d3's keeps the second half of a normal pair for its
 * next call, so a shared one would let a row depend on the row drawn before it.
 */
function sellingPrice(
  random: Random,
  { priceMin, priceMax }: Category,
  premium: boolean,
  { alpha, beta }: ShopSettings['products']['priceBeta'],
): number {
  const share = randomBeta.source(() => random.next())(alpha, beta)();
  const factor = premium ? random.between(1.3, 1.8) : random.between(0.7, 1.1);
  const raw = (priceMin + share * (priceMax - priceMin)) * factor;
  return whole(Math.min(Math.max(raw, priceMin), 1.5 * priceMax));
}

function listPrice(random: Random, price: number, plantedShare: number): number {
  const listed = random.next() < LISTED_SHARE ? whole(price * random.between(1.1, 1.6)) : price;
  return random.next() < plantedShare ? whole(price * random.between(0.5, 0.8)) : listed;
}

function whole(won: number): number {
  return Math.floor(won / PRICE_STEP) * PRICE_STEP;
}

/** A pattern cut at its slots. An empty list of words is the slot of the brand. */
type Pattern = { literals: readonly string[]; slots: readonly (readonly string[])[] };

const BRAND_SLOT: readonly string[] = [];

function fill(random: Random, { literals, slots }: Pattern, brand: string): string {
  let text = literals[0];
  for (let slot = 0; slot < slots.length; slot++) {
    text += slots[slot] === BRAND_SLOT ? brand : random.pick(slots[slot]);
    text += literals[slot + 1];
  }
  return text;
}

function pattern(text: string, words: Words): Pattern {
  const pieces = text.split(/[{}]/); // literal, slot, literal, slot, …, literal
  return {
    literals: pieces.filter((_, at) => at % 2 === 0),
    slots: pieces
      .filter((_, at) => at % 2 === 1)
      .map((name) => {
        const slot = name === 'brand' ? BRAND_SLOT : words.slots[name];
        if (slot === undefined) throw new Error(`no words for {${name}} in '${text}'`);
        return slot;
      }),
  };
}

/** An opening is five pieces: text, brand, text, name, text; in that order everywhere. */
const OPENING_PARTS: readonly (readonly string[])[] = OPENINGS.map((text) =>
  text.split(/\{brand\}|\{name\}/),
);

function describe(
  [before, between, after]: readonly string[],
  brand: string,
  name: string,
  closing: string,
): string {
  return `${before}${brand}${between}${name}${after} ${closing}`;
}

/** Nothing is of a later model year than the one it was registered in. */
function dated(title: string, createdAtMs: number): string {
  const registered = seoulDate(createdAtMs).slice(0, 4);
  return title.replace(/\b202\d\b/, (year) => (year < registered ? year : registered));
}

/** A category with all that its products choose from, prepared once. */
const SHELVES = CATEGORIES.map((category) => {
  const words = WORDS[category.name];
  return {
    category,
    brands: [...words.premium, ...words.brands],
    premiumCount: words.premium.length,
    patterns: words.patterns.map((text) => pattern(text, words)),
    prefixes: prefixesOf(category.name),
    closings: CLOSINGS.map((text) => text.replace('{category}', category.name)),
  };
});

function prefixesOf(category: string): readonly string[] {
  if (WITHOUT_PREFIX.includes(category)) return [''];
  return WITHOUT_PAIR.includes(category) ? PREFIXES_SINGLE : PREFIXES;
}
