import type { Client } from '../../store/client.ts';
import { keepFolding } from '../../suite/parts/folding.ts';
import {
  committing,
  pgFailures,
  rollingBack,
  SimulatedClient,
  type Row,
  type Statement,
} from './client.ts';
import type { Effect, SimulatedDatabase } from './database.ts';
import type { SimulatedProcess } from './process.ts';
import type { Session } from './session.ts';
import { connectTo } from './sink-store.ts';
import { SILENT, type Running } from './running.ts';

const LOOK_MS = 1_500;

/** Applies order effects, as every order consumer offers to. */
export async function fold(
  { process, signal }: Running,
  database: SimulatedDatabase,
): Promise<void> {
  const connection = new FoldingConnection(database, process);
  await keepFolding({
    use: (ask) => connection.use(ask),
    time: process,
    signal,
    log: SILENT,
    lookMs: LOOK_MS,
  });
  connection.close();
}

/** A connection that is made when it is needed, and made anew after any error. */
export class FoldingConnection {
  readonly #database: SimulatedDatabase;
  readonly #process: SimulatedProcess;
  #client: SimulatedClient | null = null;

  constructor(database: SimulatedDatabase, process: SimulatedProcess) {
    this.#database = database;
    this.#process = process;
  }

  async use<Result>(ask: (client: Client) => Promise<Result>): Promise<Result> {
    this.#client ??= await this.#connect();
    try {
      return await ask(this.#client.client);
    } catch (cause) {
      this.close();
      throw cause;
    }
  }

  close(): void {
    this.#client?.session.lose();
    this.#client = null;
  }

  async #connect(): Promise<SimulatedClient> {
    const session = await connectTo(this.#database, this.#process, {
      name: 'folding',
      point: 'fold connect',
      failures: pgFailures,
    });
    return new SimulatedClient(session, STATEMENTS);
  }
}

const STATEMENTS: readonly Statement[] = [
  { begins: 'select coalesce(greatest(extract', point: 'fold ages', run: ages },
  { begins: 'begin', point: 'fold begin', run: () => [] },
  {
    begins: 'select pg_try_advisory_xact_lock',
    point: 'fold lock',
    run: (session) => [{ held: session.tryLock('folding') }],
  },
  { begins: 'select effect_id', point: 'fold take', run: take },
  { begins: 'with due as ( select user_id', point: 'fold users', run: foldUsers },
  { begins: 'with due as ( select product_id', point: 'fold products', run: foldProducts },
  { begins: 'delete from order_effects', point: 'fold delete', run: forget },
  committing('fold commit'),
  rollingBack('fold rollback'),
];

function ages({ database }: Session): Row[] {
  const { effects } = database.state;
  const { nowMs } = database.ground.scheduler;
  if (effects.size === 0) return [{ oldest: 0, newest: 0 }];
  const moments = Array.from(effects.values(), ({ atMs }) => atMs);
  const [oldest, newest] = [Math.min(...moments), Math.max(...moments)];
  return [{ oldest: (nowMs - oldest) / 1_000, newest: (nowMs - newest) / 1_000 }];
}

function take({ database }: Session, [max]: readonly unknown[]): Row[] {
  const numbers = [...database.state.effects.keys()].toSorted((a, b) => a - b);
  return numbers.slice(0, Number(max)).map((number) => ({ effect_id: String(number) }));
}

function foldUsers(session: Session, [numbers]: readonly unknown[]): Row[] {
  const due = new Map<string, number>();
  for (const { users } of effectsOf(session, numbers)) {
    for (const [user, ms] of users) due.set(user, Math.max(ms, due.get(user) ?? 0));
  }
  session.write(({ lastOrdered }) => {
    for (const [user, ms] of due) lastOrdered.set(user, Math.max(ms, lastOrdered.get(user) ?? 0));
  });
  return [{ changed: due.size }];
}

function foldProducts(session: Session, [numbers]: readonly unknown[]): Row[] {
  const due = new Map<string, number>();
  for (const { products } of effectsOf(session, numbers)) {
    for (const [product, count] of products) due.set(product, count + (due.get(product) ?? 0));
  }
  session.write(({ sold }) => {
    for (const [product, count] of due) sold.set(product, count + (sold.get(product) ?? 0));
  });
  return [{ changed: due.size }];
}

function forget(session: Session, [numbers]: readonly unknown[]): Row[] {
  session.write(({ effects }) => {
    for (const number of idsOf(numbers)) effects.delete(number);
  });
  return [];
}

function effectsOf({ database }: Session, numbers: unknown): Effect[] {
  return idsOf(numbers).flatMap((number) => database.state.effects.get(number) ?? []);
}

function idsOf(numbers: unknown): number[] {
  if (!Array.isArray(numbers)) throw new Error('the effects to apply are no list');
  return numbers.map(Number);
}
