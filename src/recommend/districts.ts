import { DISTRICTS, districtLabel, type District } from '../model/district.ts';
import { REGIONS } from '../model/region.ts';

export type Centre = { latitude: number; longitude: number };

/** The 17 sido by code point: a place in this list is a sido's number everywhere. */
export const SIDO_NAMES: readonly string[] = REGIONS.map(({ name }) => name).toSorted();

const NUMBERS = new Map(SIDO_NAMES.map((name, number) => [name, number]));

/** -1 for a name that is none of the 17. */
export function sidoNumber(name: string | null): number {
  return name === null ? -1 : (NUMBERS.get(name) ?? -1);
}

/** The districts that have a name; 세종 has none below it. */
export const NAMED_DISTRICTS: readonly District[] = DISTRICTS.filter(({ name }) => name !== '');

const CENTRES: ReadonlyMap<string, Centre> = new Map(
  NAMED_DISTRICTS.map((district) => [districtLabel(district), district]),
);

/** The centre of a district by its label, `서울특별시 중구`. */
export function districtCentre(label: string): Centre | undefined {
  return CENTRES.get(label);
}

const SIDO_CENTRES: readonly Centre[] = SIDO_NAMES.map((sido) =>
  centreOf(DISTRICTS.filter((district) => district.sido === sido)),
);

/** Where a sido's people live on average; by the sido's number. */
export function sidoCentre(number: number): Centre | undefined {
  return SIDO_CENTRES[number];
}

function centreOf(districts: readonly District[]): Centre {
  const people = districts.reduce((sum, district) => sum + district.people, 0);
  const mean = (of: (district: District) => number): number =>
    districts.reduce((sum, district) => sum + of(district) * district.people, 0) / people;
  return {
    latitude: mean(({ latitude }) => latitude),
    longitude: mean(({ longitude }) => longitude),
  };
}
