import { AliasTable } from '../model/alias.ts';
import type { ServiceItem } from '../model/customer.ts';
import type { District } from '../model/district.ts';
import type { Industry } from '../model/industry.ts';
import {
  PRODUCTS,
  SECTOR_OF,
  SECTORS,
  SERVICES,
  type Liking,
  type Product,
  type Sector,
  type Wanted,
} from './customer-words.ts';

/** What the customers of a sector, a zone and a size take, and how much of it. */
export type Taste = {
  sector: Sector;
  large: boolean;
  services: AliasTable; // of SERVICE_ITEMS
  products: AliasTable; // of PRODUCT_ITEMS
};

export const SERVICE_ITEMS: readonly ServiceItem[] = SERVICES.map(({ thing }) => thing);
export const PRODUCT_ITEMS: readonly Product[] = PRODUCTS.map(({ thing }) => thing);

const LARGE_AREA = 500; // m²
const SOUTH_OF = 35.7; // degrees of latitude
const METRO = new Set(['서울특별시', '인천광역시', '경기도']);
const ZONES = ['inland', 'south', 'metro'] as const;

/** By sector, then zone, then size. */
const TASTES: readonly Taste[] = SECTORS.flatMap((sector, at) =>
  ZONES.flatMap((zone) =>
    [false, true].map((large) => ({
      sector,
      large,
      services: table(SERVICES, at, zone, large),
      products: table(PRODUCTS, at, zone, large),
    })),
  ),
);

export function tasteOf(levels: Industry['levels'], district: District, area: number): Taste {
  const sector = SECTOR_OF[levels[0]] ?? SECTOR_OF[levels[1]];
  const zone = METRO.has(district.sido) ? 2 : district.latitude < SOUTH_OF ? 1 : 0;
  const at = SECTORS.indexOf(sector) * ZONES.length + zone;
  return TASTES[at * 2 + (area > LARGE_AREA ? 1 : 0)];
}

/** Squared, so that what a sector likes stands out from what it puts up with. */
function table(
  things: readonly Wanted<unknown>[],
  sector: number,
  zone: (typeof ZONES)[number],
  large: boolean,
): AliasTable {
  return AliasTable.of(
    things.map(({ wanted, liking }) => wanted[sector] ** 2 * factor(liking ?? {}, zone, large)),
  );
}

function factor(liking: Liking, zone: (typeof ZONES)[number], large: boolean): number {
  const place = zone === 'inland' ? 1 : (liking[zone] ?? 1);
  return place * (large ? (liking.large ?? 1) : 1);
}
