import { SEOUL_OFFSET_MS } from '../base/clock.ts';
import { Random } from '../base/random.ts';
import { AliasTable } from '../model/alias.ts';
import { signUpTime } from '../model/growth.ts';
import { REGIONS } from '../model/region.ts';
import { type AgeBand, DEFAULT_SETTINGS, type ShopSettings } from '../model/settings.ts';
import type { User } from '../model/user.ts';
import { mailAddress, personName, street } from './names.ts';

export type UserOptions = {
  seed: number;
  count: number; // sign-ups the window is divided among
  firstNumber: number; // of the row at index 0
  fromMs: number; // users sign up in [fromMs, toMs); toMs is also the moment ages are of
  toMs: number;
  settings?: ShopSettings['users'];
};

/** The rows at [start, end) of all users; any cut gives the same rows as the whole. */
export function userRows(options: UserOptions, start = 0, end: number = options.count): User[] {
  const random = new Random(options.seed, 'user');
  const rows: User[] = [];
  for (let index = start; index < end; index++) {
    rows.push(user(random, index, options.firstNumber + index, options));
  }
  return rows;
}

/**
 * The user at an index, 0 to count - 1. `number` goes into id and e-mail only; `random` is moved to
 * the index. Someone who signs up right now has a window of no length: fromMs = toMs = now.
 */
export function user(
  random: Random,
  index: number,
  number: number,
  options: Omit<UserOptions, 'seed' | 'firstNumber'>,
): User {
  const { count, fromMs, toMs, settings = DEFAULT_SETTINGS.users } = options;
  random.at(index);
  const gender = random.next() < settings.femaleShare ? 'F' : 'M';
  const name = personName(random, gender);
  const age = ageFrom(random, settings.ages);
  const region = REGIONS[regionTable(settings.regions).pick(random.next())].name;
  const createdAtMs = signUp(index, random.next(), count, fromMs, toMs, settings);
  const dormant = random.next() < settings.dormantShare;
  const lastLoginAtMs = dormant ? createdAtMs : Math.floor(random.between(createdAtMs, toMs));
  return {
    userId: `U_${String(number).padStart(8, '0')}`,
    name: name.full,
    gender,
    age,
    birthYear: seoulYear(toMs) - age,
    address: `${region} ${street(random)}`,
    addressDistrict: region,
    email: mailAddress(random, name.mail, number),
    grade: 'BRONZE',
    status: dormant ? 'DORMANT' : 'ACTIVE',
    lastLoginAtMs,
    lastOrderedAtMs: null,
    marketingAgree: random.next() < settings.marketingShare,
    randomSeed: random.next(),
    createdAtMs,
  };
}

type RegionWeights = ShopSettings['users']['regions'];

const REGION_TABLES = new WeakMap<RegionWeights, AliasTable>();

/** Made once for the weights of a shop, since every user needs it. */
function regionTable(weights: RegionWeights): AliasTable {
  const known = REGION_TABLES.get(weights);
  if (known) return known;
  const table = AliasTable.of(REGIONS.map(({ name }) => weights[name]));
  REGION_TABLES.set(weights, table);
  return table;
}

/** A band by its weight, then any age of it. */
function ageFrom(random: Random, bands: readonly AgeBand[]): number {
  let rest = 0;
  for (const [, , weight] of bands) rest += weight;
  rest *= random.next();
  let last: AgeBand = bands[0]; // rounding may leave `rest` at the very end
  for (const band of bands) {
    if (band[2] === 0) continue;
    last = band;
    rest -= band[2];
    if (rest < 0) break;
  }
  return last[0] + random.below(last[1] - last[0] + 1);
}

/** Each user has its own slice of the quantiles, so a later number never signs up earlier. */
function signUp(
  index: number,
  within: number, // [0, 1) of the slice
  count: number,
  fromMs: number,
  toMs: number,
  { growth }: ShopSettings['users'],
): number {
  const timeMs = signUpTime((index + within) / count, fromMs, toMs, growth);
  return Math.max(fromMs, Math.min(timeMs, toMs - 1)); // rounding may reach toMs
}

function seoulYear(ms: number): number {
  return new Date(ms + SEOUL_OFFSET_MS).getUTCFullYear();
}
