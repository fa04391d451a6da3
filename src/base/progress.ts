import { Presets, SingleBar } from 'cli-progress';

import { monotonicMs, type Clock } from './clock.ts';
import { count, drawingHiddenBy, duration, say } from './terminal.ts';

export type Progress = {
  /** `done` of `total`, which may turn out otherwise on the way, and what is being done. 0 begins anew. */
  update(done: number, total: number, note: string): void;
  /** Something else is being done until the next update; rate and time left do not count it. */
  wait(note: string): void;
  stop(): void;
};

const LINE_EVERY_MS = 5_000;
const QUIET_BEFORE_MS = 500; // what is over sooner needs no bar

/** A bar with rate and time left on a terminal; a line every few seconds where there is none. */
export function startProgress(unit: string): Progress {
  const watch = new Watch(monotonicMs);
  return process.stderr.isTTY ? barProgress(unit, watch) : lineProgress(unit, watch);
}

/** How fast something goes, what was waited for left out. */
export class Watch {
  readonly #clock: Clock;
  #startedMs: number;
  #waitingSinceMs: number | null = null;
  #phaseMs = 0; // what was worked before the phase in hand

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock();
  }

  wait(): void {
    this.#waitingSinceMs ??= this.#clock();
  }

  goOn(): void {
    if (this.#waitingSinceMs !== null) this.#startedMs += this.#clock() - this.#waitingSinceMs;
    this.#waitingSinceMs = null;
  }

  get workedMs(): number {
    return (this.#waitingSinceMs ?? this.#clock()) - this.#startedMs;
  }

  /** What is done from here on is counted from nothing, and its rate with it. */
  beginPhase(): void {
    this.#phaseMs = this.workedMs;
  }

  perSecond(done: number): number {
    return done / Math.max(0.001, (this.workedMs - this.#phaseMs) / 1_000);
  }
}

/** As long as nothing is done, nobody knows. */
function left(done: number, total: number, perSecond: number): string {
  return done === 0 ? '?' : duration(Math.max(0, total - done) / Math.max(1, perSecond));
}

function barProgress(unit: string, watch: Watch): Progress {
  const bar = new SingleBar(
    {
      format: `{bar} {percentage} %  {done} of {all} ${unit}  {rate}/s  {left} left  {note}`,
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      fps: 10,
    },
    Presets.shades_classic,
  );
  let running = false;
  const hide = (): void => {
    if (running) bar.stop(); // the next update draws it anew, below what was said
    running = false;
  };
  drawingHiddenBy(hide);
  return {
    wait(note) {
      watch.wait();
      hide();
      say(`${note} …`);
    },
    update(done, total, note) {
      watch.goOn();
      if (done === 0) watch.beginPhase();
      if (!running && watch.workedMs < QUIET_BEFORE_MS) return;
      const perSecond = watch.perSecond(done);
      const payload = {
        done: count(done),
        all: count(total),
        rate: count(perSecond),
        left: left(done, total, perSecond),
        note,
      };
      if (!running) bar.start(total, 0, payload);
      running = true;
      bar.setTotal(total);
      bar.update(Math.min(done, total), payload);
    },
    stop() {
      hide();
      drawingHiddenBy(null);
    },
  };
}

/** Nothing is said of a phase before something of it is done: it would be of 0, with no rate. */
export function lineProgress(
  unit: string,
  watch: Watch,
  tell: (line: string) => void = say,
): Progress {
  let lastMs = 0;
  return {
    wait(note) {
      watch.wait();
      tell(`${note} …`);
    },
    update(done, total, note) {
      watch.goOn();
      if (done === 0) {
        watch.beginPhase();
        return;
      }
      if (watch.workedMs - lastMs < LINE_EVERY_MS) return;
      lastMs = watch.workedMs;
      const perSecond = watch.perSecond(done);
      const time = left(done, total, perSecond);
      tell(
        `${count(done)} of ${count(total)} ${unit}, ${count(perSecond)}/s, ${time} left  ${note}`,
      );
    },
    stop() {
      // Lines need no end.
    },
  };
}
