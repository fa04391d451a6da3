const OIDS = { int4: 23, text: 25, timestamptz: 1184 } as const;
const HEADER_SIZE = 20;
const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1);
const decoder = new TextDecoder();

/** Reads what copy-array.ts writes: texts, whole numbers, moments in ms since the Unix epoch. */
export function arrayOf(value: unknown): (string | number)[] {
  if (!(value instanceof Uint8Array)) throw new Error('a query parameter that is no binary array');
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const oid = view.getInt32(8);
  const count = view.getInt32(12);
  const items: (string | number)[] = [];
  for (let at = HEADER_SIZE; items.length < count;) {
    const length = view.getInt32(at);
    at += 4;
    if (oid === OIDS.text) items.push(decoder.decode(value.subarray(at, at + length)));
    else if (oid === OIDS.int4) items.push(view.getInt32(at));
    else items.push(POSTGRES_EPOCH_MS + Number(view.getBigInt64(at)) / 1_000);
    at += length;
  }
  return items;
}
