import { DAY_MS, monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { chunksOf, noEffects, type Chunk, type Effects, type ShopDay } from '../generate/carts.ts';
import { addEffects, History, monthsBefore, type DayEffects } from '../generate/history.ts';
import { planDays, type DayPlan } from '../model/calendar.ts';
import { gradePreset, GRADES } from '../model/grade.ts';
import { fragmentId, loadBase, type LoadedBase } from '../store/base.ts';
import { withClient, type Client } from '../store/client.ts';
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
} from '../store/runs.ts';
import { BatchWriter } from './batch-writer.ts';
import { ChunkMaker, type MadeChunk, type MakerSetup } from './chunk-maker.ts';
import { ChunkThreads } from './chunk-threads.ts';
import { parseRules, type BackfillRules } from './rules.ts';

/** How a run is made; none of it changes a row. */
export type BackfillHow = {
  resume: boolean;
  threads: number; // of generation
  signal?: AbortSignal;
  onProgress?: (rows: number, rowsExpected: number, date: string) => void;
};

export type MonthResult = { month: string; planned: number; actual: number; carts: number };

export type BackfillResult = {
  run: number;
  orders: number;
  carts: number;
  seconds: number;
  ordersPerSecond: number;
  checksum: string;
  gradeChanges: number;
  earlyDays: number; // days whose pools had to take members not yet registered
  resumedDays: number; // days that an earlier start had stored
  months: MonthResult[];
};

const BASE_MIN = 1_000;
const BATCH_ROWS = 250_000; // a transaction's worth: about a second of COPY
const CONNECTIONS = 2;
const THREADS_FROM_ROWS = 500_000; // below, starting threads costs more than they save
const ROWS_A_CART = 3.37;

/** Refuses a base that is too small for the pools (seed 000: 1,000 of each). */
export function checkBase(users: number, products: number): void {
  const short = [
    users < BASE_MIN && `${users} users`,
    products < BASE_MIN && `${products} products`,
  ];
  const missing = short.filter(Boolean).join(' and ');
  if (missing === '') return;
  throw new PipelineError(
    'BASE_TOO_SMALL',
    `the shop has ${missing}, and a history needs 1,000 of each; run \`millrace seed\` first`,
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
    const run = await openRun(client, rules, how.resume, loaded.checksum);
    const work = new Backfill(databaseUrl, client, loaded, run, parseRules(run.options), how);
    return await work.all(started);
  });
}

async function openRun(
  client: Client,
  rules: BackfillRules,
  resume: boolean,
  baseChecksum: string,
): Promise<Run> {
  const unfinished = await unfinishedRun(client);
  if (!resume) {
    if (!unfinished) return await beginRun(client, rules, baseChecksum);
    throw new PipelineError(
      'RUN_CONFLICT',
      `run ${unfinished.run} is unfinished (${unfinished.days.size} days stored); ` +
        'finish it with `millrace backfill --resume`, or delete its rows with `--discard`',
    );
  }
  if (!unfinished) throw new PipelineError('RUN_CONFLICT', 'there is no unfinished run to resume');
  if (unfinished.baseChecksum === baseChecksum) return unfinished;
  throw new PipelineError(
    'RUN_CONFLICT',
    `users or products have changed since run ${unfinished.run} began, so the rest of it would not ` +
      'fit; delete its rows with `millrace backfill --discard` and start again',
  );
}

/** One run at work. Days go strictly in order; what they change decides the days after. */
class Backfill {
  readonly #databaseUrl: string;
  readonly #client: Client;
  readonly #loaded: LoadedBase;
  readonly #run: Run;
  readonly #rules: BackfillRules;
  readonly #how: BackfillHow;
  readonly #plans: DayPlan[];
  readonly #history: History;
  readonly #maker: ChunkMaker;
  readonly #setup: MakerSetup;
  readonly #ledger: LedgerDay[] = [];
  #threads: ChunkThreads | null = null;
  #writers: BatchWriter[] = [];
  #batch: { writer: BatchWriter; days: LedgerDay[]; rows: number } | null = null;
  #batches = 0;
  #rows = 0;

  constructor(
    databaseUrl: string,
    client: Client,
    loaded: LoadedBase,
    run: Run,
    rules: BackfillRules,
    how: BackfillHow,
  ) {
    const { settings, seed } = rules;
    this.#databaseUrl = databaseUrl;
    this.#client = client;
    this.#loaded = loaded;
    this.#run = run;
    this.#rules = rules;
    this.#how = how;
    this.#plans = planDays({
      from: rules.from,
      to: rules.to,
      unit: rules.unit,
      orders: rules.orders ?? undefined,
      scenario: rules.scenario ?? undefined,
      calendar: settings.calendar,
    });
    const preset = gradePreset(settings.grades.backfill, settings.grades.presets);
    this.#history = new History(loaded.base, settings, seed, preset);
    this.#setup = {
      base: loaded.base,
      fragments: loaded.fragments,
      settings,
      ids: { seed, run: run.run },
    };
    this.#maker = new ChunkMaker(this.#setup);
  }

  async all(started: number): Promise<BackfillResult> {
    try {
      await this.#open();
      await this.#days();
      for (const writer of this.#writers) await writer.drain();
      const checksum = this.#checksum();
      const carts = this.#ledger.reduce((sum, day) => sum + day.carts, 0);
      await finishRun(this.#client, this.#end(checksum, carts));
      return this.#result(checksum, carts, (monotonicMs() - started) / 1_000);
    } finally {
      this.#threads?.close();
      await Promise.all(this.#writers.map((writer) => writer.close()));
    }
  }

  async #open(): Promise<void> {
    const rows = this.#rowsExpected();
    if (rows >= THREADS_FROM_ROWS && this.#how.threads > 0) {
      this.#threads = new ChunkThreads(this.#how.threads, this.#setup);
    }
    const connections = Math.min(CONNECTIONS, Math.ceil(rows / BATCH_ROWS));
    for (let i = 0; i < connections; i++) {
      this.#writers.push(await BatchWriter.open(this.#databaseUrl, this.#run.run));
    }
  }

  #rowsExpected(): number {
    const count = this.#plans.reduce((sum, plan) => sum + plan.count, 0);
    return Math.max(1, Math.round(this.#rules.unit === 'rows' ? count : count * ROWS_A_CART));
  }

  async #days(): Promise<void> {
    const others = await this.#otherOrders();
    try {
      let firstCart = 0;
      for (const plan of this.#plans) {
        if (this.#how.signal?.aborted) await this.#stop();
        await this.#day(plan, firstCart);
        await others?.day(plan.startMs, this.#history);
        firstCart += plan.count;
      }
    } finally {
      await others?.close();
    }
    this.#commitBatch();
  }

  /** Orders of others, brought up to the first day; null where there are none. */
  async #otherOrders(): Promise<OtherOrders | null> {
    const { run } = this.#run;
    if (!(await anyExisting(this.#client, run))) return null;
    const firstMs = this.#plans[0].startMs;
    const endMs = (this.#plans.at(-1)?.startMs ?? firstMs) + DAY_MS;
    const windowMs = monthsBefore(firstMs, this.#rules.settings.grades.windowMonths);
    const before = await existingUntil(this.#client, run, firstMs);
    const days = await ExistingDays.open(this.#databaseUrl, run, windowMs, endMs);
    const others = new OtherOrders(days, this.#loaded);
    await others.before(before, windowMs, firstMs, this.#history);
    return others;
  }

  async #day(plan: DayPlan, firstCart: number): Promise<void> {
    const day = this.#history.open(plan);
    const stored = this.#run.days.get(plan.date);
    const effects = noEffects(day);
    let hash = 0n;
    let rows = 0;
    this.#maker.open(day);
    const writer = stored ? null : this.#writerOfBatch();
    for await (const made of this.#chunks(day, chunksOf(this.#rules.unit, plan.count, firstCart))) {
      hash = Bun.hash.xxHash64(made.bytes, hash);
      rows += made.rows;
      addEffects(effects, made.effects);
      await writer?.push(made.bytes);
      this.#rows += made.rows;
      this.#how.onProgress?.(this.#rows, this.#rowsExpected(), plan.date);
    }
    const ledgerDay: LedgerDay = {
      date: plan.date,
      scenario: plan.scenario,
      planned: plan.count,
      orders: rows,
      carts: effects.carts,
      checksum: hash.toString(16).padStart(16, '0'),
    };
    this.#ledger.push(ledgerDay);
    this.#closeDay(day, effects);
    if (stored) checkStored(this.#run.run, stored, ledgerDay);
    else this.#enter(ledgerDay);
  }

  /** Chunks in order, from the threads where there are any. */
  async *#chunks(day: ShopDay, chunks: Chunk[]): AsyncGenerator<MadeChunk> {
    if (this.#threads) {
      yield* this.#threads.make(day, chunks);
      return;
    }
    for (const chunk of chunks) yield this.#maker.make(day, chunk);
  }

  #closeDay(day: ShopDay, effects: Effects): void {
    const expected = new Float64Array(day.users.length);
    this.#maker.addExpected(effects.cartsByHour, expected);
    this.#history.close(day, effects, expected);
  }

  /** The writer of the batch in hand; batches take turns, so one is written while the next is made. */
  #writerOfBatch(): BatchWriter {
    if (!this.#batch) {
      const writer = this.#writers[this.#batches++ % this.#writers.length];
      writer.begin();
      this.#batch = { writer, days: [], rows: 0 };
    }
    return this.#batch.writer;
  }

  #enter(day: LedgerDay): void {
    if (!this.#batch) return;
    this.#batch.days.push(day);
    this.#batch.rows += day.orders;
    if (this.#batch.rows >= BATCH_ROWS) this.#commitBatch();
  }

  #commitBatch(): void {
    if (!this.#batch) return;
    this.#batch.writer.commit(this.#batch.days);
    this.#batch = null;
  }

  /** Stores the whole days that are made, a second or two of work, and ends the run unfinished. */
  async #stop(): Promise<never> {
    this.#commitBatch();
    for (const writer of this.#writers) await writer.drain();
    throw new PipelineError(
      'INTERRUPTED',
      `stopped with ${this.#ledger.length} of ${this.#plans.length} days stored; ` +
        '`millrace backfill --resume` goes on',
    );
  }

  /** Of all days' rows, in order: the days' checksums, folded. */
  #checksum(): string {
    let hash = 0n;
    for (const day of this.#ledger) hash = Bun.hash.xxHash64(day.checksum, hash);
    return hash.toString(16).padStart(16, '0');
  }

  #end(checksum: string, carts: number): Parameters<typeof finishRun>[1] {
    const history = this.#history;
    const { users, products } = this.#loaded.fragments;
    const startGrade = this.#loaded.base.users.grade;
    const userIds = idsOf(users);
    const productIds = idsOf(products);
    const changed = [...history.grade.keys()].filter(
      (user) => history.runLastOrderedMs[user] > 0 || history.grade[user] !== startGrade[user],
    );
    const soldProducts = [...history.runSold.keys()].filter(
      (product) => history.runSold[product] > 0,
    );
    const expectedOf = [...history.expectedCarts.keys()].filter(
      (user) => history.expectedCarts[user] > 0,
    );
    return {
      run: this.#run.run,
      orders: this.#rows,
      carts,
      checksum,
      preset: this.#rules.settings.grades.backfill,
      users: changed.map((user) => ({
        userId: userIds(user),
        lastOrderedMs: history.runLastOrderedMs[user],
        grade: history.grade[user] === startGrade[user] ? null : GRADES[history.grade[user]],
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

  #result(checksum: string, carts: number, seconds: number): BackfillResult {
    return {
      run: this.#run.run,
      orders: this.#rows,
      carts,
      seconds,
      ordersPerSecond: Math.round(this.#rows / seconds),
      checksum,
      gradeChanges: this.#history.gradeChanges.length,
      earlyDays: this.#history.earlyDays,
      resumedDays: this.#run.days.size,
      months: monthResults(this.#plans, this.#ledger),
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
    standing: ExistingEffects,
    windowMs: number,
    firstMs: number,
    history: History,
  ): Promise<void> {
    history.absorb(0, this.#effects(standing));
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

function checkStored(run: number, stored: LedgerDay, made: LedgerDay): void {
  if (stored.checksum === made.checksum && stored.orders === made.orders) return;
  throw new PipelineError(
    'RUN_CONFLICT',
    `${made.date} of run ${run} would come out differently now: orders it builds on have changed; ` +
      'delete its rows with `millrace backfill --discard` and start again',
  );
}

function monthResults(plans: DayPlan[], ledger: LedgerDay[]): MonthResult[] {
  const months = new Map<string, MonthResult>();
  for (const [index, plan] of plans.entries()) {
    const month = months.get(plan.month) ?? { month: plan.month, planned: 0, actual: 0, carts: 0 };
    month.planned += plan.count;
    month.actual += ledger[index].orders;
    month.carts += ledger[index].carts;
    months.set(plan.month, month);
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
