import { Presets, SingleBar } from 'cli-progress';

import { monotonicMs } from './clock.ts';
import { count, drawingHiddenBy, duration, say } from './terminal.ts';

export type Progress = {
  /** `done` of `total`, which may turn out otherwise on the way, and what is being done. */
  update(done: number, total: number, note: string): void;
  stop(): void;
};

const LINE_EVERY_MS = 5_000;
const QUIET_BEFORE_MS = 500; // what is over sooner needs no bar

/** A bar with rate and time left on a terminal; a line every few seconds where there is none. */
export function startProgress(unit: string): Progress {
  const started = monotonicMs();
  const rate = (done: number): number => done / Math.max(0.001, (monotonicMs() - started) / 1_000);
  return process.stderr.isTTY
    ? barProgress(unit, started, rate)
    : lineProgress(unit, started, rate);
}

type Rate = (done: number) => number;

function barProgress(unit: string, started: number, rate: Rate): Progress {
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
    update(done, total, note) {
      if (!running && monotonicMs() - started < QUIET_BEFORE_MS) return;
      const perSecond = rate(done);
      const payload = {
        done: count(done),
        all: count(total),
        rate: count(perSecond),
        left: duration(Math.max(0, total - done) / Math.max(1, perSecond)),
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

function lineProgress(unit: string, started: number, rate: Rate): Progress {
  let last = started;
  return {
    update(done, total, note) {
      const now = monotonicMs();
      if (now - last < LINE_EVERY_MS) return;
      last = now;
      const left = duration(Math.max(0, total - done) / Math.max(1, rate(done)));
      say(
        `${count(done)} of ${count(total)} ${unit}, ${count(rate(done))}/s, ${left} left  ${note}`,
      );
    },
    stop() {
      // Lines need no end.
    },
  };
}
