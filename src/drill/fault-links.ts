import { monotonicMs } from '../base/clock.ts';
import { pause } from '../base/shutdown.ts';
import type { Fault, Scene, Strike } from './drill.ts';
import { isOrderSink } from './sink-links.ts';

const SLOW_MS = 10_000;
const SLOW = { latencyMs: 20, bytesPerSecond: 300_000, sliceBytes: 16_384 };
const GROWTH_MIB_MAX = 64;
// Where another fault has left a backlog: three partitions fetched ahead (8 MiB each) and two batches
// (16 MiB each) as they came and as they are sent, with what they leave to be collected.
const BACKLOG_MIB_MAX = 192;
const MIB = 2 ** 20;
const SAMPLE_MS = 500;
const WARM_MS = 30_000; // after its start, in which a process grows anyway

export const LINK_FAULTS: readonly Fault[] = [
  {
    name: 'slow-postgres',
    what: 'the way to PostgreSQL becomes slow, and consumers must not swell',
    how: '20 ms before each piece and 300 kB/s on every link of the consumers to it, for 10 s; memory is sampled',
    peers: 'no figure found',
    place: 'links',
    times: 3,
    secondsEach: 14,
    firstRowMsMax: 10_000,
    spares: true,
    strike: slowDown,
  },
  {
    name: 'half-open',
    what: "a consumer's link to PostgreSQL falls mute without being closed",
    how: 'the proxy carries nothing any more on the links that are there and keeps both sides open; new links work',
    peers: 'pg-boss tests it with a proxy of this kind; a link of plain TCP is missed after 2 h',
    place: 'links',
    times: 2,
    secondsEach: 90,
    firstRowMsMax: 25_000,
    spares: true,
    strike: fallMute,
  },
];

async function slowDown({ fleet, mixed, signal, check, firstRow }: Scene): Promise<Strike> {
  await pause(WARM_MS - Math.max(...fleet.takers.map(({ upMs }) => upMs)), signal);
  const warm = fleet.takers
    .filter(({ upMs }) => upMs >= WARM_MS)
    .map((member) => ({ member, pid: member.pid, bytes: member.vitals()?.memoryBytes ?? 0 }));
  for (const { proxy } of fleet.takers) proxy?.poison(SLOW);
  let growth = 0;
  for (let ms = 0; ms < SLOW_MS && !signal.aborted; ms += SAMPLE_MS) {
    await pause(SAMPLE_MS, signal);
    for (const { member, pid, bytes } of warm) {
      if (member.pid !== pid) continue; // another fault has struck it
      growth = Math.max(growth, (member.vitals()?.memoryBytes ?? 0) - bytes);
    }
  }
  for (const { proxy } of fleet.takers) proxy?.poison();
  const mib = Math.round(growth / MIB);
  const mibMax = mixed ? BACKLOG_MIB_MAX : GROWTH_MIB_MAX;
  const name = `a slow PostgreSQL costs a process less than ${mibMax} MiB`;
  if (warm.length > 0) check(name, mib < mibMax, `${mib} MiB`, mib);
  return { what: `slow for ${SLOW_MS / 1_000} s`, firstRow: firstRow() };
}

async function fallMute({ fleet, chance, signal, firstRow }: Scene): Promise<Strike | null> {
  const member = chance.pick(fleet.takers);
  const links = member.proxy?.links ?? [];
  if (!links.some(isOrderSink) || signal.aborted) return null;
  const struckMs = monotonicMs();
  for (const link of links) link.mute();
  const moved = await firstRow(struckMs);
  for (const link of links) link.cut();
  return { what: `${member.name} half-open`, firstRow: Promise.resolve(moved) };
}
