import { seoulDate } from '../base/clock.ts';
import type { Timetable } from '../base/timetable.ts';

/** Work on a month that is due by the calendar. Doing a month again replaces it. */
export type Job = {
  name: string;
  does: string;
  timetable: Timetable;
  /** Leaves the month as it was unless it returns; throws INTERRUPTED once the signal has told it to stop. */
  work: (month: string, options: JobWork) => Promise<{ rows: number }>;
};

export type JobWork = {
  signal: AbortSignal;
  onProgress?: (done: number, total: number, phase: string) => void;
};

/** The month that a turn works on: the one in which it is due, in Seoul. */
export const monthOf = (ms: number): string => seoulDate(ms).slice(0, 7);

/** For `--help`; what holds each of these sentences is job-plan.ts and job-run.ts. */
export const JOB_RULES = `Rules:
  Month      A turn works on the month in which it is due, in Seoul: the one of 2025-12-01 02:00 on
             2025-12. Doing a month again replaces it.
  Overlap    A job never runs twice at once, whoever starts it. The second is entered as skipped and
             says who is running; a turn of the schedule begins when the other has ended, unless that
             one has done its month.
  Catch-up   Turns count from the first start of the schedule, and from the first with another cron.
             If nobody was there, the last turn due is made up for at the next start; those before it
             are entered as missed.
  Failure    A turn that failed is tried again after 5, 10, 20 minutes and so on, up to 4 hours; after
             8 attempts it stays failed, and the next turn goes on as if nothing was.
  Death      A run whose process died is entered as lost, and counts as an attempt; one that was told
             to stop is entered as stopped, and does not. Turns of the schedule are then done again at
             the next start; a run by hand is not.`;
