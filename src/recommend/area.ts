import { DIMS, chunkRange } from './rows.ts';

/** Upper ends in m², each inside its class; a larger area is in the class behind the last. */
export const AREA_LIMITS = [22, 50, 258, 1_600, 4_950] as const;

/** 0 up to 22 m² (0 and negative areas too), then 1 to 5. */
export function areaClass(area: number): number {
  if (Number.isNaN(area)) throw new RangeError('an area that is not a number has no class');
  let areas = 0;
  for (const limit of AREA_LIMITS) if (area > limit) areas++;
  return areas;
}

export type AreaInput = {
  areas: Float64Array; // IN  [count] m², none missing
  rows: Float64Array; // OUT [count x DIMS], only this feature
  feature: number;
};

export function writeAreaClasses({ areas, rows, feature }: AreaInput, chunk: number): void {
  const [from, to] = chunkRange(areas.length, chunk);
  for (let row = from, at = from * DIMS + feature; row < to; row++, at += DIMS)
    rows[at] = areaClass(areas[row]);
}
