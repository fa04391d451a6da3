import { DIMS } from './rows.ts';

/**
 * Which of last month's clusters each of this month's is: ids[current] = previous, each id once,
 * so that the distances between matched centres add up to the least. Both lists of centres are in
 * one space and of one length.
 */
export function matchCentres(previous: Float64Array, current: Float64Array): Uint8Array {
  if (previous.length !== current.length)
    throw new RangeError(`${current.length} and ${previous.length} coordinates cannot be matched`);
  const count = current.length / DIMS;
  return cheapest(
    Array.from({ length: count }, (_, i) =>
      Array.from({ length: count }, (_unused, j) => distance(current, i, previous, j)),
    ),
  );
}

/** Centres in the order of their ids. */
export function renumber(centres: Float64Array, ids: Uint8Array): Float64Array {
  const ordered = new Float64Array(centres.length);
  for (const [i, id] of ids.entries())
    ordered.set(centres.subarray(i * DIMS, (i + 1) * DIMS), id * DIMS);
  return ordered;
}

/**
 * The columns that rows are given so that the costs add up to the least (the Hungarian method in
 * the form with potentials, row after row along a shortest path; a cube of the count in steps).
 */
export function cheapest(costs: readonly (readonly number[])[]): Uint8Array {
  const count = costs.length;
  const rowPrice = new Float64Array(count + 1);
  const columnPrice = new Float64Array(count + 1);
  const rowOf = new Int32Array(count + 1).fill(-1); // by column; the last is where a row waits
  for (let row = 0; row < count; row++) {
    rowOf[count] = row;
    const slack = new Float64Array(count).fill(Infinity);
    const cameFrom = new Int32Array(count).fill(count);
    const seen = new Uint8Array(count + 1);
    let column = count;
    while (rowOf[column] >= 0) {
      seen[column] = 1;
      const at = rowOf[column];
      let next = -1;
      for (let c = 0; c < count; c++) {
        if (seen[c]) continue;
        const cost = costs[at][c] - rowPrice[at] - columnPrice[c];
        if (cost < slack[c]) {
          slack[c] = cost;
          cameFrom[c] = column;
        }
        if (next < 0 || slack[c] < slack[next]) next = c;
      }
      const step = slack[next];
      for (let c = 0; c <= count; c++) {
        if (seen[c]) {
          rowPrice[rowOf[c]] += step;
          columnPrice[c] -= step;
        } else slack[c] -= step;
      }
      column = next;
    }
    for (; column !== count; column = cameFrom[column]) rowOf[column] = rowOf[cameFrom[column]];
  }
  const columns = new Uint8Array(count);
  for (let c = 0; c < count; c++) columns[rowOf[c]] = c;
  return columns;
}

function distance(a: Float64Array, i: number, b: Float64Array, j: number): number {
  let square = 0;
  for (let d = 0; d < DIMS; d++) square += (a[i * DIMS + d] - b[j * DIMS + d]) ** 2;
  return Math.sqrt(square);
}
