import { Cron } from 'croner';

import { PipelineError } from './errors.ts';

const ZONE = 'Asia/Seoul';
const EXAMPLE = '0 2 1 * *';

/** The moments that a cron expression of five parts names, in the shop's zone. All are ms since the epoch. */
export class Timetable {
  readonly cron: string; // as it was written
  readonly #cron: Cron;

  private constructor(text: string, cron: Cron) {
    this.cron = text;
    this.#cron = cron;
  }

  /** Throws USAGE with `name` (an option, a setting) if it cannot be read or names no moment. */
  static parse(text: string, name: string): Timetable {
    try {
      const cron = new Cron(text, { timezone: ZONE, mode: '5-part', paused: true });
      if (cron.nextRun(new Date(0)) === null) throw new RangeError('no calendar has such a day');
      return new Timetable(text, cron);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.replace('CronPattern: ', '') : '';
      const rule = `give minute, hour, day, month and weekday, like '${EXAMPLE}', in ${ZONE}`;
      throw new PipelineError('USAGE', `${name} '${text}': ${why}; ${rule}`, { cause });
    }
  }

  /** The first moment after another. */
  next(afterMs: number): number {
    const next = this.#cron.nextRun(new Date(afterMs));
    if (next === null) throw new RangeError(`'${this.cron}' names no moment after ${afterMs}`);
    return next.getTime();
  }

  /** The moments after `sinceMs`, up to and with `untilMs`, in order: the last `countMax` of them. */
  between(sinceMs: number, untilMs: number, countMax: number): number[] {
    return this.#cron
      .previousRuns(countMax, new Date(untilMs + 1)) // it names those before
      .map((moment) => moment.getTime())
      .filter((ms) => ms > sinceMs)
      .toReversed();
  }
}
