import { linearRegression } from 'simple-statistics';

import { monotonicMs } from '../base/clock.ts';
import { repeat } from '../base/schedule.ts';
import type { Scene } from './drill.ts';
import type { Fleet } from './fleet.ts';
import type { Member } from './member.ts';

const EVERY_MS = 5_000;
const WARM_SHARE = 1 / 3; // of the time, in which memory may grow
const SLOPE_MIB_MAX = 1; // a minute
const FILES_GROWTH_MAX = 10;
const MIB = 2 ** 20;

type Sample = { minutes: number; memoryMiB: number; files: number };

/** Looks at memory and open files of every process of the shop, every five seconds. */
export class Watch {
  readonly #members: readonly Member[];
  readonly #samples = new Map<Member, Sample[]>();
  readonly #over = new AbortController();
  readonly #looking: Promise<void>;

  constructor({ members }: Fleet, signal: AbortSignal) {
    this.#members = members;
    const fromMs = monotonicMs();
    const ended = AbortSignal.any([signal, this.#over.signal]);
    this.#looking = repeat({ everyMs: EVERY_MS, signal: ended }, async () => {
      const minutes = (monotonicMs() - fromMs) / 60_000;
      for (const member of this.#members) this.#look(member, minutes);
    });
  }

  /** Whether memory and files stayed flat once warm. */
  async judge(check: Scene['check']): Promise<void> {
    this.#over.abort();
    await this.#looking;
    for (const member of this.#members) {
      const all = this.#samples.get(member) ?? [];
      const warm = all.slice(Math.floor(all.length * WARM_SHARE));
      const slope = linearRegression(warm.map(({ minutes, memoryMiB }) => [minutes, memoryMiB])).m;
      const [first, last] = [warm[0], warm.at(-1)];
      if (member.starts !== 1 || first === undefined || last === undefined) {
        check(`memory of ${member.name} is flat`, false, 'it was started again on the way');
        continue;
      }
      const held = `${slope.toFixed(2)} MiB a minute, ${Math.round(last.memoryMiB)} MiB at the end`;
      check(`memory of ${member.name} is flat`, slope < SLOPE_MIB_MAX, held);
      const files = `${first.files} files at first, ${last.files} at the end`;
      const flat = last.files - first.files <= FILES_GROWTH_MAX;
      check(`open files of ${member.name} are flat`, flat, files);
    }
  }

  #look(member: Member, minutes: number): void {
    const vitals = member.vitals();
    if (vitals === null) return;
    const samples = this.#samples.get(member) ?? [];
    const { memoryBytes, files } = vitals;
    samples.push({ minutes, memoryMiB: memoryBytes / MIB, files });
    this.#samples.set(member, samples);
  }
}
