import { connect, type Client } from '../store/client.ts';

/** No question that a part asks takes longer; a server that has stopped answering is noticed by it. */
const STATEMENT_MS_MAX = 30_000;

/**
 * A connection that is made when it is first needed, and made anew after any error: one that has
 * failed may be in the middle of anything. Whoever asks at the same time waits for his turn.
 */
export class Database {
  readonly #url: string;
  readonly #name: string;
  #client: Client | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(url: string, name: string) {
    this.#url = url;
    this.#name = name;
  }

  async use<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    const mine = this.#turn.then(() => this.#ask(work));
    this.#turn = mine.catch(() => undefined); // told to who asked
    return await mine;
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined); // already gone: there is nothing left to close
  }

  async #ask<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    this.#client ??= await this.#connect();
    try {
      return await work(this.#client);
    } catch (cause) {
      await this.close();
      throw cause;
    }
  }

  async #connect(): Promise<Client> {
    const client = await connect(this.#url, `millrace ${this.#name}`);
    await client.query(`set statement_timeout = ${STATEMENT_MS_MAX}`);
    return client;
  }
}
