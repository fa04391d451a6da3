import { EXIT_CODES } from '../base/errors.ts';
import { sendSignal } from '../stack/processes.ts';
import { withClient } from '../store/client.ts';
import { runCommand, startCommand, type Command, type CommandEnd } from './command.ts';
import type { JobDrill, JobFound, JobScene } from './drill.ts';
import {
  contentsOf,
  copyOfBase,
  difference,
  newDatabase,
  ORDERS,
  seededBase,
  untilMore,
  type Made,
} from './job-databases.ts';
import { endOf, endTold } from './job-ending.ts';

const MONTH = '2025-12';
const LOCKS = `select count(*) from pg_locks where locktype = 'advisory'
  and database = (select oid from pg_database where datname = current_database())`;
const HELD = `${LOCKS} and granted`;
const AWAITED = `${LOCKS} and not granted`;
const SECOND_MS_MAX = 60_000;

type Job = { name: string; words: string[]; made: Made };

/** Jobs of which one alone may be at work. */
const JOBS: readonly Job[] = [
  { name: 'backfill', words: ['backfill', '--orders', '100000', '--yes'], made: ORDERS },
  {
    name: 'recommend',
    words: ['recommend', 'all', '--month', MONTH],
    made: {
      rows: `(select ccod, user_cluster, sim_ccod, rec_contract_1, rec_product_1
        from analytics.user_recommendation)`,
      keys: 'select ccod as key from analytics.user_recommendation',
    },
  },
];

const GRADES = ['grades', '--once', '--as-of', '2026-01-01'];
const GRADED: Made = {
  rows: '(select user_id, grade from users)',
  keys: `select concat_ws(' ', user_id, from_grade, to_grade) as key from grade_changes`,
};

export const TWICE_AT_ONCE: JobDrill = {
  name: 'twice-at-once',
  what: 'the same job is started twice: one does the work, the other refuses or waits',
  how: 'two backfills and two months of the recommender (the first frozen while it holds its claim), two grade passes (the second waits for the lock of the first)',
  peers: 'pg-boss claims one delivery of a job; no figure found',
  times: 2,
  secondsEach: 20,
  run,
};

async function run(scene: JobScene): Promise<JobFound> {
  const { serverUrl, times } = scene;
  await seededBase(serverUrl, ['customers', '--count', '3000']);
  const found: JobFound = { events: 0, faults: 0, lost: 0, duplicated: 0 };
  const add = (more: JobFound): void => {
    for (const key of ['events', 'faults', 'lost', 'duplicated'] as const) found[key] += more[key];
  };
  for (let time = 0; time < times; time++) {
    for (const job of JOBS) add(await twice(scene, job));
    add(await gradesTwice(scene));
  }
  return found;
}

/** A fault if the first, frozen, held its claim until the second had ended. */
async function twice(
  { serverUrl, signal, check, say }: JobScene,
  { name, words, made }: Job,
): Promise<JobFound> {
  const alone = await copyOfBase(serverUrl, 'drill_alone');
  await runCommand(alone, words);
  const both = await copyOfBase(serverUrl, 'drill_both');
  const first = startCommand(both, words);
  let second: CommandEnd;
  let held = false;
  try {
    await untilMore(both, HELD, 0, endTold(first), signal);
    sendSignal(first.pid, 'SIGSTOP');
    second = await endOf(startCommand(both, words), signal, SECOND_MS_MAX);
    held = await untilMore(both, HELD, 0, () => true, signal); // one look
  } finally {
    sendSignal(first.pid, 'SIGCONT');
  }
  const { code } = await endOf(first, signal);
  const refusal = second.complaints.trim().split('\n').at(-1) ?? '';
  check(`${name}: the first held its claim, and ends with 0`, held && code === 0, `${code}`);
  const refused = second.code === EXIT_CODES.RUN_CONFLICT && refusal.includes('at work');
  check(`${name}: the second refuses and says why`, refused, `${second.code}: ${refusal}`);
  const [expected, found] = [await contentsOf(alone, made), await contentsOf(both, made)];
  const of = `${found.count} of ${expected.count}`;
  check(`${name}: the rows of one alone`, found.sum === expected.sum, of);
  say(`  ${name} twice: ${found.count} rows, ${expected.count} by one alone`);
  const different = difference(expected.keys, found.keys);
  return { events: found.count, faults: held ? 1 : 0, ...different };
}

/** Two passes at once come to what two passes one after the other come to. */
async function gradesTwice({ serverUrl, signal, check, say }: JobScene): Promise<JobFound> {
  const base = await copyOfBase(serverUrl, 'drill_graded');
  await runCommand(base, ['backfill', '--orders', '50000', '--yes']);
  const inTurn = await newDatabase(serverUrl, 'drill_alone', 'drill_graded');
  await runCommand(inTurn, GRADES);
  await runCommand(inTurn, GRADES);
  const url = await newDatabase(serverUrl, 'drill_both', 'drill_graded');
  const { passes, waited } = await overlapping(url, signal);
  const codes: number[] = [];
  for (const pass of passes) codes.push((await endOf(pass, signal)).code);
  const zero = codes.every((code) => code === 0);
  check('grades: both end with 0', zero, codes.join(' and '));
  const seen = waited ? 'seen waiting' : 'not seen waiting for its lock';
  check('grades: the second waits for the first', waited, seen);
  const [expected, found] = [await contentsOf(inTurn, GRADED), await contentsOf(url, GRADED)];
  const same = found.sum === expected.sum;
  check('grades: as of two passes in turn', same, same ? 'the same' : 'others');
  const changes = found.keys.length;
  say(`  grades twice: ${changes} changes`);
  const different = difference(expected.keys, found.keys);
  return { events: changes, faults: waited ? 1 : 0, ...different };
}

/** Two passes, of which the first could not record its changes before the second waited for its lock. */
async function overlapping(
  url: string,
  signal: AbortSignal,
): Promise<{ passes: Command[]; waited: boolean }> {
  return await withClient(url, async (holder) => {
    await holder.query('begin');
    await holder.query('lock table grade_changes in exclusive mode');
    const first = startCommand(url, GRADES);
    await untilMore(url, HELD, 0, endTold(first), signal);
    const second = startCommand(url, GRADES);
    const waited = await untilMore(url, AWAITED, 0, endTold(second), signal);
    return { passes: [first, second], waited };
  });
}
