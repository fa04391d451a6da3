import { cartSizeMoments } from '../model/order.ts';

/** How many carts of each size the rules expect, and how far chance may carry each count. */
export type CartSizes = {
  carts: number;
  cartsVariance: number;
  bySize: number[]; // [10] carts with 1..10 rows
  varianceBySize: number[]; // [10]
};

/**
 * Where rows are what counts, the last cart of a chunk is cut to fit. Carts then start at the rows
 * where a renewal process renews: u(0) = 1 and u(j) = Σ p(s) u(j − s). A cart that starts at row j of
 * n has size s if s was drawn and fits, or if it was cut, which is when j + s = n and more was drawn.
 */
export function cartSizesOfRows(weights: readonly number[], chunks: readonly number[]): CartSizes {
  const p = shares(weights);
  const starts = renewals(p, Math.max(0, ...chunks));
  const sums = runningSums(starts);
  const before = (row: number): number => (row > 0 ? sums[row - 1] : 0); // carts started before it
  const bySize = p.map(() => 0);
  let carts = 0;
  for (const rows of chunks) {
    carts += before(rows);
    for (let size = 1; size <= p.length && size <= rows; size++) {
      const drawn = p[size - 1] * before(rows - size);
      const cut = starts[rows - size] * sum(p.slice(size - 1));
      bySize[size - 1] += drawn + cut;
    }
  }
  return { carts, bySize, ...renewalVariances(p, sum(chunks)) };
}

/** Where carts are what counts, their sizes are independent draws. */
export function cartSizesOfCarts(weights: readonly number[], carts: number): CartSizes {
  const p = shares(weights);
  return {
    carts,
    cartsVariance: 0,
    bySize: p.map((share) => carts * share),
    varianceBySize: p.map((share) => carts * share * (1 - share)),
  };
}

/** By the renewal-reward theorem: a count over n rows varies as 1{size = s} − size × p(s) ÷ mean. */
function renewalVariances(
  p: readonly number[],
  rows: number,
): Pick<CartSizes, 'cartsVariance' | 'varianceBySize'> {
  const { mean, variance } = cartSizeMoments(p);
  const varianceBySize = p.map((share, i) => {
    const own = share * (1 - share);
    const shared = (2 * share * share * (i + 1 - mean)) / mean;
    return (rows / mean) * (own - shared + (share / mean) ** 2 * variance);
  });
  return { cartsVariance: (rows * variance) / mean ** 3, varianceBySize };
}

function renewals(p: readonly number[], length: number): Float64Array {
  const starts = new Float64Array(length);
  if (length > 0) starts[0] = 1;
  for (let row = 1; row < length; row++) {
    for (let size = 1; size <= p.length && size <= row; size++) {
      starts[row] += p[size - 1] * starts[row - size];
    }
  }
  return starts;
}

function runningSums(values: Float64Array): Float64Array {
  let total = 0;
  return values.map((value) => (total += value));
}

function shares(weights: readonly number[]): number[] {
  const total = sum(weights);
  return weights.map((weight) => weight / total);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
