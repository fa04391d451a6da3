import type { Random } from '../base/random.ts';
import { AliasTable } from '../model/alias.ts';
import type { Customer } from '../model/customer.ts';
import { DISTRICTS, type District } from '../model/district.ts';
import { INDUSTRIES, type Industry } from '../model/industry.ts';
import { contractsOf } from './customer-contracts.ts';
import { dayText, FIRST_DAY, LAST_DAY, maybeBroken } from './customer-days.ts';
import { purchasesOf } from './customer-purchases.ts';
import { tasteOf } from './customer-taste.ts';
import { NAME_WORDS, ROAD_WORDS } from './customer-words.ts';
import { personName } from './names.ts';

/** Codes have eight digits, so that they sort as their numbers do. */
export const CUSTOMERS_MAX = 99_999_999;

/** The customer of a number, from 1; `random` is moved there, so any cut gives the same rows. */
export function customer(random: Random, number: number): Customer {
  random.at(number);
  const industry = INDUSTRIES[INDUSTRY_TABLE.pick(random.next())];
  const district = DISTRICTS[DISTRICT_TABLE.pick(random.next())];
  const home = industry.code === '';
  const area = premises(random, industry);
  const gender = random.below(2) === 0 ? 'M' : 'F';
  const owner = personName(random, gender).full;
  const registered = dayOfRegistration(random);
  const { latitude, longitude } = position(random, district);
  const oddLevels = random.next() < WITHOUT_LEVELS;
  const [large, middle] = industry.levels;
  const digits = String(number).padStart(8, '0');
  const taste = tasteOf(industry.levels, district, area);
  return {
    code: `CUS${digits}`,
    name: random.next() < NAMELESS ? null : home ? owner : nameOf(random, industry, district),
    owner,
    ...addressOf(random, district, home),
    department: `${district.sido.slice(0, 2)}${1 + random.below(4)}지사`,
    largeType: large,
    middleType: middle,
    businessType: home ? null : industry.type,
    businessItem: home ? null : industry.item,
    businessNumber: home ? null : businessNumber(random),
    gender: home ? gender : null,
    nationality: random.next() < 0.02 ? '외국인' : '내국인',
    newCustomerClass: home ? '20' : '10',
    registered: maybeBroken(random, dayText(registered)),
    levels: oddLevels ? [null, null, null, null] : industry.levels,
    industryCode: home ? null : industry.code,
    latitude,
    longitude,
    area: random.next() < WITHOUT_AREA ? null : area,
    contracts: contractsOf(random, digits, taste, registered, area),
    purchases: purchasesOf(random, digits, taste, registered),
  };
}

const NAMELESS = 0.001;
const WITHOUT_LEVELS = 0.015;
const WITHOUT_AREA = 0.12;
const WITHOUT_POSITION = 0.03;
const POSITION_ZERO = 0.002; // on top of those without
const KM = 1 / 111; // degrees of latitude

const INDUSTRY_TABLE = AliasTable.of(INDUSTRIES.map(({ share }) => share));
const DISTRICT_TABLE = AliasTable.of(DISTRICTS.map(({ people }) => people));

/** Log-normal about the kind's median, to a tenth of a square metre. */
function premises(random: Random, { area, spread }: Industry): number {
  return Math.max(5, Math.round(area * Math.exp(spread * bell(random)) * 10) / 10);
}

/** A standard normal deviate by the polar form of Box and Muller; two draws, always. */
function bell(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** More in later years: the square root pulls an even draw towards the end. */
function dayOfRegistration(random: Random): number {
  return FIRST_DAY + Math.floor(Math.sqrt(random.next()) * (LAST_DAY - FIRST_DAY));
}

/** Within a few kilometres of the centre of the district; wider where fewer people live. */
function position(
  random: Random,
  { latitude, longitude, people }: District,
): { latitude: number | null; longitude: number | null } {
  const reach = (people > 150 ? 1.8 : 4.5) * KM;
  const north = latitude + reach * bell(random);
  const east = longitude + reach * 1.25 * bell(random);
  const odd = random.next();
  if (odd < WITHOUT_POSITION) return { latitude: null, longitude: null };
  if (odd < WITHOUT_POSITION + POSITION_ZERO) return { latitude: 0, longitude: 0 };
  return { latitude: Math.round(north * 1e6) / 1e6, longitude: Math.round(east * 1e6) / 1e6 };
}

/** `행복식당 강남점`, `(주)한라물류센터`. */
function nameOf(random: Random, { levels, area }: Industry, district: District): string {
  const word = random.pick(NAME_WORDS);
  const second = random.next() < 0.35 ? random.pick(NAME_WORDS) : '';
  const branch = random.next() < 0.3 && district.name !== '' ? ` ${stem(district.name)}점` : '';
  const company = area > 600 && random.next() < 0.6 ? '(주)' : '';
  return `${company}${word}${second}${levels[3]}${branch}`;
}

/** `강남` of 강남구, `영통` of 수원시 영통구; 중구 stays whole. */
function stem(name: string): string {
  const last = name.slice(name.lastIndexOf(' ') + 1);
  return last.length > 2 ? last.slice(0, -1) : last;
}

function businessNumber(random: Random): string {
  const part = (digits: number): string => String(random.below(10 ** digits)).padStart(digits, '0');
  return `${100 + random.below(900)}-${part(2)}-${part(5)}`;
}

/** What else a sido is called; the canonical spelling is the commonest. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  서울특별시: ['서울', '서울시'],
  부산광역시: ['부산', '부산시'],
  대구광역시: ['대구', '대구시'],
  인천광역시: ['인천', '인천시'],
  광주광역시: ['광주', '광주시'],
  대전광역시: ['대전', '대전시'],
  울산광역시: ['울산', '울산시'],
  세종특별자치시: ['세종', '세종시'],
  경기도: ['경기', '경기'],
  강원특별자치도: ['강원', '강원도'],
  충청북도: ['충북', '충북'],
  충청남도: ['충남', '충남'],
  전북특별자치도: ['전북', '전라북도'],
  전라남도: ['전남', '전남'],
  경상북도: ['경북', '경북'],
  경상남도: ['경남', '경남'],
  제주특별자치도: ['제주', '제주도'],
};

type Address = Pick<Customer, 'postalCode' | 'address' | 'addressRest'>;

function addressOf(random: Random, district: District, home: boolean): Address {
  const habit = random.next();
  const [short, other] = SPELLINGS[district.sido];
  const sido = habit < 0.62 ? district.sido : habit < 0.87 ? short : other;
  const below = district.name === '' ? '' : `${district.name} `;
  const road = `${random.pick(ROAD_WORDS)}${random.below(4) === 0 ? '대로' : '로'}`;
  const street = `${road} ${1 + random.below(480)}`;
  const postalCode = String(1_000 + random.below(62_000)).padStart(5, '0');
  const rest = home
    ? `${101 + random.below(30)}동 ${100 * (1 + random.below(25)) + 1 + random.below(8)}호`
    : `${1 + random.below(12)}층`;
  const address = oddly(random.next(), `${sido} ${below}${street}`, postalCode, below + street);
  return { postalCode, address, addressRest: random.next() < 0.25 ? '' : rest };
}

/** Three in two hundred addresses are not as they should be. */
function oddly(
  chance: number,
  address: string,
  postalCode: string,
  withoutSido: string,
): string | null {
  if (chance < 0.003) return null;
  if (chance < 0.004) return '주소불명';
  if (chance < 0.007) return withoutSido;
  if (chance < 0.01) return `(${postalCode}) ${address}`;
  if (chance < 0.015) return `${postalCode} ${address}`;
  return address;
}
