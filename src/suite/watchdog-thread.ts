import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

import { monotonicMs } from '../base/clock.ts';
import { Vitals } from './vitals.ts';
import { LOOK_EVERY_MS, MISSED_MS_MAX, type BlockedSetup } from './watchdog-limits.ts';

/** Looks after the only part of a process, which may block the thread that it shares with the watchdog. */
const { name, vitals: buffer, blockedMsMax }: BlockedSetup = workerData;
const vitals = new Vitals(buffer);
let beats = -1;
let beatAtMs = monotonicMs();
let lookedMs = beatAtMs;

setInterval(() => {
  const nowMs = monotonicMs();
  const seen = vitals.read(0);
  if (seen.beats !== beats || nowMs - lookedMs > MISSED_MS_MAX) beatAtMs = nowMs;
  beats = seen.beats;
  lookedMs = nowMs;
  const silentMs = nowMs - beatAtMs;
  if (silentMs <= seen.silentMsMax + blockedMsMax) return;
  // Straight to the file: what a thread prints goes by way of the thread that is blocked.
  const silence = `no sign of life for ${Math.round(silentMs / 1_000)} s`;
  writeSync(
    2,
    `stuck, so this process is killed: ${name}: ${silence}; what is unfinished is undone\n`,
  );
  process.kill(process.pid, 'SIGKILL'); // an exit would be of this thread only
}, LOOK_EVERY_MS);
