import { hostname } from 'node:os';

import { seoulTime } from '../base/clock.ts';
import type { Time } from '../base/time.ts';
import type { Timetable } from '../base/timetable.ts';
import { withClient, type Client } from '../store/client.ts';
import { enterJob, enterNotBegun, runsSince } from '../store/job-runs.ts';
import { monthOf, type Job, type JobWork } from './job.ts';
import { planTurns, type Plan } from './job-plan.ts';
import { runJob, type RunEnd } from './job-run.ts';

export type ScheduleOptions = JobWork & {
  time: Time;
  onBegin?: (turn: { run: number; month: string; dueMs: number }) => void;
  onEnd?: (end: RunEnd, turn: { month: string; dueMs: number }) => void;
  onMissed?: (turn: { month: string; dueMs: number }) => void;
};

/** Who stands by looks this often whether the one that runs is still there. */
const STAND_BY_MS = 60_000;

/** Turns that are looked back at; of those before nothing is entered. */
const TURNS_MAX = 100;

/**
 * Runs a job whenever it is due, by the rules of JOB_RULES. All it knows is in PostgreSQL, so it may
 * be killed at any point, and several may be there: one runs, and the others stand by.
 */
export class JobSchedule {
  readonly #databaseUrl: string;
  readonly #job: Job;
  readonly #options: ScheduleOptions;
  #sinceMs: number | null = null;
  #skippedDueMs: number | null = null; // entered as skipped by this process

  constructor(databaseUrl: string, job: Job, options: ScheduleOptions) {
    this.#databaseUrl = databaseUrl;
    this.#job = job;
    this.#options = options;
  }

  /** Does what is due now, if anything is, and returns the moment (ms since the epoch) to look again. */
  async look(): Promise<number> {
    const { time } = this.#options;
    const plan = await withClient(this.#databaseUrl, (client) => this.#plan(client));
    const nowMs = time.now();
    const nextDueMs = this.#job.timetable.next(nowMs);
    if (plan.turn === null) return nextDueMs;
    if (plan.turn.atMs > nowMs) return Math.min(plan.turn.atMs, nextDueMs);
    const end = await this.#run(plan.turn.dueMs);
    return end.outcome === 'skipped' ? time.now() + STAND_BY_MS : time.now();
  }

  async #run(dueMs: number): Promise<RunEnd> {
    const { time, signal, onProgress, onBegin, onEnd } = this.#options;
    const turn = { month: monthOf(dueMs), dueMs };
    const end = await runJob(this.#databaseUrl, this.#job, {
      ...turn,
      time,
      signal,
      onProgress,
      noteSkipped: this.#skippedDueMs !== dueMs,
      onBegin: (run) => onBegin?.({ ...turn, run }),
      stillDue: async (client) => {
        const again = (await this.#plan(client)).turn;
        return again?.dueMs === dueMs && again.atMs <= time.now();
      },
    });
    if (end.outcome !== 'skipped' || this.#skippedDueMs !== dueMs) onEnd?.(end, turn);
    if (end.outcome === 'skipped') this.#skippedDueMs = dueMs;
    return end;
  }

  /** What is to be done by now; what was missed is entered. */
  async #plan(client: Client): Promise<Plan> {
    const { name, timetable } = this.#job;
    const nowMs = this.#options.time.now();
    this.#sinceMs ??= await enterJob(client, name, timetable.cron, nowMs);
    const dues = timetable.between(this.#sinceMs, nowMs, TURNS_MAX);
    const runs = dues.length === 0 ? [] : await runsSince(client, name, dues[0]);
    const plan = planTurns(dues, runs, nowMs);
    for (const dueMs of plan.missed) await this.#miss(client, dueMs, nowMs, timetable);
    return plan;
  }

  async #miss(client: Client, dueMs: number, nowMs: number, timetable: Timetable): Promise<void> {
    const turn = { month: monthOf(dueMs), dueMs };
    const by = { job: this.#job.name, host: hostname(), pid: process.pid };
    const error = `nobody was there until the next turn was due, ${seoulTime(timetable.next(dueMs))}`;
    const run = await enterNotBegun(
      client,
      { ...turn, ...by },
      { outcome: 'missed', error, nowMs },
    );
    if (run !== null) this.#options.onMissed?.(turn);
  }
}
