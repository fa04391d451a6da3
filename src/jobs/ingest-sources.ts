import { PipelineError } from '../base/errors.ts';
import { connect, query, type Client } from '../store/client.ts';
import type { RowStream } from '../store/copy-out.ts';
import { readContracts, readCustomers, readPurchases } from '../store/source-rows.ts';
import type { SourceStreams } from './ingest-chunk.ts';

/** Where the sources are: RODB has customers and contracts, BIDB purchases. */
export type SourceUrls = { rodbUrl: string; bidbUrl: string };

/** All customers after a code, in order. */
async function ingestUsers(rodb: Client, after: string | null): Promise<RowStream> {
  return await readCustomers(rodb, after);
}

/** Contracts with their details, in order of customers. */
async function ingestContracts(rodb: Client, after: string | null): Promise<RowStream> {
  return await readContracts(rodb, after);
}

/** Purchases, in order of customers. */
async function ingestPurchaseLogs(bidb: Client, after: string | null): Promise<RowStream> {
  return await readPurchases(bidb, after);
}

/** The two sources, connected: a reader for each of the three streams. */
export class IngestSources {
  /** Of host, port and database of both: an ingest goes on with the sources it began with. */
  readonly hash: string;
  /** As the planner believes; good enough for a bar. */
  readonly customersExpected: number;
  readonly #readers: readonly Client[];

  private constructor(readers: readonly Client[], customersExpected: number) {
    const [rodb, , bidb] = readers;
    this.hash = Bun.hash.xxHash64(`${placeOf(rodb)} ${placeOf(bidb)}`).toString(16);
    this.customersExpected = customersExpected;
    this.#readers = readers;
  }

  /** Connects to both, and refuses a source of customers that has none. */
  static async open({ rodbUrl, bidbUrl }: SourceUrls): Promise<IngestSources> {
    const readers: Client[] = [];
    try {
      for (const url of [rodbUrl, rodbUrl, bidbUrl])
        readers.push(await connect(url, 'millrace ingest reader'));
      return new IngestSources(readers, await customersIn(readers[0]));
    } catch (cause) {
      await close(readers);
      throw cause;
    }
  }

  /** What is after a code, or all; the server has begun to send each when this returns. */
  async streams(after: string | null): Promise<SourceStreams> {
    const [users, contracts, purchases] = this.#readers;
    const streams = {
      customers: await ingestUsers(users, after),
      contracts: await ingestContracts(contracts, after),
      purchases: await ingestPurchaseLogs(purchases, after),
    };
    for (const stream of Object.values(streams)) await stream.fill();
    return streams;
  }

  async close(): Promise<void> {
    await close(this.#readers);
  }
}

const placeOf = ({ host, port, database }: Client): string => `${host}:${port}/${database ?? ''}`;

async function customersIn(rodb: Client): Promise<number> {
  const [{ some, rows }] = await query<{ some: boolean; rows: number }>(
    rodb,
    'counting customers',
    `select exists (select from rodb.customers) as some, greatest(reltuples, 0)::float8 as rows
     from pg_class where oid = 'rodb.customers'::regclass`,
  );
  if (some) return rows;
  throw new PipelineError(
    'BASE_TOO_SMALL',
    `rodb.customers at ${placeOf(rodb)} has no customers; is RODB_URL the right one?`,
  );
}

async function close(readers: readonly Client[]): Promise<void> {
  for (const reader of readers) {
    reader.connection.stream.destroy(); // it may be in the middle of a COPY nobody reads
    await reader.end().catch(() => undefined); // already gone: nothing is left to close
  }
}
