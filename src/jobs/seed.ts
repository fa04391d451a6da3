import { monotonicMs, secondsSince, seoulMidnight } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { productRows } from '../generate/products.ts';
import { userRows } from '../generate/users.ts';
import type { Product } from '../model/product.ts';
import type { ShopSettings } from '../model/settings.ts';
import type { User } from '../model/user.ts';
import { transaction, withClient } from '../store/client.ts';
import { unfinishedRun } from '../store/runs.ts';
import { copyProducts, copyUsers, shopStatus, takeNumbers } from '../store/shop.ts';

export type SeedOptions = {
  users: number;
  products: number;
  seed: number;
  append: boolean; // add to what is there
  settings: ShopSettings;
  signal?: AbortSignal;
  onProgress?: (rows: number) => void;
};

export type SeedResult = { users: number; products: number; seconds: number };

/**
 * Everybody signs up, and everything is listed, within five years that end with the calendar's:
 * a fixed window, so that the same seed makes the same shop on any day.
 */
const WINDOW_FROM_MS = seoulMidnight(2021, 1, 1);
const WINDOW_TO_MS = seoulMidnight(2026, 1, 1);
const PROGRESS_ROWS = 5_000;
const SLICE_ROWS = 1_000; // in memory at once

/** Fills users and products by COPY, in one transaction: all of it, or nothing. */
export async function seedShop(databaseUrl: string, options: SeedOptions): Promise<SeedResult> {
  return await withClient(databaseUrl, async (client) => {
    const started = monotonicMs();
    return await transaction(client, 'seeding', async () => {
      // Two seeds at once: the second waits here and then finds the first one's rows.
      await client.query('lock table id_counters in exclusive mode');
      const status = await shopStatus(client);
      if (!options.append && status.users + status.products > 0) {
        throw new PipelineError(
          'RUN_CONFLICT',
          `the shop has ${status.users} users and ${status.products} products already; ` +
            'add --append to add to them',
        );
      }
      const unfinished = await unfinishedRun(client);
      if (unfinished) {
        throw new PipelineError(
          'RUN_CONFLICT',
          `backfill run ${unfinished.run} is unfinished, and with other users or products it could not go on; ` +
            'finish it with `bun run millrace backfill --resume`, or delete its rows with `--discard`',
        );
      }
      const firstUser = await takeNumbers(client, 'user', options.users);
      const firstProduct = await takeNumbers(client, 'product', options.products);
      const watch = watcher(options);
      const users = await copyUsers(client, watch(makeUsers(options, firstUser)));
      const products = await copyProducts(client, watch(makeProducts(options, firstProduct)));
      return { users, products, seconds: secondsSince(started) };
    });
  });
}

function* makeUsers(
  { seed, users: count, settings }: SeedOptions,
  firstNumber: number,
): Generator<User> {
  const window = { fromMs: WINDOW_FROM_MS, toMs: WINDOW_TO_MS, settings: settings.users };
  const options = { ...window, seed: seedOf(seed, firstNumber), count, firstNumber };
  for (let start = 0; start < count; start += SLICE_ROWS) {
    yield* userRows(options, start, Math.min(start + SLICE_ROWS, count));
  }
}

function* makeProducts(
  { seed, products: count, settings }: SeedOptions,
  firstNumber: number,
): Generator<Product> {
  const window = { fromMs: WINDOW_FROM_MS, toMs: WINDOW_TO_MS, settings: settings.products };
  const options = { ...window, seed: seedOf(seed, firstNumber), count, firstNumber };
  for (let start = 0; start < count; start += SLICE_ROWS) {
    yield* productRows(options, start, Math.min(start + SLICE_ROWS, count));
  }
}

/** Rows added later must not repeat the first ones, so their numbers move the seed. */
function seedOf(seed: number, firstNumber: number): number {
  return seed + firstNumber - 1;
}

function watcher({ signal, onProgress }: SeedOptions) {
  let rows = 0;
  return function* watch<Row>(source: Iterable<Row>): Generator<Row> {
    for (const row of source) {
      yield row;
      if (++rows % PROGRESS_ROWS !== 0) continue;
      if (signal?.aborted) {
        throw new PipelineError('INTERRUPTED', 'stopped; nothing was stored, start again any time');
      }
      onProgress?.(rows);
    }
  };
}
