import { medianSorted } from 'simple-statistics';

import type { Pool } from '../base/thread-pool.ts';
import { NAMED_DISTRICTS, SIDO_NAMES, districtCentre, sidoCentre } from './districts.ts';
import { districtLabel } from '../model/district.ts';
import { writeAreaClasses } from './area.ts';
import type { CustomerTable } from './customers.ts';
import type { Coded } from './dictionary.ts';
import {
  encodeColumn,
  encodeWords,
  fitEncoder,
  reserved,
  type Encoder,
  type Integers,
  type Strangers,
} from './encoder.ts';
import { fitPca, projectLevels, type Levels, type Pca } from './pca.ts';
import { chunkCount, DIMS, sharedDoubles, sharedIntegers } from './rows.ts';
import { fitScaler, scale, type Scaler } from './scaler.ts';

/** The model's features, in the order of a row's coordinates. */
export const FEATURES = [
  '위도',
  '경도',
  '시도_encoded',
  '시군구_encoded',
  '분류_PCA1',
  '분류_PCA2',
  '업태_encoded',
  '평균_면적_category',
] as const;
const [LATITUDE, LONGITUDE, SIDO, SIGUNGU, PCA1, BUSINESS_TYPE, AREA] = [0, 1, 2, 3, 4, 6, 7];

export const ENCODED = [
  'sido',
  'sigungu',
  'large',
  'middle',
  'small',
  'detail',
  'businessType',
] as const;
export type EncodedName = (typeof ENCODED)[number];

/** All that turns a customer into a row: fitted on one month, kept in the model. */
export type FeatureRules = {
  readonly encoders: Readonly<Record<EncodedName, Encoder>>;
  readonly areas: AreaMedians;
  readonly pca: Pca;
  readonly scaler: Scaler;
};

/** What a missing area is taken to be. */
export type AreaMedians = {
  readonly byType: readonly (readonly [businessType: string, median: number])[];
  readonly all: number;
};

/** Customers whose values had to be made up, by how. */
export type Filled = {
  positionByDistrict: number;
  positionBySido: number;
  positionByDefault: number;
  areaByType: number;
  areaByAll: number;
  codes: Record<EncodedName, Strangers>;
};

export type Prepared = {
  rows: Float64Array; // [count x DIMS], scaled, shared
  rules: FeatureRules;
  filled: Filled;
};

/** The original's: where neither district nor sido is known, and where no area at all is. */
const DEFAULT_LATITUDE = 37.5;
const DEFAULT_LONGITUDE = 127;
const DEFAULT_AREA = 50;

/** The columns that features are made of. */
export type Described = Pick<
  CustomerTable,
  'count' | 'latitude' | 'longitude' | 'sido' | 'sigungu' | 'levels' | 'businessType' | 'area'
>;

/** Makes the rows of customers by given rules, or by rules fitted to these customers. */
export async function prepareFeatures(
  pool: Pool,
  table: Described,
  given: FeatureRules | null = null,
): Promise<Prepared> {
  const work = new Features(pool, table, given?.encoders ?? fitEncoders(table));
  const areas = given?.areas ?? fitAreas(table);
  await work.places();
  await work.encodeTypes();
  await work.areaClasses(areas);
  const levels = await work.levels();
  const pca = given?.pca ?? (await fitPca(pool, levels));
  await work.project(levels, pca);
  const scaler = given?.scaler ?? (await fitScaler(pool, work.rows));
  await scale(pool, work.rows, scaler);
  const rules = { encoders: work.encoders, areas, pca, scaler };
  return { rows: work.rows, rules, filled: work.filled };
}

/** Coordinates before scaling, of one row. */
export function rawFeatures(rows: Float64Array, { scaler }: FeatureRules, row: number): number[] {
  return Array.from(
    rows.subarray(row * DIMS, (row + 1) * DIMS),
    (value, d) => value * scaler.scales[d] + scaler.means[d],
  );
}

const none = (): Strangers => ({ missing: 0, unseen: 0 });

class Features {
  readonly rows: Float64Array;
  readonly encoders: Readonly<Record<EncodedName, Encoder>>;
  readonly filled: Filled;
  readonly #pool: Pool;
  readonly #table: Described;

  constructor(pool: Pool, table: Described, encoders: Readonly<Record<EncodedName, Encoder>>) {
    this.#pool = pool;
    this.#table = table;
    this.encoders = encoders;
    this.rows = sharedDoubles(table.count * DIMS);
    this.filled = {
      positionByDistrict: 0,
      positionBySido: 0,
      positionByDefault: 0,
      areaByType: 0,
      areaByAll: 0,
      codes: {
        sido: none(),
        sigungu: none(),
        large: none(),
        middle: none(),
        small: none(),
        detail: none(),
        businessType: none(),
      },
    };
  }

  /** Positions with their stand-ins, and the two codes of the place. */
  async places(): Promise<void> {
    const { count, latitude, longitude, sido, sigungu } = this.#table;
    const centres = sigungu.words.map((label) => districtCentre(label));
    for (let row = 0, at = 0; row < count; row++, at += DIMS) {
      if (!Number.isNaN(latitude[row]) && !Number.isNaN(longitude[row])) {
        this.rows[at + LATITUDE] = latitude[row];
        this.rows[at + LONGITUDE] = longitude[row];
        continue;
      }
      const district = sigungu.codes[row] < 0 ? undefined : centres[sigungu.codes[row]];
      const centre = district ?? sidoCentre(sido[row]);
      if (district) this.filled.positionByDistrict++;
      else if (centre) this.filled.positionBySido++;
      else this.filled.positionByDefault++;
      this.rows[at + LATITUDE] = centre?.latitude ?? DEFAULT_LATITUDE;
      this.rows[at + LONGITUDE] = centre?.longitude ?? DEFAULT_LONGITUDE;
    }
    await this.#encode('sido', { column: sido, words: SIDO_NAMES }, SIDO);
    await this.#encode('sigungu', { column: sigungu.codes, words: sigungu.words }, SIGUNGU);
  }

  async encodeTypes(): Promise<void> {
    const { codes, words } = this.#table.businessType;
    await this.#encode('businessType', { column: codes, words }, BUSINESS_TYPE);
  }

  async areaClasses(medians: AreaMedians): Promise<void> {
    const { count, area, businessType } = this.#table;
    const known = new Map(medians.byType);
    const byWord = businessType.words.map((word) => known.get(word));
    const areas = sharedDoubles(count);
    for (let row = 0; row < count; row++) {
      areas[row] = area[row];
      if (!Number.isNaN(area[row])) continue;
      const median = businessType.codes[row] < 0 ? undefined : byWord[businessType.codes[row]];
      if (median === undefined) this.filled.areaByAll++;
      else this.filled.areaByType++;
      areas[row] = median ?? medians.all;
    }
    const input = { areas, rows: this.rows, feature: AREA };
    await this.#pool.map(writeAreaClasses, input, chunkCount(count));
  }

  async levels(): Promise<Levels> {
    const [large, middle, small, detail] = this.#table.levels;
    return [
      await this.#level('large', large),
      await this.#level('middle', middle),
      await this.#level('small', small),
      await this.#level('detail', detail),
    ];
  }

  async project(levels: Levels, pca: Pca): Promise<void> {
    const input = { levels, pca, rows: this.rows, feature: PCA1 };
    await this.#pool.map(projectLevels, input, chunkCount(this.#table.count));
  }

  async #level(name: EncodedName, { codes, words }: Coded): Promise<Int32Array> {
    const out = sharedIntegers(this.#table.count);
    await this.#encodeTo(name, { column: codes, words }, { out, at: 0, stride: 1 });
    return out;
  }

  async #encode(name: EncodedName, source: Source, at: number): Promise<void> {
    await this.#encodeTo(name, source, { out: this.rows, at, stride: DIMS });
  }

  async #encodeTo(
    name: EncodedName,
    { column, words }: Source,
    to: { out: Int32Array | Float64Array; at: number; stride: number },
  ): Promise<void> {
    const encoder = this.encoders[name];
    const codes = sharedIntegers(words.length);
    codes.set(encodeWords(encoder, words));
    const input = { column, codes, reserved: reserved(encoder), ...to };
    for (const part of await this.#pool.map(encodeColumn, input, chunkCount(column.length))) {
      this.filled.codes[name].missing += part.missing;
      this.filled.codes[name].unseen += part.unseen;
    }
  }
}

type Source = { column: Integers; words: readonly string[] };

/** Sido and districts have all their names, so their codes stay from month to month. */
function fitEncoders(table: Described): Record<EncodedName, Encoder> {
  const [large, middle, small, detail] = table.levels.map(({ words }) => fitEncoder(words));
  return {
    sido: fitEncoder(SIDO_NAMES),
    sigungu: fitEncoder(NAMED_DISTRICTS.map(districtLabel)),
    large,
    middle,
    small,
    detail,
    businessType: fitEncoder(table.businessType.words),
  };
}

function fitAreas({ count, area, businessType }: Described): AreaMedians {
  const types = businessType.words.length;
  const ends = new Uint32Array(types + 2); // the last is of customers without a type
  const typeOf = (row: number): number =>
    businessType.codes[row] < 0 ? types : businessType.codes[row];
  for (let row = 0; row < count; row++) if (!Number.isNaN(area[row])) ends[typeOf(row) + 1]++;
  for (let type = 0; type <= types; type++) ends[type + 1] += ends[type];
  const starts = ends.slice();
  const areas = new Float64Array(ends[types + 1]);
  for (let row = 0; row < count; row++)
    if (!Number.isNaN(area[row])) areas[starts[typeOf(row)]++] = area[row];
  const byType: [string, number][] = [];
  for (const [type, word] of businessType.words.entries()) {
    const own = areas.subarray(ends[type], ends[type + 1]);
    if (own.length > 0) byType.push([word, medianSorted(Array.from(own.toSorted()))]);
  }
  const all = areas.length === 0 ? DEFAULT_AREA : medianSorted(Array.from(areas.toSorted()));
  return { byType: byType.toSorted(([a], [b]) => (a < b ? -1 : 1)), all };
}
