import { connect, type Client } from '../store/client.ts';

/** No question that a part asks takes longer. */
const STATEMENT_MS_MAX = 30_000;
/** A link that has fallen mute is noticed by it. */
const ANSWER_MS_MAX = STATEMENT_MS_MAX + 5_000;
const CLOSE_MS_MAX = 1_000;

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
    const ended = client?.end().catch(() => undefined); // already gone: there is nothing left to close
    await Promise.race([ended, Bun.sleep(CLOSE_MS_MAX)]); // a dead link says no goodbye
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
    return await connect(this.#url, `millrace ${this.#name}`, {
      settings: { statement_timeout: STATEMENT_MS_MAX },
      queryMsMax: ANSWER_MS_MAX,
    });
  }
}
