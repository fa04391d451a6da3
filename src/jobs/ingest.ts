import { monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { checkMonth, monthEnd } from '../recommend/day.ts';
import { connect, query, transaction, withClient, type Client } from '../store/client.ts';
import type { RowStream } from '../store/copy-out.ts';
import {
  beginRecommendRun,
  claimMonths,
  finishRecommendRun,
  monthPartition,
  unfinishedRecommendRun,
  type LedgerChunk,
  type RecommendRun,
} from '../store/recommend-runs.ts';
import { readContracts, readCustomers, readPurchases } from '../store/source-rows.ts';
import {
  addCounts,
  ChunkAssembler,
  noCounts,
  type ChunkCounts,
  type SourceStreams,
} from './ingest-chunk.ts';
import { GroupWriter, WRITER_NAME } from './ingest-writer.ts';

export type IngestOptions = {
  month: string; // 2025-12
  rodbUrl?: string; // default: the database itself
  bidbUrl?: string;
  restart?: boolean; // throw an unfinished ingest of the month away instead of going on with it
  sizes?: IngestSizes;
  signal?: AbortSignal;
  onProgress?: (customers: number, customersExpected: number) => void;
};

export type IngestResult = ChunkCounts & {
  run: number;
  month: string; // first day
  chunks: number;
  resumedChunks: number; // stored by an earlier start
  strangers: number; // contracts and purchases of nobody, of what this start has read
  seconds: number;
  customersPerSecond: number; // of what this start has done
  checksum: string;
};

/** The checksum depends on the chunk, and on nothing else of how the work is cut. */
export type IngestSizes = { chunk: number; group: number };

export const INGEST_SIZES: IngestSizes = {
  chunk: 2_000, // customers, as in the original
  group: 10, // chunks stored in one transaction
};
const CONNECTIONS = 2;

/**
 * Fills a month of `source.user_monthly_features` and `source.customer_vector` from the sources, as
 * of the month's end. A month that is there is replaced. Killed at any point, the next start goes on
 * behind the last chunk stored, and the month comes out as if nothing had happened.
 */
export async function ingest(databaseUrl: string, options: IngestOptions): Promise<IngestResult> {
  const started = monotonicMs();
  const month = parseMonth(options.month);
  return await withClient(databaseUrl, async (client) => {
    await claimMonths(client, WRITER_NAME);
    const run = await openRun(client, month.first, options);
    const work = new Ingest(databaseUrl, client, run, month, options);
    return await work.all(started);
  });
}

/** All customers after a code, in order. */
export async function ingestUsers(rodb: Client, after: string | null): Promise<RowStream> {
  return await readCustomers(rodb, after);
}

/** Contracts with their details, in order of customers. */
export async function ingestContracts(rodb: Client, after: string | null): Promise<RowStream> {
  return await readContracts(rodb, after);
}

/** Purchases, in order of customers. */
export async function ingestPurchaseLogs(bidb: Client, after: string | null): Promise<RowStream> {
  return await readPurchases(bidb, after);
}

/**
 * Assembles the next chunk of customers and hands it to the writer of its group; null behind the
 * last. The chunk is stored when its group is committed.
 */
export async function processAndLoadChunk(
  assembler: ChunkAssembler,
  writer: () => GroupWriter,
  number: number,
  customers: number = INGEST_SIZES.chunk,
): Promise<{ entry: LedgerChunk; counts: ChunkCounts } | null> {
  const chunk = await assembler.next(customers);
  if (!chunk) return null;
  const { firstCode, lastCode, checksum, counts } = chunk;
  await writer().push(chunk);
  const rows = counts.customers;
  return { entry: { chunk: number, firstCode, lastCode, rows, checksum, detail: counts }, counts };
}

type Month = { first: string; end: number; ms: number };

function parseMonth(text: string): Month {
  checkMonth(text);
  const [year, month] = text.split('-').map(Number);
  return {
    first: `${text}-01`,
    end: monthEnd(year * 10_000 + month * 100 + 1),
    ms: Date.UTC(year, month - 1, 1),
  };
}

async function openRun(
  client: Client,
  month: string,
  { restart, sizes = INGEST_SIZES }: IngestOptions,
): Promise<RecommendRun> {
  const options = { chunk: sizes.chunk };
  const unfinished = restart ? null : await unfinishedRecommendRun(client, 'ingest', month);
  if (unfinished && Bun.deepEquals(unfinished.options, options)) return unfinished;
  return await transaction(client, 'beginning the month', async () => {
    await monthPartition(client, 'source.user_monthly_features', month, true);
    await monthPartition(client, 'source.customer_vector', month, true);
    const run = await beginRecommendRun(client, 'ingest', month, options);
    return { run, month, options, chunks: [] };
  });
}

/** One ingest at work: three readers, the merge between them, two writers that take turns. */
class Ingest {
  readonly #databaseUrl: string;
  readonly #client: Client;
  readonly #run: RecommendRun;
  readonly #month: Month;
  readonly #options: IngestOptions;
  readonly #sizes: IngestSizes;
  readonly #counts = noCounts();
  readonly #checksums: string[];
  readonly #readers: Client[] = [];
  #writers: GroupWriter[] = [];
  #group: { writer: GroupWriter; chunks: LedgerChunk[]; active: number } | null = null;
  #groups = 0;
  #committed: Promise<void> = Promise.resolve();
  #strangers = 0;

  constructor(
    databaseUrl: string,
    client: Client,
    run: RecommendRun,
    month: Month,
    options: IngestOptions,
  ) {
    this.#databaseUrl = databaseUrl;
    this.#client = client;
    this.#run = run;
    this.#month = month;
    this.#options = options;
    this.#sizes = options.sizes ?? INGEST_SIZES;
    this.#checksums = run.chunks.map(({ checksum }) => checksum);
    for (const { detail } of run.chunks) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `#enter` alone
      addCounts(this.#counts, detail as ChunkCounts);
    }
  }

  async all(started: number): Promise<IngestResult> {
    const before = this.#counts.customers;
    try {
      const expected = await this.#customersExpected();
      await this.#chunks(expected);
      for (const writer of this.#writers) await writer.drain();
      await this.#committed;
    } finally {
      await this.#close();
    }
    const seconds = (monotonicMs() - started) / 1_000;
    const result = this.#result(seconds, before);
    await this.#finish(result);
    return result;
  }

  async #chunks(expected: number): Promise<void> {
    const assembler = new ChunkAssembler(
      await this.#streams(),
      this.#month,
      await this.#industryNames(),
    );
    for (let i = 0; i < CONNECTIONS; i++)
      this.#writers.push(await GroupWriter.open(this.#databaseUrl, this.#run.run));
    for (;;) {
      if (this.#options.signal?.aborted) await this.#stop();
      const number = this.#checksums.length;
      const made = await processAndLoadChunk(assembler, this.#writer, number, this.#sizes.chunk);
      if (!made) break;
      this.#enter(made.entry, made.counts);
      this.#options.onProgress?.(this.#counts.customers, expected);
    }
    this.#strangers = assembler.strangers;
    this.#commitGroup();
  }

  async #streams(): Promise<SourceStreams> {
    const { rodbUrl = this.#databaseUrl, bidbUrl = this.#databaseUrl } = this.#options;
    for (const url of [rodbUrl, rodbUrl, bidbUrl])
      this.#readers.push(await connect(url, 'millrace ingest reader'));
    const after = this.#run.chunks.at(-1)?.lastCode ?? null;
    const [users, contracts, purchases] = this.#readers;
    return {
      customers: await ingestUsers(users, after),
      contracts: await ingestContracts(contracts, after),
      purchases: await ingestPurchaseLogs(purchases, after),
    };
  }

  async #industryNames(): Promise<ReadonlyMap<string, string>> {
    const rows = await query<{ code: string; name: string }>(
      this.#client,
      'reading industry codes',
      'select code, name from source.industry_codes',
    );
    return new Map(rows.map(({ code, name }) => [code, name]));
  }

  /** As the planner believes; good enough for a bar. */
  async #customersExpected(): Promise<number> {
    const { rodbUrl = this.#databaseUrl } = this.#options;
    return await withClient(rodbUrl, async (rodb) => {
      const [row] = await query<{ rows: number }>(
        rodb,
        'counting customers',
        `select greatest(reltuples, 0)::float8 as rows from pg_class
         where oid = 'rodb.customers'::regclass`,
      );
      return row.rows;
    });
  }

  /** The writer of the group in hand; groups take turns, so one is stored while the next is made. */
  readonly #writer = (): GroupWriter => {
    if (!this.#group) {
      const writer = this.#writers[this.#groups++ % this.#writers.length];
      writer.begin();
      this.#group = { writer, chunks: [], active: 0 };
    }
    return this.#group.writer;
  };

  #enter(entry: LedgerChunk, counts: ChunkCounts): void {
    addCounts(this.#counts, counts);
    this.#checksums.push(entry.checksum);
    if (!this.#group) return;
    this.#group.chunks.push(entry);
    this.#group.active += counts.active;
    if (this.#group.chunks.length === this.#sizes.group) this.#commitGroup();
  }

  #commitGroup(): void {
    if (!this.#group) return;
    const { writer, chunks, active } = this.#group;
    this.#committed = writer.commit(chunks, active, this.#committed);
    this.#committed.catch(() => undefined); // the writer keeps it for the next call
    this.#group = null;
  }

  /** Stores the chunks that are made, a second or two of work, and ends the run unfinished. */
  async #stop(): Promise<never> {
    this.#commitGroup();
    for (const writer of this.#writers) await writer.drain();
    throw new PipelineError(
      'INTERRUPTED',
      `stopped with ${this.#counts.customers} customers of ${this.#month.first} stored; ` +
        'the same command goes on',
    );
  }

  async #finish(result: IngestResult): Promise<void> {
    for (const table of ['source.user_monthly_features', 'source.customer_vector']) {
      const part = `${table}_${this.#month.first.slice(0, 7).replace('-', '_')}`;
      await query(this.#client, 'setting the sample', 'set default_statistics_target = 10');
      await query(this.#client, `analyzing ${part}`, `analyze ${part}`);
    }
    await finishRecommendRun(this.#client, result.run, {
      rows: result.customers,
      checksum: result.checksum,
      result,
    });
  }

  #result(seconds: number, before: number): IngestResult {
    let hash = 0n;
    for (const checksum of this.#checksums) hash = Bun.hash.xxHash64(checksum, hash);
    return {
      ...this.#counts,
      run: this.#run.run,
      month: this.#month.first,
      chunks: this.#checksums.length,
      resumedChunks: this.#run.chunks.length,
      strangers: this.#strangers,
      seconds,
      customersPerSecond: Math.round((this.#counts.customers - before) / Math.max(seconds, 0.001)),
      checksum: hash.toString(16).padStart(16, '0'),
    };
  }

  async #close(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.close()));
    for (const reader of this.#readers) {
      reader.connection.stream.destroy(); // it may be in the middle of a COPY nobody reads
      await reader.end().catch(() => undefined); // already gone: nothing is left to close
    }
  }
}
