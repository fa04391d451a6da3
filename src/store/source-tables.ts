import { causeOf, PipelineError } from '../base/errors.ts';
import { connect, query, type Client } from './client.ts';
import { COPY_HEADER, COPY_TRAILER } from './copy-buffer.ts';
import { startCopy, type Copy } from './copy.ts';
import { databaseFailure } from './failure.ts';
import { SOURCE_NAMES, SOURCE_TABLES, type SourceRows, type SourceTable } from './source-copy.ts';

/** Where the two source systems are; one PostgreSQL may be both. */
export type SourceUrls = { rodbUrl: string; bidbUrl: string };

/** What to do with rows that are there: refuse to start, add to them, or drop them. */
export type Existing = 'refuse' | 'append' | 'replace';

/** Customers go in last: where they are, all that belongs to them is. */
const COMMIT_ORDER: readonly SourceTable[] = ['purchases', 'details', 'contracts', 'customers'];

type Filling = { name: SourceTable; client: Client; copy: Copy };

/**
 * A COPY into each of the four source tables, each on its own connection and in a transaction that
 * lasts to the end, so that a kill before the end leaves the tables as they were. The four commits
 * follow each other: what is lost between them leaves rows of customers who are not there, whose
 * codes are not given again. The tables are locked in one order, and for all others: two fillers
 * wait for each other.
 */
export class SourceFiller {
  readonly nextNumber: number; // of the first new customer
  readonly #fillings: readonly Filling[];

  private constructor(fillings: readonly Filling[], nextNumber: number) {
    this.#fillings = fillings;
    this.nextNumber = nextNumber;
  }

  static async open(urls: SourceUrls, existing: Existing): Promise<SourceFiller> {
    const clients: Client[] = [];
    try {
      for (const name of SOURCE_NAMES) {
        const client = await connect(urlOf(urls, name), `millrace customers ${name}`);
        clients.push(client);
        await lock(client, name, existing);
      }
      const nextNumber = existing === 'append' ? await numberAfterLast(clients) : 1;
      const fillings = SOURCE_NAMES.map((name, at) => {
        const { table, columns } = SOURCE_TABLES[name];
        const copy = startCopy(clients[at], table, columns, { freeze: existing !== 'append' });
        return { name, client: clients[at], copy };
      });
      for (const { copy } of fillings) await copy.write(COPY_HEADER);
      return new SourceFiller(fillings, nextNumber);
    } catch (cause) {
      await drop(clients);
      throw cause;
    }
  }

  /** Hands over what has been encoded since the last call. */
  async write(rows: SourceRows): Promise<void> {
    const writes = this.#fillings.map(({ name, copy }) => copy.write(rows.buffers[name].take()));
    for (const write of writes) await write;
  }

  /** Ends all four and commits them; returns what PostgreSQL took, by table. */
  async commit(): Promise<Record<SourceTable, number>> {
    const taken: Record<SourceTable, number> = {
      customers: 0,
      contracts: 0,
      details: 0,
      purchases: 0,
    };
    for (const { name, copy } of this.#fillings) {
      await copy.write(COPY_TRAILER);
      taken[name] = await copy.end();
    }
    await this.#commitAll();
    for (const { name, client } of this.#fillings) {
      const { table } = SOURCE_TABLES[name];
      await query(client, 'setting the sample', 'set default_statistics_target = 10');
      await query(client, `analyzing ${table}`, `analyze ${table}`);
    }
    return taken;
  }

  async #commitAll(): Promise<void> {
    const committed: string[] = [];
    for (const name of COMMIT_ORDER) {
      const { table } = SOURCE_TABLES[name];
      const client = this.#fillings.find((filling) => filling.name === name)?.client;
      if (!client) continue;
      try {
        await client.query('commit');
      } catch (cause) {
        throw committed.length === 0
          ? databaseFailure(cause, `committing ${table}`)
          : partlyCommitted(cause, table, committed);
      }
      committed.push(table);
    }
  }

  /** Drops the connections; PostgreSQL rolls back what was not committed. */
  async close(): Promise<void> {
    await drop(this.#fillings.map(({ client }) => client));
  }
}

function urlOf({ rodbUrl, bidbUrl }: SourceUrls, name: SourceTable): string {
  return name === 'purchases' ? bidbUrl : rodbUrl;
}

async function lock(client: Client, name: SourceTable, existing: Existing): Promise<void> {
  const { table } = SOURCE_TABLES[name];
  try {
    await client.query('begin');
    // Whatever is in a transaction that may be lost with the server's memory is made again.
    await client.query('set local synchronous_commit = off');
    await client.query(
      `lock table ${table} in ${existing === 'append' ? 'share row' : 'access'} exclusive mode`,
    );
    if (existing === 'refuse') await refuseRows(client, table);
    // Emptied in the COPY's own transaction, a table needs no log of its rows (wal_level minimal).
    if (existing !== 'append') await client.query(`truncate ${table}`);
  } catch (cause) {
    throw databaseFailure(cause, `locking ${table}`);
  }
}

async function refuseRows(client: Client, table: string): Promise<void> {
  const { rowCount } = await client.query(`select from ${table} limit 1`);
  if (rowCount === 0) return;
  throw new PipelineError(
    'RUN_CONFLICT',
    `${table} has rows already; add --append to add to them, or --replace to drop them`,
  );
}

function partlyCommitted(
  cause: unknown,
  table: string,
  committed: readonly string[],
): PipelineError {
  return new PipelineError(
    'DATABASE_FAILED',
    `committing ${table}: ${causeOf(cause).message}; ${committed.join(', ')} had been committed ` +
      'and stay; fill again with --replace, or with --append, which steps over their codes',
    { cause },
  );
}

/** Over all four tables: customers may be missing whose other rows were committed. */
async function numberAfterLast(clients: readonly Client[]): Promise<number> {
  let next = 1;
  for (const [at, name] of SOURCE_NAMES.entries()) {
    const { table, columns } = SOURCE_TABLES[name];
    const [row] = await query<{ last: string | null }>(
      clients[at],
      `looking for the last customer of ${table}`,
      `select max(${columns[0]}) as last from ${table} where ${columns[0]} ~ '^CUS[0-9]{8}$'`,
    );
    if (row.last !== null) next = Math.max(next, Number(row.last.slice(3)) + 1);
  }
  return next;
}

async function drop(clients: readonly Client[]): Promise<void> {
  for (const client of clients) {
    client.connection.stream.destroy();
    await client.end().catch(() => undefined); // already gone: nothing is left to close
  }
}

/** Enters names of industry codes; known codes keep theirs. */
export async function enterIndustryCodes(
  client: Client,
  codes: ReadonlyMap<string, string>,
): Promise<void> {
  await query(
    client,
    'entering industry codes',
    `insert into source.industry_codes (code, name)
     select * from unnest($1::text[], $2::text[]) on conflict (code) do nothing`,
    [[...codes.keys()], [...codes.values()]],
  );
}
