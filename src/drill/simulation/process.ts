import type { Random } from '../../base/random.ts';
import type { Time } from '../../base/time.ts';
import type { Fault, Faults, Point } from './faults.ts';
import type { Scheduler } from './scheduler.ts';

/** What all parts of a world share. */
export type Ground = {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: Faults;
  wallMs: number; // what clocks on the wall show at 0, ms since the epoch
  /** Takes a line of what happens, if somebody wants to read it. */
  readonly trace: ((line: string) => void) | null;
};

const CALL_MS_MAX = 2; // there, and the same back
const ANSWER_SHARE = 0.25; // of calls whose answer takes time too
const SLOW_MS_MAX = 4_000;
const FREEZE_MS_MAX = 8_000;
/** Left to the effect, which is told of them. */
const WITHIN: readonly Fault[] = ['late', 'in part'];
const EARLY: ReadonlySet<Fault> = new Set<Fault>(['slow', 'lost', 'busy', 'death', ...WITHIN]);

/**
 * A process: what runs in it waits by it alone. Once it is dead, no wait of it ends any more, which
 * is all that a death is; frozen, everything that comes is met when it thaws.
 */
export class SimulatedProcess implements Time {
  readonly name: string;
  readonly ground: Ground;
  dead = false;
  over = false; // what ran in it has come to its end
  #frozenUntilMs = 0;
  readonly #onKill: (() => void)[] = [];
  readonly #onFreeze: ((ms: number) => void)[] = [];

  constructor(name: string, ground: Ground) {
    this.name = name;
    this.ground = ground;
  }

  now(): number {
    return Math.floor(this.ground.wallMs + this.ground.scheduler.nowMs);
  }

  monotonicMs(): number {
    return this.ground.scheduler.nowMs;
  }

  chance(): number {
    return this.ground.random.next();
  }

  get frozenUntilMs(): number {
    return this.#frozenUntilMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    const { faults } = this.ground;
    const fault = faults.draw('sleep');
    if (fault === null) return await this.#doze(ms, signal);
    faults.strikes('sleep', fault);
    this.say('sleep', fault);
    if (fault === 'freeze') this.freeze();
    else if (fault === 'slow') await this.#doze(this.ground.random.next() * SLOW_MS_MAX, signal);
    else {
      if (fault === 'death after') await this.#doze(ms, signal);
      await this.die();
    }
    await this.#doze(ms, signal);
  }

  /**
   * A call to a server: there, `effect`, and back; or what goes wrong with it. `failure` makes the
   * error that the caller sees.
   */
  async call<Result>(
    point: Point,
    effect: (fault: Fault | null) => Result | Promise<Result>,
    failure: (fault: Fault) => Error,
  ): Promise<Result> {
    const { random, faults } = this.ground;
    const fault = faults.draw(point);
    this.say(point, fault);
    await this.pass(random.next() * CALL_MS_MAX);
    const isEarly =
      fault !== null && (EARLY.has(fault) || (fault === 'freeze' && this.#halfTheTime));
    const strikes = isEarly && faults.strikes(point, fault);
    if (strikes) await this.#before(fault, failure);
    const result = await effect(strikes ? fault : null);
    if (this.dead) await never(); // it may have waited long for a lock
    if (fault !== null && !isEarly && faults.strikes(point, fault)) {
      await this.#after(fault, failure);
    }
    if (random.next() < ANSWER_SHARE) await this.pass(random.next() * CALL_MS_MAX);
    return result;
  }

  /** Lets time pass; frozen, until it thaws; dead, for ever. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.ground.scheduler.after(ms, () => this.#wake(resolve));
    });
  }

  kill(): void {
    if (this.dead || this.over) return;
    this.say('dies', null);
    this.dead = true;
    for (const tell of this.#onKill) tell();
  }

  freeze(): void {
    const ms = this.ground.random.next() * FREEZE_MS_MAX;
    this.say('freezes', null);
    this.#frozenUntilMs = this.ground.scheduler.nowMs + ms;
    for (const tell of this.#onFreeze) tell(ms);
  }

  onKill(tell: () => void): void {
    this.#onKill.push(tell);
  }

  onFreeze(tell: (ms: number) => void): void {
    this.#onFreeze.push(tell);
  }

  say(what: string, fault: Fault | null): void {
    const { trace, scheduler } = this.ground;
    if (trace === null) return;
    trace(
      `${scheduler.nowMs.toFixed(3).padStart(10)}  ${this.name}: ${what}${fault ? `, ${fault}` : ''}`,
    );
  }

  async die(): Promise<never> {
    this.kill();
    return await never();
  }

  get #halfTheTime(): boolean {
    return this.ground.random.next() < 0.5;
  }

  async #before(fault: Fault, failure: (fault: Fault) => Error): Promise<void> {
    if (fault === 'slow') await this.pass(this.ground.random.next() * SLOW_MS_MAX);
    else if (fault === 'death') await this.die();
    else if (fault === 'freeze') await this.#stand();
    else if (!WITHIN.includes(fault)) throw failure(fault);
  }

  async #after(fault: Fault, failure: (fault: Fault) => Error): Promise<void> {
    if (fault === 'unanswered') throw failure(fault);
    if (fault === 'death after') await this.die();
    await this.#stand();
  }

  async #stand(): Promise<void> {
    this.freeze();
    await this.pass(0);
  }

  async #doze(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.ground.scheduler.after(ms, () => this.#wake(resolve));
    const wake = (): void => {
      timer.wake = null;
      this.#wake(resolve);
    };
    signal?.addEventListener('abort', wake, { once: true });
    await promise;
    signal?.removeEventListener('abort', wake);
  }

  #wake(resolve: () => void): void {
    if (this.dead) return;
    const { scheduler } = this.ground;
    if (this.#frozenUntilMs <= scheduler.nowMs) resolve();
    else scheduler.at(this.#frozenUntilMs, () => this.#wake(resolve));
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
