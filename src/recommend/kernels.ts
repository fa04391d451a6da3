import { Pool } from '../base/thread-pool.ts';
import { writeAreaClasses } from './area.ts';
import { assignRows, farthestRows } from './assign.ts';
import { runDescent } from './descent.ts';
import { encodeColumn } from './encoder.ts';
import { searchNearest } from './nearest.ts';
import { multiplyLevels, projectLevels, sumLevels } from './pca.ts';
import { measureSilhouettes } from './quality.ts';
import { measureRows, scaleRows } from './scaler.ts';
import { buildSubtree, buildTop, splitTop } from './tree-build.ts';
import { findUniques } from './uniques.ts';

/** All that a thread of the recommender can be asked for. */
export const KERNELS = {
  assignRows,
  buildSubtree,
  buildTop,
  encodeColumn,
  farthestRows,
  findUniques,
  measureRows,
  measureSilhouettes,
  multiplyLevels,
  projectLevels,
  runDescent,
  scaleRows,
  searchNearest,
  splitTop,
  sumLevels,
  writeAreaClasses,
};

/** Threads that know these kernels and no others. */
export function openPool(threads: number): Pool {
  return new Pool({ threads, kernels: KERNELS, entry: new URL('thread.ts', import.meta.url) });
}
