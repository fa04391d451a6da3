import { audit, type Audit } from '../analyse/audit.ts';
import { readLedger } from '../analyse/ledger.ts';
import { withRedis } from '../cache/client.ts';
import { GROUPS, TOPICS } from '../model/event.ts';
import { withClient } from '../store/client.ts';
import { storedOffsets } from '../store/offsets.ts';
import type { Scene } from './drill.ts';
import type { Fleet } from './fleet.ts';
import type { Flow } from './flow.ts';
import type { Member } from './member.ts';
import type { Rig } from './rig.ts';

const QUIET_SECONDS_MAX = 60;
const STOP_MS_MAX = 5_000;

/** What the audit found, and how many events the makers' ledger has as acknowledged. */
export type RigAudit = Audit & { acknowledged: number };

type Ending = {
  rig: Rig;
  fleet: Fleet;
  flow: Flow;
  signal: AbortSignal;
  check: Scene['check'];
};

/**
 * Ends a drill in order: the makers stop, all that is on its way is stored, the consumers stop. What
 * that says about the shop goes to the checks; returns the seconds until all was quiet, or null.
 */
export async function endInOrder(ending: Ending): Promise<number | null> {
  const { rig, fleet, flow, signal, check } = ending;
  await stop(fleet.makers, check);
  const quietSeconds = await flow.quiet(rig.admin, QUIET_SECONDS_MAX, signal);
  const found =
    quietSeconds === null ? 'not within a minute' : `after ${quietSeconds.toFixed(1)} s`;
  check('all that was sent is stored within a minute', quietSeconds !== null, found);
  await checkConnections(rig, check);
  await Promise.all(fleet.takers.map((member) => stop(member, check)));
  await checkOffsets(rig, check);
  const surprises = fleet
    .surprises()
    .map(({ member, code, lastWords }) => `${member} with ${code}: ${lastWords}`);
  const away = fleet.refusedStarts();
  const none = away === 0 ? 'none' : `none; ${away} started while a server was away, and again`;
  check('no process ended by itself', surprises.length === 0, surprises.join(', ') || none);
  const defects = fleet.defects();
  const first = defects.length === 0 ? 'none' : `${defects.length}, the first ${defects[0]}`;
  check('no defect is in a log', defects.length === 0, first);
  return quietSeconds;
}

/** Every record against every row, the producers' ledger, and the cache. */
export async function auditRig({ postgres, redis, admin, ledger }: Rig): Promise<RigAudit> {
  const file = Bun.file(ledger);
  const acked = (await file.exists()) ? readLedger(ledger, await file.text()) : [];
  const found = await withClient(postgres.databaseUrl, (client) =>
    withRedis(redis.redisUrl, (cache) => audit(client, admin, { redis: cache, ledger: acked })),
  );
  const acknowledged = acked.reduce((sum, { from, to }) => sum + to - from, 0);
  return { ...found, acknowledged };
}

async function stop(member: Member, check: Scene['check']): Promise<void> {
  const ended = await member.stop();
  if (ended === null) check('every process runs at the end', false, `${member.name} does not`);
  else checkStop(member, ended, check);
}

/** How a process ended that was asked to. */
export function checkStop(
  member: Member,
  { code, ms }: { code: number; ms: number },
  check: Scene['check'],
): void {
  const pass = code === 0 && ms < STOP_MS_MAX;
  const found = `${member.name} ended with ${code} after ${Math.round(ms)} ms`;
  const why = pass ? '' : `: ${member.lastWords()}`;
  check('SIGTERM ends a process with 0 within 5 s', pass, found + why, ms);
}

/** Nothing waits in the middle of a transaction: it would hold its locks for ever. */
async function checkConnections({ postgres }: Rig, check: Scene['check']): Promise<void> {
  const idle = await withClient(postgres.databaseUrl, async (client) => {
    const { rows } = await client.query<{ count: string }>(
      `select count(*) from pg_stat_activity
       where state like 'idle in transaction%' and state_change < now() - interval '2 seconds'`,
    );
    return Number(rows[0].count);
  });
  check('no connection is left idle in a transaction', idle === 0, `${idle}`);
}

/** What Kafka was told never runs ahead of what is stored, nor that of what Kafka has. */
async function checkOffsets({ postgres, admin }: Rig, check: Scene['check']): Promise<void> {
  const stored = await withClient(postgres.databaseUrl, storedOffsets);
  const wrong: string[] = [];
  for (const topic of TOPICS) {
    const committed = await admin.committed(GROUPS[topic], topic);
    const edges = await admin.edges(topic);
    for (const offset of stored.filter((one) => one.topic === topic)) {
      const hint = committed.get(offset.partition) ?? 0;
      const end = edges.find(({ partition }) => partition === offset.partition)?.end ?? 0;
      if (hint > offset.next || offset.next > end) {
        wrong.push(`${topic}/${offset.partition}: ${hint}, ${offset.next}, ${end}`);
      }
    }
  }
  const name = "Kafka's committed offset <= the stored one <= the end";
  check(name, wrong.length === 0, wrong.join('; ') || 'in every partition');
}
