const [QUOTE, BACKSLASH, COLON, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = Array.from(
  '"\\:{}[]',
  (sign) => sign.charCodeAt(0),
);

/**
 * Counts the names that a JSON text gives to values, objects in objects included; -1 if it is nested
 * deeper than the limit. One pass that allocates nothing, to be made before JSON.parse, which has no
 * limit. For a text that is not JSON the count means nothing.
 */
export function countNames(text: string, depthMax: number): number {
  let depth = 0;
  let names = 0;
  for (let at = 0; at < text.length; at++) {
    const sign = text.charCodeAt(at);
    if (sign === QUOTE) at = endOfString(text, at + 1);
    else if (sign === COLON) names++; // outside of strings, a colon stands behind a name only
    else if (sign === CLOSE || sign === CLOSE_LIST) depth--;
    else if ((sign === OPEN || sign === OPEN_LIST) && ++depth > depthMax) return -1;
  }
  return names;
}

function endOfString(text: string, from: number): number {
  let at = from;
  let sign = text.charCodeAt(at);
  while (sign !== QUOTE && at < text.length) {
    at += sign === BACKSLASH ? 2 : 1;
    sign = text.charCodeAt(at);
  }
  return at;
}

/** How many names a value out of JSON.parse has. Fewer than its text: one stood twice in an object. */
export function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object') count += countKeys(inner);
  }
  return count;
}
