// Two remainders closer than this are a tie; floating point must not decide it.
const TIE = 1e9;

/**
 * Splits a whole total by weights into whole parts that add up to exactly the total: each gets the
 * floor of its share, what is left goes to the largest remainders, ties to the earlier part.
 */
export function apportion(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  if (!(sum > 0)) throw new RangeError(`weights add up to ${sum}`);
  const shares = weights.map((weight) => (total * weight) / sum);
  const parts = shares.map((share) => Math.floor(share + 1 / TIE));
  const remainders = shares.map((share, index) => Math.round((share - parts[index]) * TIE));
  const left = total - parts.reduce((all, part) => all + part, 0);
  const order = weights.map((_, index) => index);
  order.sort((a, b) => remainders[b] - remainders[a] || a - b);
  for (const index of order.slice(0, left)) parts[index]++;
  return parts;
}
