import { PipelineError } from '../base/errors.ts';
import { pause } from '../base/shutdown.ts';
import { sendSignal } from '../stack/processes.ts';
import { runCommand, startCommand } from './command.ts';
import type { JobDrill, JobFound, JobScene } from './drill.ts';
import {
  contentsOf,
  copyOfBase,
  countOf,
  difference,
  ORDERS,
  seededBase,
  untilMore,
} from './job-databases.ts';
import { endOf, endTold } from './job-ending.ts';

const ROWS = 600_000;
const WAIT_MS = [0, 300] as const; // from a stored day to the kill
const KILLED = 137;
const VAIN_MAX = 3; // rounds that ended before a kill struck
const WORDS = ['backfill', '--orders', `${ROWS}`, '--yes'];
const RUNS = 'select count(*) - 1 as count from backfill_runs';
const DAYS = 'select count(*) from backfill_days';

export const BACKFILL_KILL: JobDrill = {
  name: 'backfill-kill',
  what: 'SIGKILL of a backfill at random points, and --resume, until it is done',
  how: 'kill -9 within 300 ms after a run began or days were stored; the end is held against an undisturbed run, row by row',
  peers: 'Spark foreachBatch delivers at least once',
  times: 8,
  secondsEach: 3,
  run,
};

async function run(scene: JobScene): Promise<JobFound> {
  const { serverUrl, times, check } = scene;
  await seededBase(serverUrl);
  const calm = await copyOfBase(serverUrl, 'drill_calm');
  const { checksum } = await runCommand(calm, WORDS);
  const expected = await contentsOf(calm, ORDERS);
  const found: JobFound = { events: 0, faults: 0, lost: 0, duplicated: 0 };
  for (let vain = 0; found.faults < times && vain < VAIN_MAX;) {
    const killed = await copyOfBase(serverUrl, 'drill_killed');
    const round = await killedRun(killed, times - found.faults, scene);
    const stored = await contentsOf(killed, ORDERS);
    const of = `${stored.count} of ${expected.count} orders`;
    check('the same checksum as undisturbed', round.checksum === checksum, String(checksum));
    check('the same rows as undisturbed', stored.sum === expected.sum, of);
    const { lost, duplicated } = difference(expected.keys, stored.keys);
    found.events += stored.count;
    found.faults += round.kills;
    found.lost += lost;
    found.duplicated += duplicated;
    if (round.kills === 0) vain++;
  }
  const struck = `${found.faults} of ${times}; a run must last until it is killed`;
  check('every kill struck', found.faults === times, struck);
  return found;
}

/** One run to its end, killed on the way as often as that can be. */
async function killedRun(
  url: string,
  killsMax: number,
  { chance, signal, say }: JobScene,
): Promise<{ kills: number; checksum: unknown }> {
  let days = -1; // the first kill does not wait for a day
  for (let kills = 0; ; kills++) {
    const command = startCommand(url, kills === 0 ? WORDS : [...WORDS, '--resume']);
    const [counts, over] = [kills === 0 ? RUNS : DAYS, endTold(command)];
    if (kills < killsMax && (await untilMore(url, counts, days, over, signal))) {
      await pause(chance.between(...WAIT_MS), signal);
      sendSignal(command.pid, 'SIGKILL');
    }
    const { code, json, complaints } = await endOf(command, signal);
    if (code === 0) return { kills, checksum: json['checksum'] };
    if (code !== KILLED) {
      throw new PipelineError('CHECK_FAILED', `the backfill ended with ${code}: ${complaints}`);
    }
    days = await countOf(url, DAYS);
    say(`  killed with ${days} days stored`);
  }
}
