import { afterEach, expect, test } from 'bun:test';
import { connect, createServer, type Server, type Socket } from 'node:net';

import { Framer, queryText, type WireMessage } from './postgres-wire.ts';
import { FaultProxy, portOf } from './proxy.ts';
import { until as eventually } from '../base/testing.ts';

const open: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of open.splice(0).toReversed()) await end();
});

/** A server that gives back what it gets; of PostgreSQL's protocol, all but a client's first message. */
async function echo(protocol?: 'postgres'): Promise<{ port: number; server: Server }> {
  const server = createServer((socket) => {
    const framer = new Framer('client');
    socket.on('error', () => undefined);
    if (!protocol) socket.pipe(socket);
    else
      socket.on('data', (chunk: Buffer) => {
        for (const { type, bytes } of framer.push(chunk)) if (type !== '') socket.write(bytes);
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(() => void server.close());
  return { port: portOf(server), server };
}

type Client = { socket: Socket; got: () => Buffer; closed: Promise<void>; failure: () => string };

async function client(port: number): Promise<Client> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  let failure = '';
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
  socket.on('error', (cause) => (failure = (cause as NodeJS.ErrnoException).code ?? ''));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  open.push(() => void socket.destroy());
  return { socket, got: () => Buffer.concat(chunks), closed, failure: () => failure };
}

async function proxied(protocol?: 'postgres'): Promise<{ proxy: FaultProxy; client: Client }> {
  const { port } = await echo(protocol);
  const proxy = await FaultProxy.open(port, protocol ? { protocol } : {});
  open.push(() => proxy.close());
  return { proxy, client: await client(proxy.port) };
}

const until = (holds: () => boolean, msMax = 5_000): Promise<void> => eventually(holds, msMax);

function bytesOf(count: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: count }, (_, i) => (i * 7) & 0xff));
}

function startup(application: string): Buffer {
  const body = Buffer.from(`application_name\0${application}\0\0`);
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 + body.length);
  header.writeUInt32BE(3 << 16, 4);
  return Buffer.concat([header, body]);
}

function message(type: string, text: string): Buffer {
  const body = Buffer.from(`${text}\0`);
  const header = Buffer.alloc(5);
  header.write(type, 'latin1');
  header.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([header, body]);
}

test('what goes through is what was sent, also in slices, and an end follows it', async () => {
  const { proxy, client: one } = await proxied();
  const sent = bytesOf(300_000);
  one.socket.write(sent.subarray(0, 100_000));
  await until(() => one.got().length === 100_000);
  proxy.poison({ sliceBytes: 1_777 });
  one.socket.end(sent.subarray(100_000));
  await one.closed;
  expect(one.got().equals(sent)).toBe(true);
  expect(one.failure()).toBe('');
});

test('latency and bandwidth slow it down, and go away again', async () => {
  const { proxy, client: one } = await proxied();
  proxy.poison({ latencyMs: 60 });
  let from = performance.now();
  one.socket.write('there and back');
  await until(() => one.got().length === 14);
  expect(performance.now() - from).toBeGreaterThanOrEqual(118);

  proxy.poison({ bytesPerSecond: 100_000, sliceBytes: 4_096 });
  from = performance.now();
  one.socket.write(bytesOf(20_000));
  await until(() => one.got().length === 20_014);
  expect(performance.now() - from).toBeGreaterThanOrEqual(195);

  proxy.poison();
  from = performance.now();
  one.socket.write('x');
  await until(() => one.got().length === 20_015);
  expect(performance.now() - from).toBeLessThan(100);
});

test('a mute link stays open and loses nothing: all comes once it speaks again', async () => {
  const { proxy, client: one } = await proxied();
  one.socket.write('before');
  await until(() => one.got().length === 6);
  proxy.links[0]?.mute();
  one.socket.write(' after');
  await Bun.sleep(100);
  expect(one.got().toString()).toBe('before');
  expect(one.socket.readyState).toBe('open');
  proxy.links[0]?.unmute();
  await until(() => one.got().length === 12);
  expect(one.got().toString()).toBe('before after');
});

test('a cut resets the client, and a target that is away does too', async () => {
  const { proxy, client: one } = await proxied();
  one.socket.write('x');
  await until(() => one.got().length === 1);
  proxy.links[0]?.cut();
  await one.closed;
  expect(one.failure()).toBe('ECONNRESET');
  await until(() => proxy.links.length === 0);

  const { port, server } = await echo();
  server.close();
  const nowhere = await FaultProxy.open(port);
  open.push(() => nowhere.close());
  await (
    await client(nowhere.port)
  ).closed;
});

test('messages are whole, whatever pieces they come in', () => {
  const sent = Buffer.concat([startup('shop'), message('Q', 'BEGIN'), message('Q', 'commit')]);
  for (const size of [1, 2, 3, 7, 50, 1_000]) {
    const framer = new Framer('client');
    const messages: WireMessage[] = [];
    for (let at = 0; at < sent.length; at += size) {
      messages.push(...framer.push(sent.subarray(at, at + size)));
    }
    expect(messages.map(({ type }) => type)).toEqual(['', 'Q', 'Q']);
    expect(messages.map(queryText)).toEqual(['', 'begin', 'commit']);
    expect(Buffer.concat(messages.map(({ bytes }) => bytes)).equals(sent)).toBe(true);
  }
});

test('a rule strikes once, at its message on its link, and decides whether that goes on', async () => {
  const { proxy, client: one } = await proxied('postgres');
  const other = await client(proxy.port);
  one.socket.write(startup('ours'));
  other.socket.write(startup('theirs'));
  await until(() => proxy.links.every(({ application }) => application !== ''));
  const armed = proxy.arm({
    from: 'client',
    matches: (said, link) => link.application === 'ours' && queryText(said) === 'commit',
    act: async () => 'swallow',
  });
  other.socket.write(message('Q', 'commit'));
  const before = message('Q', 'begin');
  const after = message('Q', 'select 1');
  one.socket.write(Buffer.concat([before, message('Q', 'commit'), after]));
  expect((await armed.struck).application).toBe('ours');
  await until(() => one.got().length === before.length + after.length);
  expect(one.got().equals(Buffer.concat([before, after]))).toBe(true);
  one.socket.write(message('Q', 'commit'));
  const all = 2 * before.length + after.length + 1;
  await until(() => one.got().length === all); // the rule is spent
});

test('a rule may cut the link: what came before arrives, the message and what follows do not', async () => {
  const { proxy, client: one } = await proxied('postgres');
  const armed = proxy.arm({
    from: 'server', // the echo's
    matches: ({ type }) => type === 'C',
    act: async (link) => {
      link.cut();
      return 'swallow';
    },
  });
  one.socket.write(startup('ours'));
  await until(() => proxy.links[0]?.application === 'ours');
  one.socket.write(
    Buffer.concat([message('Z', 'ready'), message('C', 'COMMIT'), message('Z', '')]),
  );
  await armed.struck;
  await one.closed;
  expect(one.got().includes('COMMIT')).toBe(false);
});
