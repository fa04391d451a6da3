type Row = readonly [
  name: string,
  priceMin: number, // won
  priceMax: number,
  frequency: number, // how often it is bought; scales a product's weight
  quantityWeights: readonly number[], // of 1, 2, 3, … pieces
];

const TABLE = [
  ['SS(봄여름)', 15_000, 150_000, 12, [70, 20, 10]],
  ['FW(가을겨울)', 30_000, 800_000, 10, [80, 20]],
  ['스킨케어', 10_000, 150_000, 18, [45, 30, 18, 7]],
  ['기능성(안티에이징)', 50_000, 500_000, 8, [85, 15]],
  ['신선(과일/채소)', 10_000, 80_000, 20, [55, 30, 15]],
  ['육류/가공', 20_000, 200_000, 16, [50, 35, 15]],
  ['생활가전', 500_000, 5_000_000, 2, [60, 20, 10, 10]],
  ['IT/게이밍', 100_000, 3_000_000, 4, [92, 8]],
  ['세제/위생', 5_000, 50_000, 22, [15, 25, 25, 18, 12, 5]],
  ['화지/제지', 10_000, 40_000, 20, [20, 35, 30, 15]],
  ['건강식품', 30_000, 500_000, 10, [55, 30, 15]],
  ['영양제', 15_000, 150_000, 14, [40, 35, 18, 7]],
  ['소파/침대', 300_000, 3_000_000, 2, [60, 20, 10, 10]],
  ['사무/학생', 50_000, 500_000, 5, [90, 10]],
  ['골프', 50_000, 1_500_000, 3, [88, 12]],
  ['캠핑', 20_000, 2_000_000, 4, [85, 15]],
  ['항공', 50_000, 1_500_000, 6, [25, 45, 20, 10]],
  ['숙박', 80_000, 2_000_000, 6, [50, 35, 15]],
  ['티켓/패스', 10_000, 100_000, 8, [20, 35, 30, 15]],
] as const satisfies readonly Row[];

export type CategoryName = (typeof TABLE)[number][0];

/** How an article of a category is bought. */
export type Buying = {
  frequency: number; // how often; scales a product's weight
  quantityWeights: readonly number[]; // of 1, 2, 3, … pieces in a row of an order
};

export type Category = Buying & {
  name: CategoryName;
  priceMin: number; // won
  priceMax: number;
};

/** The 19 categories. Their order is part of the data: an index stands for a category. */
export const CATEGORIES: readonly Category[] = TABLE.map(
  ([name, priceMin, priceMax, frequency, weights]) => ({
    name,
    priceMin,
    priceMax,
    frequency,
    quantityWeights: weights,
  }),
);

export const CATEGORY_NAMES: readonly CategoryName[] = TABLE.map(([name]) => name);

/** The part of each category that can be set. */
export const CATEGORY_BUYING: CategoryBuying = byCategory(({ frequency, quantityWeights }) => ({
  frequency,
  quantityWeights,
}));

export type CategoryBuying = Readonly<Record<CategoryName, Buying>>;

/** For an article whose category is not one of the 19: bought as often as the mean one. */
export const UNKNOWN_CATEGORY: Buying & { weight: number } = {
  weight: 5, // where the 19 have the scenario's
  frequency: 10,
  quantityWeights: [80, 10, 5, 3, 2],
};

/** A value for each category, by its name. */
export function byCategory<Value>(
  valueOf: (category: Category, index: number) => Value,
): Record<CategoryName, Value> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one entry for each name
  return Object.fromEntries(
    CATEGORIES.map((category, index) => [category.name, valueOf(category, index)]),
  ) as Record<CategoryName, Value>;
}

const INDEX_BY_NAME: ReadonlyMap<string, number> = new Map(
  TABLE.map(([name], index) => [name, index]),
);

/** Index into CATEGORIES, -1 for an unknown name. */
export function categoryIndex(name: string): number {
  return INDEX_BY_NAME.get(name) ?? -1;
}
