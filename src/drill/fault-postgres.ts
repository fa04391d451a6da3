import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { pause } from '../base/shutdown.ts';
import { endPostmaster } from '../stack/postmaster.ts';
import { withClient } from '../store/client.ts';
import type { Fault, Prepared, Scene, Strike } from './drill.ts';
import { commandTag, queryText, type WireMessage } from './postgres-wire.ts';
import { startAgain, type Rig } from './rig.ts';
import type { Side } from './proxy.ts';
import { isOrderSink, struckWithin } from './sink-links.ts';

const AWAY_MS = [1_000, 4_000] as const;
const LONG_OUTAGE_SECONDS = 600;
const STOP_MS_MAX = 20_000;
const FULL_MS = [3_000, 6_000] as const;
const DISK_MIB = 1_024; // more than the orders of any drill

/** When a backend is ended, by what comes along its link next. */
const MOMENTS: readonly (readonly [
  name: string,
  from: Side,
  matches: (message: WireMessage) => boolean,
])[] = [
  ['as its COPY begins', 'client', ({ type }) => type === 'd'],
  ['at the end of COPY', 'client', ({ type }) => type === 'c'],
  ['idle in its transaction', 'client', (message) => queryText(message) === 'commit'],
  ['idle after COMMIT', 'server', (message) => commandTag(message) === 'COMMIT'],
];

export const POSTGRES_FAULTS: readonly Fault[] = [
  {
    name: 'postgres-restart',
    what: 'PostgreSQL is restarted in order (fast shutdown)',
    how: 'SIGINT to the postmaster, away for 1 to 4 s, a new start on the same port',
    peers: 'Confluent JDBC sink: fails after about 30 s of outage; Debezium: after about 5 s',
    place: 'postgres',
    times: 5,
    secondsEach: 8,
    firstRowMsMax: 5_000,
    spares: true,
    strike: (scene) =>
      away(scene, 'fast shutdown', () =>
        endPostmaster(scene.rig.postgres.data, 'SIGINT', STOP_MS_MAX),
      ),
  },
  {
    name: 'postgres-kill',
    what: 'PostgreSQL is killed and recovers from its log',
    how: 'SIGKILL of the postmaster, away for 1 to 4 s (or --outage), a new start with recovery',
    peers: 'Confluent JDBC sink: fails after about 30 s of outage; Debezium: after about 5 s',
    place: 'postgres',
    times: 5,
    secondsEach: 8,
    firstRowMsMax: 5_000,
    spares: true,
    strike: (scene) => away(scene, 'SIGKILL', () => scene.rig.postgres.kill()),
  },
  {
    name: 'long-outage',
    what: 'PostgreSQL is killed and stays away for ten minutes',
    how: 'SIGKILL of the postmaster, away for 600 s (or --outage) under load, a new start with recovery',
    peers: 'Confluent JDBC sink: fails after about 30 s of outage; Debezium: after about 5 s',
    place: 'postgres',
    times: 1,
    secondsEach: LONG_OUTAGE_SECONDS,
    firstRowMsMax: 5_000,
    alone: true,
    spares: true,
    strike: (scene) => {
      const { outageSeconds } = scene;
      const long = { ...scene, outageSeconds: outageSeconds ?? LONG_OUTAGE_SECONDS };
      return away(long, 'SIGKILL', () => scene.rig.postgres.kill());
    },
  },
  {
    name: 'terminate-backend',
    what: "an operator ends a consumer's backend",
    how: 'pg_terminate_backend when the proxy sees CopyData, CopyDone, COMMIT or its answer',
    peers: 'postgres.js 3.4.9: hangs, or ends the thread; node-postgres: the right SQLSTATE',
    place: 'links',
    times: 16,
    secondsEach: 2,
    firstRowMsMax: 5_000,
    spares: true,
    strike: terminate,
  },
  {
    name: 'disk-full',
    what: 'the disk of the orders is full for a while',
    how: 'orders lie in a tablespace on a tmpfs of 1 GiB, which a file fills for 3 to 6 s',
    peers: 'most connectors: task FAILED until an operator restarts it',
    place: 'postgres',
    times: 4,
    secondsEach: 8,
    firstRowMsMax: 10_000,
    spares: true,
    prepare: smallDisk,
    strike: fillDisk,
  },
];

async function away(
  { rig, chance, outageSeconds, signal, fleet, check, firstRow }: Scene,
  how: string,
  end: () => Promise<unknown>,
): Promise<Strike> {
  const ms = outageSeconds === null ? chance.between(...AWAY_MS) : outageSeconds * 1_000;
  const { suite } = fleet;
  const { pid } = suite;
  const { status: before } = await suite.get('/livez');
  await end();
  const downMs = monotonicMs();
  const { status: live } = await suite.get('/livez');
  await pause(ms / 2, signal);
  const { status: ready } = await suite.get('/readyz');
  const found = `livez ${live}, readyz ${ready}`;
  // In a mix another fault may have it down or starting; a death of its own fails the drill elsewhere.
  if (before === 200 && suite.steady && suite.pid === pid) {
    const pass = live === 200 && ready === 503;
    check('without PostgreSQL a consumer lives and is not ready', pass, found);
  }
  await pause(ms - (monotonicMs() - downMs), signal);
  await startAgain(rig.postgres);
  const seconds = ((monotonicMs() - downMs) / 1_000).toFixed(1);
  return { what: `${how}, away for ${seconds} s`, firstRow: firstRow() };
}

async function terminate({ rig, fleet, chance, signal, firstRow }: Scene): Promise<Strike | null> {
  const member = chance.pick(fleet.takers);
  const [moment, from, matches] = chance.pick(MOMENTS);
  if (member.proxy === null) return null;
  let ended = false;
  const armed = member.proxy.arm({
    from,
    matches: (message, link) => isOrderSink(link) && matches(message),
    async act({ backendPid }) {
      ended = await endBackend(rig, backendPid).catch(() => false); // the server is away
      return 'forward';
    },
  });
  if (!(await struckWithin(armed, signal)) || !ended) return null;
  return { what: `${member.name}, ${moment}`, firstRow: firstRow() };
}

/** Whether the server has ended that backend. */
async function endBackend({ postgres }: Rig, pid: number): Promise<boolean> {
  return await withClient(postgres.databaseUrl, async (client) => {
    const sql = 'select pg_terminate_backend($1, 2000) as ended';
    const { rows } = await client.query<{ ended: boolean }>(sql, [pid]);
    return rows[0].ended;
  });
}

function diskOf({ folder }: Rig): string {
  return join(folder, 'disk');
}

/** Moves the orders to a disk of their own until the drill is over, where this user may mount one. */
async function smallDisk(rig: Rig): Promise<Prepared> {
  const disk = diskOf(rig);
  mkdirSync(disk, { recursive: true });
  const options = `size=${DISK_MIB}m,mode=777`;
  const refusal = refusalOf(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', disk]);
  if (refusal !== null) return { why: `no disk can be mounted: ${refusal}` };
  const unmount = rig.atExit(() => unmounted(disk));
  await withClient(rig.postgres.databaseUrl, async (client) => {
    await client.query(`create tablespace small location '${disk}'`);
    await client.query('alter table orders set tablespace small');
  });
  return {
    async cleanUp() {
      try {
        await withClient(rig.postgres.databaseUrl, async (client) => {
          await client.query('alter table orders set tablespace pg_default');
          await client.query('drop tablespace small');
        });
      } finally {
        unmount();
      }
    },
  };
}

function unmounted(disk: string): void {
  if (refusalOf(['umount', disk]) === null) return;
  // Its server still holds files there: the disk is gone when that lets go of them.
  const refusal = refusalOf(['umount', '--lazy', disk]);
  if (refusal !== null)
    throw new PipelineError('STACK_FAILED', `${disk} stays mounted: ${refusal}`);
}

/** What a tool of the system says against it; null: it has done it. */
function refusalOf(words: [string, ...string[]]): string | null {
  if (Bun.which(words[0]) === null) return `there is no ${words[0]}`;
  const { exitCode, stderr } = Bun.spawnSync(words, { stderr: 'pipe' });
  return exitCode === 0 ? null : stderr.toString().trim();
}

async function fillDisk(scene: Scene): Promise<Strike | null> {
  const { rig, fleet, chance, signal, firstRow } = scene;
  const filler = join(diskOf(rig), 'filler');
  // Ends when there is no room for more, whatever the server takes meanwhile.
  const dd = Bun.spawn(['dd', 'if=/dev/zero', `of=${filler}`, 'bs=64k'], { stderr: 'pipe' });
  const full = (await dd.stderr.text()).includes('No space left');
  const ms = chance.between(...FULL_MS);
  await pause(ms, signal);
  const answers = await Promise.all(fleet.takers.map((member) => member.get('/readyz')));
  rmSync(filler);
  // Where nothing came to be stored meanwhile, nobody felt it.
  if (!full || answers.every(({ status }) => status !== 503)) return null;
  return { what: `disk full for ${(ms / 1_000).toFixed(1)} s`, firstRow: firstRow() };
}
