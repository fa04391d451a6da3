import type { LedgerDay } from '../../store/runs.ts';
import { committing, rollingBack, type Row, type Statement } from './client.ts';
import type { State, StoredRun } from './database.ts';
import type { Session } from './session.ts';

/** The end of a run; what it changes in other tables is left out here. */
export const FINISH = "update backfill_runs set state = 'finished'";

export const STATEMENTS: readonly Statement[] = [
  {
    begins: 'select pg_try_advisory_lock',
    point: 'backfill lock',
    run: (session) => [{ held: session.tryOwn('backfill') }],
  },
  { begins: 'select from pg_stat_activity', point: 'backfill others', run: others },
  { begins: 'select run, options', point: 'backfill unfinished', run: unfinished },
  { begins: 'select day::text', point: 'backfill ledger', run: ledger },
  { begins: 'insert into backfill_runs', point: 'backfill enter', run: enterRun },
  {
    begins: 'set synchronous_commit = off',
    point: 'backfill setting',
    run: (session) => {
      session.setLazy(true);
      return [];
    },
  },
  { begins: 'begin', point: 'backfill begin', run: () => [] },
  { begins: 'insert into backfill_days', point: 'backfill days', run: enterDays },
  { begins: FINISH, point: 'backfill end', run: finish },
  committing('backfill commit'),
  rollingBack('backfill rollback'),
];

/** Connections whose names begin so, other than this one. */
function others({ database, name }: Session, [begins]: readonly unknown[]): Row[] {
  return [...database.sessions].some(
    (other) => other.name !== name && other.name.startsWith(String(begins)),
  )
    ? [{}]
    : [];
}

function unfinished({ database }: Session): Row[] {
  const runs = [...database.state.runs].filter(([, { finished }]) => finished === null);
  const last = runs.at(-1);
  if (!last) return [];
  const [run, { options, baseChecksum }] = last;
  return [{ run, options, base_checksum: baseChecksum }];
}

function ledger({ database }: Session, [run]: readonly unknown[]): Row[] {
  return [...runOf(database.state, run).days.values()];
}

/** A statement alone is a transaction of its own. */
function enterRun(session: Session, [options, baseChecksum]: readonly unknown[]): Row[] {
  const run = session.database.nextRun();
  session.write(({ runs }) =>
    runs.set(run, {
      options,
      baseChecksum: String(baseChecksum),
      finished: null,
      days: new Map(),
      rows: [],
    }),
  );
  session.commit();
  return [{ run }];
}

function enterDays(session: Session, [run, ...columns]: readonly unknown[]): Row[] {
  const [dates, scenarios, planned, orders, carts, checksums] = columns.map(listOf);
  const days = dates.map((date, at): LedgerDay => ({
    date: String(date),
    scenario: Number(scenarios[at]),
    planned: Number(planned[at]),
    orders: Number(orders[at]),
    carts: Number(carts[at]),
    checksum: String(checksums[at]),
  }));
  const there = runOf(session.database.state, run).days;
  const twice = days.find(({ date }) => there.has(date));
  if (twice) throw new Error(`${twice.date} is in the ledger already`);
  session.write((state) => {
    for (const day of days) runOf(state, run).days.set(day.date, day);
  });
  return [];
}

function finish(session: Session, [run, orders, checksum]: readonly unknown[]): Row[] {
  session.write((state) => {
    runOf(state, run).finished = { orders: Number(orders), checksum: String(checksum) };
  });
  return [];
}

function runOf({ runs }: State, run: unknown): StoredRun {
  const found = runs.get(Number(run));
  if (!found) throw new Error(`there is no run ${Number(run)}`);
  return found;
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error('a column of ledger days is no list');
  return value;
}
