/**
 * PostgreSQL's protocol, version 3, as far as a proxy must read it: where messages begin and end, and
 * what a few of them say (postgresql.org/docs/current/protocol-message-formats.html).
 */
export type WireMessage = {
  type: string; // one letter; empty for a client's first message, which has none
  bytes: Uint8Array; // all of it, header included
};

const TYPE_BYTES = 1;
const LENGTH_BYTES = 4; // the length counts itself
const PROTOCOL_BYTES = 4;

const decoder = new TextDecoder();

/** Cuts one direction of a connection into whole messages; what is not whole yet waits. */
export class Framer {
  #rest: Uint8Array = new Uint8Array();
  #untyped: boolean; // the next message is a client's first

  constructor(from: 'client' | 'server') {
    this.#untyped = from === 'client';
  }

  push(chunk: Uint8Array): WireMessage[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: WireMessage[] = [];
    let at = 0;
    for (;;) {
      const header = this.#untyped ? 0 : TYPE_BYTES;
      if (bytes.length - at < header + LENGTH_BYTES) break;
      const size = header + lengthAt(bytes, at + header);
      if (bytes.length - at < size) break;
      const type = this.#untyped ? '' : String.fromCharCode(bytes[at]);
      messages.push({ type, bytes: bytes.subarray(at, at + size) });
      this.#untyped = false;
      at += size;
    }
    this.#rest = bytes.subarray(at);
    return messages;
  }
}

/** The SQL of a simple query, in small letters; empty for any other message of a client. */
export function queryText({ type, bytes }: WireMessage): string {
  return type === 'Q' ? textFrom(bytes, TYPE_BYTES + LENGTH_BYTES).toLowerCase() : '';
}

/** What a server says it has done, such as `COMMIT`; empty for any other message of a server. */
export function commandTag({ type, bytes }: WireMessage): string {
  return type === 'C' ? textFrom(bytes, TYPE_BYTES + LENGTH_BYTES) : '';
}

/** The process behind a connection, which the server names once; undefined for other messages. */
export function backendPid({ type, bytes }: WireMessage): number | undefined {
  return type === 'K' ? lengthAt(bytes, TYPE_BYTES + LENGTH_BYTES) : undefined;
}

/** What a client's first message says of itself: `user`, `database`, `application_name` and so on. */
export function startupParameters({ type, bytes }: WireMessage): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  if (type !== '') return parameters;
  const words = decoder.decode(bytes.subarray(LENGTH_BYTES + PROTOCOL_BYTES)).split('\0');
  for (let i = 0; i + 1 < words.length && words[i] !== ''; i += 2) {
    parameters.set(words[i], words[i + 1]);
  }
  return parameters;
}

/** A server's refusal of one simple query outside a transaction, and its readiness for the next. */
export function refusal(sqlState: string, message: string): Uint8Array {
  const fields = `SERROR\0VERROR\0C${sqlState}\0M${message}\0\0`;
  return Buffer.concat([messageOf('E', Buffer.from(fields)), messageOf('Z', Buffer.from('I'))]);
}

function messageOf(type: string, body: Uint8Array): Uint8Array {
  const header = Buffer.alloc(TYPE_BYTES + LENGTH_BYTES);
  header.write(type, 'latin1');
  header.writeUInt32BE(LENGTH_BYTES + body.length, TYPE_BYTES);
  return Buffer.concat([header, body]);
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}

function textFrom(bytes: Uint8Array, at: number): string {
  const end = bytes.indexOf(0, at);
  return decoder.decode(bytes.subarray(at, end === -1 ? bytes.length : end));
}
