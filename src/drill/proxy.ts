import { connect, createServer, type Server, type Socket } from 'node:net';

import { backendPid, Framer, startupParameters, type WireMessage } from './postgres-wire.ts';

export type Side = 'client' | 'server';

/** What every piece of data suffers on its way, in both directions. */
export type Toxics = {
  latencyMs: number; // before a piece goes on
  bytesPerSecond: number; // of each link and direction
  sliceBytes: number; // the largest piece
};

const NO_TOXICS: Toxics = { latencyMs: 0, bytesPerSecond: Infinity, sliceBytes: Infinity };

/** One thing to do the next time that a message of PostgreSQL's protocol comes by. */
export type Rule = {
  from: Side;
  matches: (message: WireMessage, link: Link) => boolean;
  /** Says whether the message then goes on. Everything else on the link waits for it. */
  act: (link: Link, message: WireMessage) => Promise<'forward' | 'swallow'>;
};

/** A rule that waits for its message; `struck` settles once it has acted. */
export type Armed = { struck: Promise<Link>; disarm: () => void };

export type ProxyOptions = { protocol?: 'postgres' }; // none: bytes are bytes, and rules never match

/**
 * A TCP proxy in this process that makes a link as bad as asked: slow, cut to slices, mute, cut off,
 * or cut at a certain message. It needs no rights and no program beside this one.
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #target: number; // port on 127.0.0.1
  readonly #options: ProxyOptions;
  readonly #links = new Set<Link>();
  readonly #armed = new Set<{ rule: Rule; strike: (link: Link) => void }>();
  #toxics = NO_TOXICS;

  private constructor(server: Server, target: number, options: ProxyOptions) {
    this.#server = server;
    this.#target = target;
    this.#options = options;
    server.on('connection', (client) => this.#accept(client));
  }

  /** Listens on a free port of 127.0.0.1, in front of another port of it. */
  static async open(target: number, options: ProxyOptions = {}): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true });
    const proxy = new FaultProxy(server, target, options);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return portOf(this.#server);
  }

  get links(): readonly Link[] {
    return [...this.#links];
  }

  get toxics(): Toxics {
    return this.#toxics;
  }

  /** From now on, for links that are there and for new ones; nothing given makes the way free. */
  poison(toxics: Partial<Toxics> = {}): void {
    this.#toxics = { ...NO_TOXICS, ...toxics };
  }

  /** Acts on the first message that matches, on whichever link, and then no more. */
  arm(rule: Rule): Armed {
    const { promise: struck, resolve: strike } = Promise.withResolvers<Link>();
    const entry = { rule, strike };
    this.#armed.add(entry);
    return { struck, disarm: () => void this.#armed.delete(entry) };
  }

  /** For a link: does what a rule asks for, if one matches, and says whether the message goes on. */
  async judge(from: Side, message: WireMessage, link: Link): Promise<'forward' | 'swallow'> {
    for (const entry of this.#armed) {
      if (entry.rule.from !== from || !entry.rule.matches(message, link)) continue;
      this.#armed.delete(entry);
      const verdict = await entry.rule.act(link, message);
      entry.strike(link);
      return verdict;
    }
    return 'forward';
  }

  /** Whether any rule waits. */
  get watches(): boolean {
    return this.#armed.size > 0;
  }

  async close(): Promise<void> {
    this.#armed.clear();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const link of this.#links) link.cut();
    await closed;
  }

  #accept(client: Socket): void {
    const server = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true });
    const link = new Link(this, client, server, this.#options.protocol === 'postgres');
    this.#links.add(link);
    void link.closed.then(() => this.#links.delete(link)); // never rejects
  }
}

/** One connection through a proxy. */
export class Link {
  /** Of PostgreSQL only: what the client calls itself, and the process that serves it. */
  application = '';
  backendPid = 0;
  readonly closed: Promise<void>;
  readonly #proxy: FaultProxy;
  readonly #client: Socket;
  readonly #server: Socket;
  #muted: PromiseWithResolvers<void> | null = null;

  constructor(proxy: FaultProxy, client: Socket, server: Socket, framed: boolean) {
    this.#proxy = proxy;
    this.#client = client;
    this.#server = server;
    const gone = [client, server].map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    );
    this.closed = Promise.all(gone).then(() => undefined);
    this.#carry('client', client, server, framed);
    this.#carry('server', server, client, framed);
  }

  /** Ends both sides without a word, as when the cable is pulled and both ends are told. */
  cut(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
    this.unmute();
  }

  /** Both sides stay open and nothing comes through: a half-open link. */
  mute(): void {
    this.#muted ??= Promise.withResolvers();
  }

  unmute(): void {
    this.#muted?.resolve();
    this.#muted = null;
  }

  /** Says something to the client in the server's name. */
  async answer(bytes: Uint8Array): Promise<void> {
    await write(this.#client, bytes);
  }

  /** Moves data one way, piece by piece in order, and an end once all before it is through. */
  #carry(side: Side, from: Socket, to: Socket, framed: boolean): void {
    const framer = framed ? new Framer(side) : null;
    let tail = Promise.resolve();
    const next = (work: () => Promise<void>): void => {
      tail = tail.then(work).catch(() => this.cut());
    };
    from.on('data', (chunk: Buffer) => {
      from.pause();
      next(async () => {
        if (framer) await this.#pass(side, framer.push(chunk), to);
        else await this.#send(chunk, to);
        from.resume();
      });
    });
    from.on('error', ignore); // 'close' follows
    from.on('end', () => next(async () => void (await this.#through(), to.end())));
    from.on('close', () => next(async () => void (await this.#through(), to.destroy())));
  }

  /** Whole messages; those between two that a rule is about go in one piece. */
  async #pass(side: Side, messages: readonly WireMessage[], to: Socket): Promise<void> {
    let free: Uint8Array[] = [];
    for (const message of messages) {
      this.#note(message, side);
      if (!this.#proxy.watches) {
        free.push(message.bytes);
        continue;
      }
      await this.#send(Buffer.concat(free), to);
      free = [];
      const verdict = await this.#proxy.judge(side, message, this);
      if (verdict === 'forward') free.push(message.bytes);
    }
    await this.#send(Buffer.concat(free), to);
  }

  #note(message: WireMessage, side: Side): void {
    if (side === 'server') this.backendPid = backendPid(message) ?? this.backendPid;
    else if (message.type === '') {
      this.application = startupParameters(message).get('application_name') ?? '';
    }
  }

  async #send(bytes: Uint8Array, to: Socket): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const { latencyMs, bytesPerSecond, sliceBytes } = this.#proxy.toxics;
      const piece = bytes.subarray(at, at + sliceBytes);
      at += piece.length;
      const waitMs = latencyMs + (piece.length / bytesPerSecond) * 1_000;
      if (waitMs > 0) await Bun.sleep(waitMs);
      await this.#through();
      await write(to, piece);
    }
  }

  /** Waits while the link is mute. */
  async #through(): Promise<void> {
    while (this.#muted) await this.#muted.promise;
  }
}

/** Of a server that listens. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on no port');
  return address.port;
}

async function write(to: Socket, bytes: Uint8Array): Promise<void> {
  if (to.destroyed || to.writableEnded || to.write(bytes)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      to.off('drain', done).off('close', done);
      resolve();
    };
    to.on('drain', done).on('close', done);
  });
}

function ignore(): void {}
