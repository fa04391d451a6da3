import { createWriteStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { to } from 'pg-copy-streams';

import { monotonicMs, secondsSince } from '../src/base/clock.ts';
import { STATE_DIR } from '../src/base/config.ts';
import { duration } from '../src/base/terminal.ts';
import { RECOMMENDATION_COLUMNS } from '../src/jobs/recommend-rows.ts';
import { VECTOR_FIELDS } from '../src/recommend/customers.ts';
import { withClient, type Client } from '../src/store/client.ts';
import { startCopy } from '../src/store/copy.ts';
import { monthTable } from '../src/store/publish.ts';
import { copyFile } from './shop.ts';

export type Floor = { seconds: number; text: string };

/**
 * What a month's run cannot do without: a COPY out of the features it reads and a COPY in of the very
 * rows it stored, with the same keys made behind them, and nothing in between. One connection, as the
 * run has; bytes go from PostgreSQL to nowhere, and from a file to PostgreSQL. The table goes in by
 * COPY FREEZE in the transaction that makes it, without any log, which the run cannot have.
 */
export async function monthFloor(databaseUrl: string, month: string): Promise<Floor> {
  const file = join(STATE_DIR, `bench-${process.pid}.copy`);
  const first = `${month}-01`;
  const columns = RECOMMENDATION_COLUMNS.join(', ');
  const stored = `select ${columns} from analytics.user_recommendation where snapshot_month = '${first}'`;
  try {
    return await withClient(databaseUrl, async (client) => {
      const copy = client.query(to(`copy (${stored}) to stdout (format binary)`));
      await pipeline(copy, createWriteStream(file));
      await client.query('checkpoint');
      const started = monotonicMs();
      await readAway(client, first);
      const read = secondsSince(started);
      await storeAgain(client, first, file);
      const seconds = secondsSince(started);
      await client.query('drop table analytics.bench_floor');
      const text = `${duration(seconds)} (out ${duration(read)}, in ${duration(seconds - read)})`;
      return { seconds, text };
    });
  } finally {
    rmSync(file, { force: true });
  }
}

/** Features, in no order, to nowhere. */
async function readAway(client: Client, first: string): Promise<void> {
  const sql = `select ${VECTOR_FIELDS.join(', ')} from source.customer_vector where snapshot_month = '${first}'`;
  const out = client.query(to(`copy (${sql}) to stdout (format binary)`));
  for await (const block of out) if (!(block instanceof Uint8Array)) throw new Error('no bytes');
}

async function storeAgain(client: Client, first: string, file: string): Promise<void> {
  const table = 'analytics.bench_floor';
  await client.query(`begin; set local maintenance_work_mem = '512MB'`);
  await client.query(
    `create table ${table} (like ${monthTable('analytics.user_recommendation', first)} including defaults)`,
  );
  const copy = startCopy(client, table, RECOMMENDATION_COLUMNS, { freeze: true });
  await copyFile(copy, file);
  await client.query(`alter table ${table} add primary key (id, snapshot_month);
    alter table ${table} add unique (ccod, snapshot_month); commit`);
}
