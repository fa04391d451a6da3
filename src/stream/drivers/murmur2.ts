/** The hash by which Java's producer deals keys to partitions (MurmurHash2, 32 bits, its seed). */
export function murmur2(key: Uint8Array): number {
  const length = key.length;
  const whole = length & ~3;
  let hash = 0x9747b28c ^ length;
  for (let at = 0; at < whole; at += 4) {
    let word = key[at] | (key[at + 1] << 8) | (key[at + 2] << 16) | (key[at + 3] << 24);
    word = Math.imul(word, M);
    word ^= word >>> 24;
    hash = Math.imul(hash, M) ^ Math.imul(word, M);
  }
  for (let at = length - 1; at >= whole; at--) hash ^= key[at] << ((at - whole) * 8);
  if (whole < length) hash = Math.imul(hash, M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

const M = 0x5bd1e995;

/** The partition of a key, as Java clients and librdkafka's murmur2_random have it. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}
