import { strict as assert } from 'node:assert';
import { setImmediate } from 'node:timers/promises';

import { DAY_MS, monotonicMs, secondsSince } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { chunksOf, noEffects, type Chunk, type Effects, type ShopDay } from '../generate/carts.ts';
import { addEffects, History, monthsBefore, type DayEffects } from '../generate/history.ts';
import type { DayPlan, PlanUnit } from '../model/calendar.ts';
import { gradePreset, GRADES } from '../model/grade.ts';
import { cartSizeMoments } from '../model/order.ts';
import {
  packGrades,
  parseRunOptions,
  planOf,
  unpackGrades,
  youngDays,
  type BackfillRules,
  type RunOptions,
} from '../model/rules.ts';
import { fragmentId, loadBase, type LoadedBase } from '../store/base.ts';
import { withClient, type Client } from '../store/client.ts';
import { databaseFailure } from '../store/failure.ts';
import { gradesBefore } from '../store/grades.ts';
import {
  anyExisting,
  ExistingDays,
  existingUntil,
  type ExistingEffects,
} from '../store/existing.ts';
import {
  beginRun,
  claimRuns,
  finishRun,
  unfinishedRun,
  type LedgerDay,
  type Run,
  type RunEnd,
} from '../store/runs.ts';
import { BatchWriter } from './batch-writer.ts';
import { ChunkMaker, type MadeChunk, type MakerSetup } from './chunk-maker.ts';
import { ChunkThreads } from './chunk-threads.ts';
import { RunDays, type Piece } from './run-days.ts';

/** How a run is made; none of it changes a row. */
export type BackfillHow = {
  resume: boolean;
  threads: number; // of generation, from `threadsFromRows` on
  threadsFromRows?: number; // rows of the whole run; below, starting threads costs more than they save
  signal?: AbortSignal;
  onProgress?: (rows: number, rowsExpected: number, date: string) => void;
  onWait?: (note: string) => void; // until the next progress no order is made
};

export type MonthResult = {
  month: string;
  planned: number; // in the run's unit
  actual: number; // in the run's unit
  rows: number;
  carts: number;
};

export type BackfillResult = {
  run: number;
  unit: PlanUnit; // of the run, which a resumed one brings along
  orders: number; // of the whole run, those of an earlier start included
  carts: number;
  seconds: number;
  ordersPerSecond: number; // written by this start
  threads: number; // that made orders beside the one that writes them
  checksum: string;
  gradeChanges: number;
  earlyDays: number; // days whose pools had to take members not yet registered
  resumedDays: number; // days that an earlier start had stored
  months: MonthResult[];
};

const BASE_MIN = 1_000;
const BATCH_ROWS = 250_000; // a transaction's worth: about a second of COPY
const CONNECTIONS = 2;
const THREADS_FROM_ROWS = 500_000;

/** Refuses a base that is too small for the pools (seed 000: 1,000 of each). */
export function checkBase(users: number, products: number): void {
  const short = [
    users < BASE_MIN && `${users} users`,
    products < BASE_MIN && `${products} products`,
  ];
  const missing = short.filter(Boolean).join(' and ');
  if (missing === '') return;
  const more = (have: number): number => Math.max(0, BASE_MIN - have);
  const add = ` --append --users ${more(users)} --products ${more(products)}`;
  throw new PipelineError(
    'BASE_TOO_SMALL',
    `the shop has ${missing}, and a history needs 1,000 of each; ` +
      `run \`bun run millrace seed${users + products === 0 ? '' : add}\` first`,
  );
}

/** Makes the months' orders and stores them; see seed 000. Killed at any point, it can be resumed. */
export async function backfill(
  databaseUrl: string,
  rules: BackfillRules,
  how: BackfillHow,
): Promise<BackfillResult> {
  return await withClient(databaseUrl, async (client) => {
    const started = monotonicMs();
    await claimRuns(client);
    const loaded = await loadBase(client);
    checkBase(loaded.base.users.count, loaded.base.products.count);
    const run = await openRun(client, rules, how.resume, loaded);
    const options = parseRunOptions(run.options);
    takeStartGrades(loaded, options);
    try {
      return await new Backfill(databaseUrl, client, loaded, run, options, how).all(started);
    } catch (cause) {
      throw lostIn(run.run, cause);
    }
  });
}

async function openRun(
  client: Client,
  rules: BackfillRules,
  resume: boolean,
  loaded: LoadedBase,
): Promise<Run> {
  const { base, checksum } = loaded;
  const unfinished = await unfinishedRun(client);
  if (!resume) {
    if (!unfinished) {
      const plans = planOf(rules);
      const startGrades = packGrades(await gradesAt(client, loaded, plans[0].startMs));
      const young = youngDays(base, rules.settings, plans);
      const options: RunOptions = { ...rules, startGrades, youngDays: young };
      return await beginRun(client, options, checksum);
    }
    throw new PipelineError(
      'RUN_CONFLICT',
      `run ${unfinished.run} is unfinished (${unfinished.days.size} days stored); ` +
        'finish it with `bun run millrace backfill --resume`, or delete its rows with `--discard`',
    );
  }
  if (!unfinished) throw new PipelineError('RUN_CONFLICT', 'there is no unfinished run to resume');
  if (unfinished.baseChecksum === checksum) return unfinished;
  throw new PipelineError(
    'RUN_CONFLICT',
    `users or products were added, removed or changed (grades aside) since run ${unfinished.run} began, ` +
      'so the rest of it would not fit; delete its rows with `bun run millrace backfill --discard` and start again',
  );
}

/**
 * By the record of changes, since the table may hold what later months made of them; who is not in
 * the record holds what the table says.
 */
async function gradesAt(client: Client, loaded: LoadedBase, atMs: number): Promise<Uint8Array> {
  const { users } = loaded.base;
  const grades = Uint8Array.from(users.grade);
  const held = await gradesBefore(client, atMs);
  if (held.size === 0) return grades;
  const userIds = idsOf(loaded.fragments.users);
  for (let user = 0; user < users.count; user++) {
    const grade = held.get(userIds(user));
    if (grade !== undefined) grades[user] = GRADES.indexOf(grade);
  }
  return grades;
}

/** A server that goes away is told with what to do then, whatever the connection has to say of it. */
function lostIn(run: number, cause: unknown): unknown {
  const failure = cause instanceof Error ? databaseFailure(cause, 'storing orders') : cause;
  if (!(failure instanceof PipelineError)) return cause;
  const { code } = failure;
  if (code !== 'DATABASE_LOST' && code !== 'DATABASE_UNREACHABLE') return cause;
  const message =
    `the connection to PostgreSQL was lost in the middle of run ${run}; only whole days are stored. ` +
    'Start the server again (`bun run millrace up`), then go on with `bun run millrace backfill --resume`';
  return new PipelineError(code, message, { retryable: true, cause });
}

/** Grades may have changed while a run stood still; it goes on from those it began with. */
function takeStartGrades({ base }: LoadedBase, { startGrades }: RunOptions): void {
  const grades = unpackGrades(startGrades, base.users.count);
  assert(grades, 'the base has the checksum of the run, but another number of users');
  base.users.grade.set(grades);
}

/** One run at work. */
class Backfill {
  readonly #databaseUrl: string;
  readonly #client: Client;
  readonly #loaded: LoadedBase;
  readonly #run: Run;
  readonly #rules: RunOptions;
  readonly #how: BackfillHow;
  readonly #plans: DayPlan[];
  readonly #history: History;
  readonly #maker: ChunkMaker;
  readonly #setup: MakerSetup;
  #threads: ChunkThreads | null = null;
  #writers: BatchWriter[] = [];

  constructor(
    databaseUrl: string,
    client: Client,
    loaded: LoadedBase,
    run: Run,
    rules: RunOptions,
    how: BackfillHow,
  ) {
    const { settings, seed } = rules;
    this.#databaseUrl = databaseUrl;
    this.#client = client;
    this.#loaded = loaded;
    this.#run = run;
    this.#rules = rules;
    this.#how = how;
    this.#plans = planOf(rules);
    const preset = gradePreset(settings.grades.backfill, settings.grades.presets);
    const ids = { seed, run: run.run };
    this.#history = new History(loaded.base, settings, ids, preset);
    this.#setup = { base: loaded.base, fragments: loaded.fragments, settings, ids };
    this.#maker = new ChunkMaker(this.#setup);
  }

  async all(started: number): Promise<BackfillResult> {
    try {
      await this.#open();
      const days = await this.#days();
      const graded = await gradesBefore(this.#client, this.#plans[0].startMs);
      await finishRun(this.#client, this.#end(days, new Set(graded.keys())));
      return this.#result(days, secondsSince(started));
    } finally {
      this.#threads?.close();
      await Promise.all(this.#writers.map((writer) => writer.close()));
    }
  }

  async #open(): Promise<void> {
    const rows = this.#rowsExpected();
    const { threads, threadsFromRows = THREADS_FROM_ROWS } = this.#how;
    if (rows >= threadsFromRows && threads > 0) {
      this.#threads = new ChunkThreads(threads, this.#setup);
    }
    const connections = Math.min(CONNECTIONS, Math.max(1, Math.ceil(rows / BATCH_ROWS)));
    for (let i = 0; i < connections; i++) {
      this.#writers.push(await BatchWriter.open(this.#databaseUrl, this.#run.run));
    }
  }

  #rowsExpected(): number {
    const count = this.#plans.reduce((sum, plan) => sum + plan.count, 0);
    if (this.#rules.unit === 'rows') return count;
    return Math.round(count * cartSizeMoments(this.#rules.settings.orders.cartSizeWeights).mean);
  }

  async #days(): Promise<RunDays> {
    const others = await this.#otherOrders();
    const { signal, onProgress } = this.#how;
    const expected = this.#rowsExpected();
    const days = new RunDays({
      run: this.#run,
      plans: this.#plans,
      make: (plan, firstCart) => this.#make(plan, firstCart, others),
      writers: this.#writers,
      batchRows: BATCH_ROWS,
      signal,
      onProgress: (rows, date) => onProgress?.(rows, expected, date),
    });
    try {
      await days.store();
    } finally {
      await others?.close();
    }
    return days;
  }

  /** Orders of others, brought up to the first day; null where there are none. */
  async #otherOrders(): Promise<OtherOrders | null> {
    const { run } = this.#run;
    if (this.#how.resume) this.#how.onWait?.('looking for earlier orders'); // a scan of its own at worst
    if (!(await anyExisting(this.#client, run))) return null;
    this.#how.onWait?.('counting earlier orders');
    const firstMs = this.#plans[0].startMs;
    const endMs = (this.#plans.at(-1)?.startMs ?? firstMs) + DAY_MS;
    const windowMs = monthsBefore(firstMs, this.#rules.settings.grades.windowMonths);
    const before = existingUntil(this.#client, run, firstMs);
    const days = await ExistingDays.open(this.#databaseUrl, run, windowMs, endMs);
    const others = new OtherOrders(days, this.#loaded);
    await others.before(before, windowMs, firstMs, this.#history);
    return others;
  }

  /** A day's rows; what they and others' orders change is taken in behind the last of them. */
  async *#make(
    plan: DayPlan,
    firstCart: number,
    others: OtherOrders | null,
  ): AsyncGenerator<Piece> {
    const day = this.#history.open(plan);
    const effects = noEffects(day);
    this.#maker.open(day);
    for await (const made of this.#chunks(day, chunksOf(this.#rules.unit, plan.count, firstCart))) {
      addEffects(effects, made.effects);
      yield { bytes: made.bytes, rows: made.rows, carts: made.effects.carts };
    }
    this.#closeDay(day, effects);
    await others?.day(plan.startMs, this.#history);
  }

  /**
   * Chunks in order, from the threads where there are any. Without them sockets, timers and signals
   * get their turn between two chunks: awaiting what is ready already never gives it to them.
   */
  async *#chunks(day: ShopDay, chunks: Chunk[]): AsyncGenerator<MadeChunk> {
    if (this.#threads) {
      yield* this.#threads.make(day, chunks);
      return;
    }
    for (const chunk of chunks) {
      yield this.#maker.make(day, chunk);
      await setImmediate();
    }
  }

  #closeDay(day: ShopDay, effects: Effects): void {
    const expected = new Float64Array(day.users.length);
    this.#maker.addExpected(effects.cartsByHour, expected);
    this.#history.close(day, effects, expected);
  }

  /** `graded`: everybody on whose grade somebody else has had a word. */
  #end(days: RunDays, graded: Set<string>): RunEnd {
    const history = this.#history;
    const { users, products } = this.#loaded.fragments;
    const userIds = idsOf(users);
    const productIds = idsOf(products);
    // Also who is where he started: another run, or a pass of the updater, may have moved him. A run
    // that changed nobody has nothing to say on grades.
    const regraded = new Set(history.gradeChanges.map((change) => change.user));
    const judged = (user: number): boolean =>
      regraded.size > 0 && (regraded.has(user) || graded.has(userIds(user)));
    const changed = [...history.grade.keys()].filter(
      (user) => history.runLastOrderedMs[user] > 0 || judged(user),
    );
    const { refreshDays } = this.#rules.settings.grades;
    const lastPass = this.#plans[Math.floor((this.#plans.length - 1) / refreshDays) * refreshDays];
    const soldProducts = [...history.runSold.keys()].filter(
      (product) => history.runSold[product] > 0,
    );
    const expectedOf = [...history.expectedCarts.keys()].filter(
      (user) => history.expectedCarts[user] > 0,
    );
    return {
      run: this.#run.run,
      orders: days.rows,
      carts: days.carts,
      checksum: days.checksum,
      preset: this.#rules.settings.grades.backfill,
      lastPassMs: lastPass.startMs,
      users: changed.map((user) => ({
        userId: userIds(user),
        lastOrderedMs: history.runLastOrderedMs[user],
        grade: judged(user) ? GRADES[history.grade[user]] : null,
      })),
      products: soldProducts.map((product) => ({
        productId: productIds(product),
        sold: history.runSold[product],
      })),
      changes: history.gradeChanges.map((change) => ({
        userId: userIds(change.user),
        atMs: change.atMs,
        from: GRADES[change.from],
        to: GRADES[change.to],
        amount: change.amount,
        orders: change.orders,
      })),
      expected: expectedOf.map((user) => ({
        userId: userIds(user),
        carts: history.expectedCarts[user],
      })),
    };
  }

  #result(days: RunDays, seconds: number): BackfillResult {
    return {
      run: this.#run.run,
      unit: this.#rules.unit,
      orders: days.rows,
      carts: days.carts,
      seconds,
      ordersPerSecond: Math.round((days.rows - days.rowsStoredBefore) / Math.max(seconds, 0.001)),
      threads: this.#threads ? this.#how.threads : 0,
      checksum: days.checksum,
      gradeChanges: this.#history.gradeChanges.length,
      earlyDays: this.#history.earlyDays,
      resumedDays: this.#run.days.size,
      months: monthResults(this.#plans, days.ledger, this.#rules.unit),
    };
  }
}

/** Orders that were in the table before, brought into the history day by day. */
class OtherOrders {
  readonly #days: ExistingDays;
  readonly #userIndex: Map<string, number>;
  readonly #productIndex: Map<string, number>;

  constructor(days: ExistingDays, { base, fragments }: LoadedBase) {
    this.#days = days;
    this.#userIndex = indexOf(fragments.users, base.users.count);
    this.#productIndex = indexOf(fragments.products, base.products.count);
  }

  /** How things stood when the run's first day began, and the days that the first windows reach. */
  async before(
    standing: AsyncIterable<ExistingEffects>,
    windowMs: number,
    firstMs: number,
    history: History,
  ): Promise<void> {
    for await (const page of standing) history.absorb(0, this.#effects(page));
    for (let startMs = windowMs; startMs < firstMs; startMs += DAY_MS) {
      const effects = this.#effects(await this.#days.day(startMs));
      // Sales and last orders are in `standing` already.
      history.absorb(startMs, { ...effects, products: new Int32Array(0) });
    }
  }

  async day(startMs: number, history: History): Promise<void> {
    history.absorb(startMs, this.#effects(await this.#days.day(startMs)));
  }

  async close(): Promise<void> {
    await this.#days.close();
  }

  /** By index; strangers to the base are left out, since no pool can hold them. */
  #effects({ users, products }: ExistingEffects): DayEffects {
    const known = users.filter((user) => this.#userIndex.has(user.userId));
    const sold = products.filter((product) => this.#productIndex.has(product.productId));
    return {
      users: Int32Array.from(known, (user) => this.#userIndex.get(user.userId) ?? 0),
      amount: Float64Array.from(known, (user) => user.amount),
      orders: Int32Array.from(known, (user) => user.orders),
      lastOrderedMs: Float64Array.from(known, (user) => user.lastOrderedMs),
      products: Int32Array.from(sold, (product) => this.#productIndex.get(product.productId) ?? 0),
      sold: Int32Array.from(sold, (product) => product.sold),
    };
  }
}

function monthResults(
  plans: DayPlan[],
  ledger: readonly LedgerDay[],
  unit: PlanUnit,
): MonthResult[] {
  const months = new Map<string, MonthResult>();
  for (const [index, { month: name, count }] of plans.entries()) {
    const month = months.get(name) ?? { month: name, planned: 0, actual: 0, rows: 0, carts: 0 };
    const { orders: rows, carts } = ledger[index];
    month.planned += count;
    month.actual += unit === 'rows' ? rows : carts;
    month.rows += rows;
    month.carts += carts;
    months.set(name, month);
  }
  return [...months.values()];
}

type FragmentsOf = LoadedBase['fragments']['users'];

function idsOf(fragments: FragmentsOf): (index: number) => string {
  return (index) => fragmentId(fragments, index);
}

function indexOf(fragments: FragmentsOf, count: number): Map<string, number> {
  const index = new Map<string, number>();
  for (let i = 0; i < count; i++) index.set(fragmentId(fragments, i), i);
  return index;
}
