import type { PipelineError } from '../../base/errors.ts';
import type { DayPlan } from '../../model/calendar.ts';
import { BatchWriter } from '../../jobs/batch-writer.ts';
import { RunDays, type Piece } from '../../jobs/run-days.ts';
import { WriteConnection } from '../../jobs/write-connection.ts';
import { transaction } from '../../store/client.ts';
import type { Copy } from '../../store/copy.ts';
import { COPY_HEADER, COPY_TRAILER } from '../../store/copy-buffer.ts';
import { databaseFailure } from '../../store/failure.ts';
import { beginRun, claimRuns, unfinishedRun } from '../../store/runs.ts';
import { FINISH, STATEMENTS } from './backfill-statements.ts';
import { pgFailures, SimulatedClient } from './client.ts';
import type { SimulatedDatabase } from './database.ts';
import type { Running } from './running.ts';
import { connectTo } from './sink-store.ts';

const BASE_CHECKSUM = 'base';
const BATCH_ROWS = 3; // one or two days
const CONNECTIONS = 2;
const AGAIN_MS = 2_000;
export const DAYS = 5;
const ROW_BYTES = 8;

export const PLANS: readonly DayPlan[] = Array.from({ length: DAYS }, (_, dayIndex) => ({
  date: `2025-01-0${dayIndex + 1}`,
  startMs: 0,
  dayIndex,
  month: '2025-01',
  weekday: dayIndex % 7,
  scenario: 0,
  label: '',
  count: 1 + ((dayIndex * 2) % 3),
}));

/**
 * Makes the run's days, whose rows follow from all rows before them, as in a shop: a start that
 * leaves days out, or makes them in another order, makes others.
 */
export function dayMaker(): (plan: DayPlan, firstCart: number) => AsyncGenerator<Piece> {
  let shop = 1;
  return async function* make({ dayIndex, count }, firstCart) {
    for (let row = 0; row < count; row++) {
      const bytes = new Uint8Array(ROW_BYTES);
      const view = new DataView(bytes.buffer);
      shop = (Math.imul(shop, 31) + dayIndex) >>> 0;
      view.setUint16(0, dayIndex);
      view.setUint16(2, firstCart + row);
      view.setUint32(4, shop);
      yield { bytes, rows: 1, carts: 1 };
    }
  };
}

/** Makes the run, and again where a connection is lost, as its user would, until it is finished. */
export async function keepBackfilling(
  { process, signal }: Running,
  database: SimulatedDatabase,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await backfillOnce({ process, signal }, database);
    } catch (cause) {
      if (!mayGoOn(databaseFailure(cause, 'backfill'))) throw cause;
      await process.sleep(AGAIN_MS, signal);
    }
  }
}

/** What a user goes on after; but never a run that no longer fits what is stored of it. */
function mayGoOn({ code, retryable, message }: PipelineError): boolean {
  return retryable || code === 'INTERRUPTED' || message.includes('wait for its end');
}

async function backfillOnce(
  { process, signal }: Running,
  database: SimulatedDatabase,
): Promise<void> {
  const main = await connect(database, process, 'millrace');
  const writers: BatchWriter[] = [];
  try {
    const { client } = main;
    await claimRuns(client, process);
    if ([...database.state.runs.values()].some(({ finished }) => finished)) return;
    const run = (await unfinishedRun(client)) ?? (await beginRun(client, {}, BASE_CHECKSUM));
    for (let i = 0; i < CONNECTIONS; i++)
      writers.push(await openWriter(database, process, run.run));
    const days = new RunDays({
      run,
      plans: PLANS,
      make: dayMaker(),
      writers,
      batchRows: BATCH_ROWS,
      signal,
    });
    await days.store();
    await transaction(client, 'finishing', async () => {
      await client.query(FINISH, [run.run, days.rows, days.checksum]);
    });
  } finally {
    await Promise.all(writers.map((writer) => writer.close()));
    await main.end();
  }
}

async function openWriter(
  database: SimulatedDatabase,
  process: Running['process'],
  run: number,
): Promise<BatchWriter> {
  const client = await connect(database, process, `millrace backfill ${run}`);
  await client.query('set synchronous_commit = off');
  const connection = new WriteConnection(client.client, {
    name: client.session.name,
    doing: 'storing orders',
    bytesMax: 3 * ROW_BYTES,
  });
  return new BatchWriter(connection, run, () => new SimulatedCopy(client, run));
}

async function connect(
  database: SimulatedDatabase,
  process: Running['process'],
  name: string,
): Promise<SimulatedClient> {
  const session = await connectTo(database, process, {
    name,
    point: 'backfill connect',
    failures: pgFailures,
  });
  return new SimulatedClient(session, STATEMENTS);
}

class SimulatedCopy implements Copy {
  readonly #client: SimulatedClient;
  readonly #run: number;
  #pieces: Uint8Array[] = [];
  #ended = false;

  constructor(client: SimulatedClient, run: number) {
    this.#client = client;
    this.#run = run;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes === COPY_HEADER) return;
    await this.#client.session.call('backfill copy', () => {
      if (bytes === COPY_TRAILER) this.#ended = true;
      else this.#pieces.push(bytes);
    });
  }

  async end(): Promise<number> {
    return await this.#client.session.call('backfill copied', () => {
      if (!this.#ended) throw new Error('a COPY without an end');
      this.#client.session.write(({ runs }) => runs.get(this.#run)?.rows.push(...this.#pieces));
      return this.#pieces.reduce((rows, piece) => rows + piece.length / ROW_BYTES, 0);
    });
  }

  async abort(): Promise<void> {
    this.#client.session.lose();
  }
}
