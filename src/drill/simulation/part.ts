import type { Ground } from './process.ts';
import { SimulatedProcess } from './process.ts';
import type { Running } from './running.ts';

const RESTART_MS_MAX = 2_000;

export type PartOptions = {
  name: string;
  ground: Ground;
  run: (running: Running) => Promise<void>;
  /** A defect: nothing that runs here may end so. */
  onFailure: (cause: unknown) => void;
};

/** A part that is kept running: who dies, or was told to stop, is followed by another. */
export class Part {
  ended = false;
  readonly #options: PartOptions;
  readonly #aborts: AbortController[] = [];
  #process: SimulatedProcess;
  #abort = new AbortController();
  #mayRestart = true;

  constructor(options: PartOptions) {
    this.#options = options;
    this.#process = this.#start();
  }

  /** Neither at work nor at its end: it stands still, or the next one is about to start. */
  get absent(): boolean {
    if (this.ended) return false;
    const { dead, over, frozenUntilMs } = this.#process;
    return dead || over || frozenUntilMs > this.#options.ground.scheduler.nowMs;
  }

  get process(): SimulatedProcess {
    return this.#process;
  }

  kill(): void {
    this.#process.kill();
  }

  /** Asks it to stop; `forGood`: nobody follows it. */
  stop(forGood: boolean): void {
    const { dead, over } = this.#process;
    if (forGood) this.#mayRestart = false;
    if (forGood && (dead || over)) this.ended = true;
    this.#process.say('is asked to stop', null);
    this.#abort.abort(null);
  }

  /** Lets go of those that died: what listens to a signal is kept as long as that may come. */
  release(): void {
    for (const abort of this.#aborts) abort.abort(null);
  }

  #start(): SimulatedProcess {
    const { name, ground, run, onFailure } = this.#options;
    const abort = new AbortController();
    const process = new SimulatedProcess(`${name}#${this.#aborts.push(abort)}`, ground);
    this.#process = process;
    this.#abort = abort;
    process.say('starts', null);
    process.onKill(() => this.#restart());
    run({ process, signal: abort.signal }).then(
      () => this.#end(process, abort.signal),
      (cause: unknown) => {
        if (process.dead) return;
        process.say(`fails: ${String(cause)}`, null);
        onFailure(cause);
        process.over = true;
        this.ended = true;
      },
    );
    return process;
  }

  #end(process: SimulatedProcess, signal: AbortSignal): void {
    if (process.dead) return;
    process.say('ends', null);
    process.over = true;
    if (signal.aborted && this.#mayRestart) this.#restart();
    else this.ended = true;
  }

  #restart(): void {
    const { scheduler, random } = this.#options.ground;
    if (!this.#mayRestart) this.ended = true;
    else {
      scheduler.after(random.next() * RESTART_MS_MAX, () => {
        if (this.#mayRestart) this.#start();
        else this.ended = true;
      });
    }
  }
}
