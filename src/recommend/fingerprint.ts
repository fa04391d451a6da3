import type { CustomerTable, Fields, Items } from './customers.ts';

type Part = string | NodeJS.TypedArray;

/** A checksum of all that is known of a month's customers: equal input has an equal one. */
export function fingerprint(table: CustomerTable): string {
  const { codes, names, latitude, longitude, sido, area, firstContract } = table;
  const { sigungu, levels, businessType, registeredType } = table;
  const { contracts, products, moreContracts, moreProducts } = table;
  const coded = [sigungu, ...levels, businessType, registeredType];
  const parts: Part[] = [
    ...fieldParts(codes),
    ...fieldParts(names),
    latitude,
    longitude,
    sido,
    area,
    firstContract,
    ...coded.flatMap((column) => [column.codes, JSON.stringify(column.words)]),
    ...[contracts, products, moreContracts, moreProducts].flatMap(itemParts),
  ];
  let hash = 0n;
  for (const part of parts) hash = Bun.hash.xxHash64(part, hash);
  return hash.toString(16).padStart(16, '0');
}

const fieldParts = ({ bytes, starts }: Fields): Part[] => [
  starts,
  bytes.subarray(0, starts.at(-1)),
];

const itemParts = ({ starts, codes, words }: Items): Part[] => [
  starts,
  codes,
  JSON.stringify(words),
];
