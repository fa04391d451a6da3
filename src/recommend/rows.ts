/**
 * Rows are customers, row-major in one Float64Array [count x DIMS], ordered by customer code, so
 * that the smaller row number is the smaller code. What threads work on lies in shared memory.
 */

/** The model's features: 위도, 경도, 시도, 시군구, 분류_PCA1, 분류_PCA2, 업태, 평균_면적. */
export const DIMS = 8;
export const ROW_BYTES = DIMS * 8;

/** Rows in a chunk. Part of the result: partial sums are folded by chunk, never by thread. */
export const CHUNK_ROWS = 65_536;

export const rowCount = (rows: Float64Array): number => rows.length / DIMS;

export const chunkCount = (count: number): number => Math.ceil(count / CHUNK_ROWS);

/** The rows of a chunk: from the first up to the second, without it. */
export function chunkRange(count: number, chunk: number): [from: number, to: number] {
  return [chunk * CHUNK_ROWS, Math.min(count, (chunk + 1) * CHUNK_ROWS)];
}

export const sharedDoubles = (length: number): Float64Array<SharedArrayBuffer> =>
  new Float64Array(new SharedArrayBuffer(length * 8));

export const sharedIntegers = (length: number): Int32Array<SharedArrayBuffer> =>
  new Int32Array(new SharedArrayBuffer(length * 4));

export const sharedBytes = (length: number): Uint8Array<SharedArrayBuffer> =>
  new Uint8Array(new SharedArrayBuffer(length));
