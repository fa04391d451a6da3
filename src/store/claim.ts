import { PipelineError } from '../base/errors.ts';
import { REAL_TIME, type Time } from '../base/time.ts';
import { query, type Client } from './client.ts';

export type Claim = {
  lock: number; // any constant of its own: who holds it has the claim
  writers: string; // what the application names of connections that write under it begin with
  who: string; // for errors
  waitMsMax: number;
};

const POLL_MS = 20;
const BUSY = `select from pg_stat_activity where datname = current_database()
  and starts_with(application_name, $1) and pid <> pg_backend_pid() limit 1`;

/**
 * Makes this connection the only one of its kind at work, until it ends. One that was killed just now
 * may still have a transaction on its way to being stored, so its writers are waited for.
 */
export async function claim(
  client: Client,
  { lock, writers, who, waitMsMax }: Claim,
  time: Time = REAL_TIME,
): Promise<void> {
  const doing = `looking for ${who} at work`;
  const until = time.monotonicMs() + waitMsMax;
  let held = false;
  while (time.monotonicMs() < until) {
    held ||= (
      await query<{ held: boolean }>(client, doing, 'select pg_try_advisory_lock($1) as held', [
        lock,
      ])
    )[0].held;
    if (held && (await query(client, doing, BUSY, [writers])).length === 0) return;
    await time.sleep(POLL_MS, new AbortController().signal);
  }
  throw new PipelineError('RUN_CONFLICT', `${who} is at work in this database; wait for its end`);
}
