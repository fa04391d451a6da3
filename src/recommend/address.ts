import { NAMED_DISTRICTS } from './districts.ts';

/**
 * Finds sido and district in an address. Two readings: ours, and with `parity` that of the system
 * replaced, whose districts follow the spelling (`서울시 강남구` gives `서울시`).
 */
export type AddressOptions = { parity?: boolean };

/** A sido by its canonical name, a district by its name below the sido; null: not to be found. */
export type Place = { sido: string | null; sigungu: string | null };

/** Which of the 17 sido an address is in. */
export function extractSido(address: string | null, options: AddressOptions = {}): string | null {
  if (address === null) return null;
  return options.parity ? paritySido(address.trim()) : findPlace(address).sido;
}

/** The district below the sido: `강남구`, `수원시 장안구`. 세종 has none. */
export function extractSigungu(
  address: string | null,
  options: AddressOptions = {},
): string | null {
  if (address === null) return null;
  return options.parity ? paritySigungu(address.trim()) : findPlace(address).sigungu;
}

/** Canonical name, then what else it is called; the original's prefixes and common forms. */
const SPELLINGS: readonly (readonly string[])[] = [
  ['서울특별시', '서울시', '서울'],
  ['부산광역시', '부산직할시', '부산시', '부산'],
  ['대구광역시', '대구직할시', '대구시', '대구'],
  ['인천광역시', '인천직할시', '인천시', '인천'],
  ['광주광역시', '광주직할시', '광주시', '광주'],
  ['대전광역시', '대전직할시', '대전시', '대전'],
  ['울산광역시', '울산시', '울산'],
  ['세종특별자치시', '세종시', '세종'],
  ['경기도', '경기'],
  ['강원특별자치도', '강원자치도', '강원도', '강원'],
  ['충청북도', '충북도', '충북'],
  ['충청남도', '충남도', '충남'],
  ['전북특별자치도', '전북자치도', '전라북도', '전북도', '전북'],
  ['전라남도', '전남도', '전남'],
  ['경상북도', '경북도', '경북'],
  ['경상남도', '경남도', '경남'],
  ['제주특별자치도', '제주자치도', '제주도', '제주'],
];

const CANONICAL = new Map(
  SPELLINGS.flatMap((names) => names.map((name) => [name, names[0]] as const)),
);

/** Longest first, so that `전북도` is not read as `전북` and a rest. */
const PREFIXES = [...CANONICAL.keys()].toSorted((a, b) => b.length - a.length);

/** Districts that were renamed or moved to another sido; the old place still stands in registers. */
const FORMER: readonly (readonly [sido: string, name: string, nowIn: string, now: string])[] = [
  ['인천광역시', '남구', '인천광역시', '미추홀구'],
  ['경상북도', '군위군', '대구광역시', '군위군'],
  ['경기도', '여주군', '경기도', '여주시'],
  ['충청남도', '당진군', '충청남도', '당진시'],
];

const NOWHERE: Place = { sido: null, sigungu: null };
const PLACES = new Map<string, ReadonlyMap<string, Place>>(); // sido, then district
const WITHOUT_SIDO = new Map<string, Place | null>(); // null: the name is of several
const CITIES = new Map<string, string>(); // `수원시` to its sido: has districts of its own

for (const [sido] of SPELLINGS) {
  const places = NAMED_DISTRICTS.filter((one) => one.sido === sido).map(
    ({ name }) => [name, { sido, sigungu: name }] as const,
  );
  const former = FORMER.filter(([was]) => was === sido).map(
    ([, name, nowIn, now]) => [name, { sido: nowIn, sigungu: now }] as const,
  );
  PLACES.set(sido, new Map<string, Place>([...places, ...former]));
  for (const [name, place] of places) {
    WITHOUT_SIDO.set(name, WITHOUT_SIDO.has(name) ? null : place);
    if (name.includes(' ')) CITIES.set(name.slice(0, name.indexOf(' ')), sido);
  }
}

// A postal code and brackets may stand before the address.
const BEFORE = /^(?:[\s[\](){}<>,.·-]|우편번호|우\)|\d{3}-\d{3}(?!\d)|\d{5,6}(?!\d))+/;

/** Both at once; a place that only its district tells (`강남구 역삼동`) is found too. */
export function findPlace(address: string): Place {
  const text = /^[가-힣]/.test(address) ? address : address.replace(BEFORE, '');
  const [first, afterFirst] = firstWord(text, 0);
  const sido = CANONICAL.get(first);
  if (sido !== undefined) return placeBelow(sido, first, text, afterFirst);
  return gluedPlace(text) ?? placeByDistrict(first, text, afterFirst) ?? NOWHERE;
}

function placeBelow(sido: string, spelling: string, text: string, at: number): Place {
  const [second, afterSecond] = firstWord(text, at);
  // 광주광역시 has no 읍 or 면: this is the city of 경기도 with its sido left out.
  if (spelling === '광주시' && /[읍면]$/.test(second)) return { sido: '경기도', sigungu: spelling };
  return district(sido, second, text, afterSecond) ?? { sido, sigungu: null };
}

function district(sido: string, word: string, text: string, at: number): Place | undefined {
  const places = PLACES.get(sido);
  const found = places?.get(word);
  if (found || CITIES.get(word) !== sido) return found;
  const [third] = firstWord(text, at);
  return places?.get(`${word} ${third}`);
}

/** `서울강남구 ..`, `경기도수원시 장안구 ..`: what follows the prefix must be a district of that sido. */
function gluedPlace(text: string): Place | undefined {
  for (const prefix of PREFIXES) {
    if (!text.startsWith(prefix)) continue;
    const sido = CANONICAL.get(prefix) ?? '';
    const [word, after] = firstWord(text, prefix.length);
    const place = district(sido, word, text, after);
    if (place) return place;
  }
  return undefined;
}

function placeByDistrict(word: string, text: string, at: number): Place | undefined {
  const sido = CITIES.get(word);
  if (sido !== undefined) return district(sido, word, text, at) ?? { sido, sigungu: null };
  return WITHOUT_SIDO.get(word) ?? undefined;
}

/** The word that begins at or behind `at`, up to white space, bracket or comma, and its end. */
function firstWord(text: string, at: number): [word: string, end: number] {
  let from = at;
  while (from < text.length && isGap(text.charCodeAt(from))) from++;
  let to = from;
  while (to < text.length && !isGap(text.charCodeAt(to))) to++;
  return [text.slice(from, to), to];
}

function isGap(code: number): boolean {
  return code <= 0x20 || code === 0x28 || code === 0x29 || code === 0x2c || code === 0x3000;
}

/** The original's order; the first prefix that fits wins, and nothing behind it is looked at. */
const PARITY_PREFIXES: readonly (readonly [canonical: string, prefixes: readonly string[]])[] = [
  ['서울특별시', ['서울특별시', '서울']],
  ['부산광역시', ['부산광역시', '부산']],
  ['대구광역시', ['대구광역시', '대구']],
  ['인천광역시', ['인천광역시', '인천']],
  ['광주광역시', ['광주광역시', '광주']],
  ['대전광역시', ['대전광역시', '대전']],
  ['울산광역시', ['울산광역시', '울산']],
  ['세종특별자치시', ['세종특별자치시', '세종']],
  ['경기도', ['경기도', '경기']],
  ['강원특별자치도', ['강원도', '강원특별자치도', '강원']],
  ['충청북도', ['충청북도', '충북']],
  ['충청남도', ['충청남도', '충남']],
  ['전북특별자치도', ['전라북도', '전북', '전북특별자치도']],
  ['전라남도', ['전라남도', '전남']],
  ['경상북도', ['경상북도', '경북']],
  ['경상남도', ['경상남도', '경남']],
  ['제주특별자치도', ['제주특별자치도', '제주']],
];

function paritySido(address: string): string | null {
  const found = PARITY_PREFIXES.find(([, prefixes]) =>
    prefixes.some((prefix) => address.startsWith(prefix)),
  );
  return found ? found[0] : null;
}

/** Only the canonical spelling is taken out, wherever it stands, so an alias becomes the district. */
function paritySigungu(address: string): string | null {
  const sido = paritySido(address);
  const rest = (sido === null ? address : address.replaceAll(sido, '')).trim();
  if (rest === '') return null;
  const [piece] = rest.split(/\s+/);
  return piece.split('(')[0].trim();
}
