import { monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { checkMonth, monthEnd } from '../recommend/day.ts';
import { codeVersion } from '../recommend/model.ts';
import { query, transaction, withClient, type Client } from '../store/client.ts';
import {
  beginRecommendRun,
  claimMonths,
  finishRecommendRun,
  monthPartition,
  unfinishedRecommendRun,
  type LedgerChunk,
  type RecommendRun,
} from '../store/recommend-runs.ts';
import {
  addCounts,
  ChunkAssembler,
  noCounts,
  type ChunkCounts,
  type SourceStreams,
} from './ingest-chunk.ts';
import { IngestSources } from './ingest-sources.ts';
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
  strangers: number; // contracts, by detail, and purchases of nobody, of what this start has read
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
 * of the month's end. A month that is there is replaced, once all sources have begun to send. Killed
 * at any point, the next start goes on behind the last chunk stored, and the month comes out as if
 * nothing had happened.
 */
export async function ingest(databaseUrl: string, options: IngestOptions): Promise<IngestResult> {
  const started = monotonicMs();
  const month = parseMonth(options.month);
  return await withClient(databaseUrl, async (client) => {
    await claimMonths(client, WRITER_NAME);
    const { rodbUrl = databaseUrl, bidbUrl = databaseUrl } = options;
    const sources = await IngestSources.open({ rodbUrl, bidbUrl });
    try {
      const { run, streams } = await openRun(client, month.first, sources, options);
      const work = new Ingest(databaseUrl, client, run, month, options);
      return await work.all(streams, sources.customersExpected, started);
    } finally {
      await sources.close();
    }
  });
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

/**
 * Goes on with the month as it was begun, from the same sources and with the same code, or empties it
 * to begin anew; its sources are open by then.
 */
async function openRun(
  client: Client,
  month: string,
  sources: IngestSources,
  { restart, sizes = INGEST_SIZES }: IngestOptions,
): Promise<{ run: RecommendRun; streams: SourceStreams }> {
  const options = { chunk: sizes.chunk, sources: sources.hash, code: codeVersion() };
  const unfinished = restart ? null : await unfinishedRecommendRun(client, 'ingest', month);
  if (unfinished && Bun.deepEquals(unfinished.options, options)) {
    const after = unfinished.chunks.at(-1)?.lastCode ?? null;
    return { run: unfinished, streams: await sources.streams(after) };
  }
  const streams = await sources.streams(null);
  return await transaction(client, 'beginning the month', async () => {
    await monthPartition(client, 'source.user_monthly_features', month, true);
    await monthPartition(client, 'source.customer_vector', month, true);
    const run = await beginRecommendRun(client, 'ingest', month, options);
    return { run: { run, month, options, chunks: [] }, streams };
  });
}

/** One ingest at work: the merge of three streams, two writers that take turns. */
class Ingest {
  readonly #databaseUrl: string;
  readonly #client: Client;
  readonly #run: RecommendRun;
  readonly #month: Month;
  readonly #options: IngestOptions;
  readonly #sizes: IngestSizes;
  readonly #counts = noCounts();
  readonly #checksums: string[];
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

  async all(streams: SourceStreams, expected: number, started: number): Promise<IngestResult> {
    const before = this.#counts.customers;
    try {
      await this.#chunks(streams, expected);
      for (const writer of this.#writers) await writer.drain();
      await this.#committed;
    } finally {
      await Promise.all(this.#writers.map((writer) => writer.close()));
    }
    const seconds = (monotonicMs() - started) / 1_000;
    const result = this.#result(seconds, before);
    await this.#finish(result);
    return result;
  }

  async #chunks(streams: SourceStreams, expected: number): Promise<void> {
    const assembler = new ChunkAssembler(streams, this.#month, await this.#industryNames());
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

  async #industryNames(): Promise<ReadonlyMap<string, string>> {
    const rows = await query<{ code: string; name: string }>(
      this.#client,
      'reading industry codes',
      'select code, name from source.industry_codes',
    );
    return new Map(rows.map(({ code, name }) => [code, name]));
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
}
