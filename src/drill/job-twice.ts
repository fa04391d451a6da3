import { EXIT_CODES } from '../base/errors.ts';
import { sendSignal } from '../stack/processes.ts';
import { runCommand, startCommand } from './command.ts';
import type { JobDrill, JobFound, JobScene } from './drill.ts';
import { fingerprint, newDatabase, ORDERS, untilMore } from './job-databases.ts';

const MONTH = '2025-12';
const BASE = 'drill_base';
const LOCKS = `select count(*) from pg_locks where locktype = 'advisory' and granted
  and database = (select oid from pg_database where datname = current_database())`;

/** Jobs of which one alone may be at work; `rows` is what they make, without when that was. */
const JOBS = [
  { name: 'backfill', words: ['backfill', '--orders', '100000', '--yes'], rows: ORDERS },
  {
    name: 'recommend',
    words: ['recommend', 'all', '--month', MONTH],
    rows: `(select ccod, user_cluster, sim_ccod, rec_contract_1, rec_product_1
      from analytics.user_recommendation)`,
  },
] as const;

export const TWICE_AT_ONCE: JobDrill = {
  name: 'twice-at-once',
  what: 'the same job is started twice: one does the work, the other refuses or waits',
  how: 'two backfills and two months of the recommender (the first frozen while it holds its claim), two grade passes',
  peers: 'pg-boss claims one delivery of a job; no figure found',
  times: 2,
  secondsEach: 20,
  run,
};

async function run(scene: JobScene): Promise<JobFound> {
  const { serverUrl, times, say } = scene;
  const base = await newDatabase(serverUrl, BASE);
  await runCommand(base, ['migrate']);
  await runCommand(base, ['seed', '--users', '2000', '--products', '2000']);
  await runCommand(base, ['customers', '--count', '3000']);
  const found: JobFound = { events: 0, faults: 0, lost: 0, duplicated: 0 };
  for (let time = 0; time < times; time++) {
    for (const job of JOBS) {
      const [alone, both] = await twice(scene, job);
      found.events += both;
      found.faults++;
      found.lost += Math.max(0, alone - both);
      found.duplicated += Math.max(0, both - alone);
      say(`  ${job.name} twice: ${both} rows, ${alone} by one alone`);
    }
    found.faults += await gradesTwice(scene);
  }
  return found;
}

/** Rows that one makes alone, and rows after two. */
async function twice(
  { serverUrl, signal, check }: JobScene,
  { name, words, rows }: (typeof JOBS)[number],
): Promise<[alone: number, both: number]> {
  const alone = await newDatabase(serverUrl, 'drill_alone', BASE);
  await runCommand(alone, words);
  const url = await newDatabase(serverUrl, 'drill_both', BASE);
  const first = startCommand(url, words);
  let over = false;
  const firstEnded = first.ended.finally(() => (over = true));
  const held = await untilMore(url, LOCKS, 0, () => over, signal);
  sendSignal(first.pid, 'SIGSTOP');
  const second = await startCommand(url, words).ended;
  sendSignal(first.pid, 'SIGCONT');
  const { code } = await firstEnded;
  const refusal = second.complaints.trim().split('\n').at(-1) ?? '';
  check(`${name}: the first ends with 0`, held && code === 0, `${code}`);
  const refused = second.code === EXIT_CODES.RUN_CONFLICT && refusal.includes('at work');
  check(`${name}: the second refuses and says why`, refused, `${second.code}: ${refusal}`);
  const [planned, sum] = await fingerprint(alone, rows);
  const [stored, both] = await fingerprint(url, rows);
  check(`${name}: the rows of one alone`, sum === both, `${stored} of ${planned}`);
  return [planned, stored];
}

/** Two passes at once come to what two passes one after the other come to. */
async function gradesTwice({ serverUrl, check }: JobScene): Promise<number> {
  const words = ['grades', '--once', '--as-of', '2026-01-01'];
  const base = await newDatabase(serverUrl, 'drill_graded', BASE);
  await runCommand(base, ['backfill', '--orders', '50000', '--yes']);
  const inTurn = await newDatabase(serverUrl, 'drill_alone', 'drill_graded');
  await runCommand(inTurn, words);
  await runCommand(inTurn, words);
  const url = await newDatabase(serverUrl, 'drill_both', 'drill_graded');
  const ends = await Promise.all([1, 2].map(() => startCommand(url, words).ended));
  const codes = ends.map(({ code }) => code);
  check(
    'grades: both end with 0',
    codes.every((code) => code === 0),
    codes.join(' and '),
  );
  const grades = '(select user_id, grade from users)';
  const [[, sum], [, both]] = [await fingerprint(inTurn, grades), await fingerprint(url, grades)];
  check('grades: as of two passes in turn', sum === both, sum === both ? 'the same' : 'others');
  return 1;
}
