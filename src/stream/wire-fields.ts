import { Refusal } from './refusal.ts';
import { parseTime } from './wire-time.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/**
 * The fields of an object out of JSON.parse, each read by name and checked; whatever else the object
 * has is never looked at, and nothing of it is merged anywhere. Throws Refusals.
 */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (!isObject(value)) throw new Refusal('field', `${path || 'the value'} is not an object`);
    this.#values = value;
    this.#path = path;
  }

  /** What is there, unchecked. */
  raw(name: string): unknown {
    return this.#values[name];
  }

  object(name: string): Fields {
    return new Fields(this.#values[name], name);
  }

  /** Text that PostgreSQL stores as it is, of so many characters. */
  text(name: string, max: number, min = 1): string {
    const value = this.#values[name];
    if (typeof value !== 'string') throw this.refusal(name, 'is not a text');
    if (value.length < min || (value.length > max && countCharacters(value) > max)) {
      throw this.refusal(name, `does not have ${min} to ${max} characters`);
    }
    if (value.includes('\0') || !value.isWellFormed()) {
      throw this.refusal(name, 'holds U+0000 or half a surrogate pair');
    }
    return value;
  }

  oneOf<Value extends string>(name: string, list: readonly Value[]): Value {
    const value = this.#values[name];
    for (const item of list) if (item === value) return item;
    throw this.refusal(name, `is none of ${list.join(', ')}`);
  }

  /** A whole number; -0, which would come back as 0, is none. */
  whole(name: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.#values[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || Object.is(value, -0)) {
      throw this.refusal(name, 'is not a whole number below 2^53');
    }
    return this.#within(name, value, min, max);
  }

  real(name: string, min: number, max: number): number {
    const value = this.#values[name];
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw this.refusal(name, 'is not a finite number');
    }
    return this.#within(name, value, min, max);
  }

  flag(name: string): boolean {
    const value = this.#values[name];
    if (typeof value !== 'boolean') throw this.refusal(name, 'is neither true nor false');
    return value;
  }

  /** Ms since the epoch. */
  time(name: string): number {
    const value = this.#values[name];
    const ms = typeof value === 'string' ? parseTime(value) : NaN;
    if (Number.isNaN(ms)) {
      throw this.refusal(name, 'is not a time of 2000 to 2099 with its zone, as in ISO 8601');
    }
    return ms;
  }

  timeOrNull(name: string): number | null {
    return this.#values[name] === null ? null : this.time(name);
  }

  uuid(name: string): string {
    return this.#uuid(name, UUID, 'a UUID');
  }

  uuidV7(name: string): string {
    return this.#uuid(name, UUID_V7, 'a UUID of version 7');
  }

  refusal(name: string, what: string): Refusal {
    const path = this.#path ? `${this.#path}.${name}` : name;
    const missing = this.#values[name] === undefined;
    return new Refusal('field', missing ? `${path} is missing` : `${path} ${what}`);
  }

  #within(name: string, value: number, min: number, max: number): number {
    if (value >= min && value <= max) return value;
    throw this.refusal(name, `is not within ${min} and ${max}`);
  }

  #uuid(name: string, pattern: RegExp, what: string): string {
    const value = this.#values[name];
    if (typeof value !== 'string' || !pattern.test(value))
      throw this.refusal(name, `is not ${what}`);
    return value.toLowerCase();
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As PostgreSQL counts: a character outside the basic plane is one. */
function countCharacters(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    if ((text.charCodeAt(at) & 0xfc00) !== 0xdc00) count++;
  }
  return count;
}
