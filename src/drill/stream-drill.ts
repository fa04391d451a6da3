import { monotonicMs } from '../base/clock.ts';
import { causeOf, PipelineError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { pause } from '../base/shutdown.ts';
import type { Fault, Scene, Strike, StrikeFound } from './drill.ts';
import { auditRig, endInOrder } from './ending.ts';
import { fleetOf } from './fleet.ts';
import { Flow } from './flow.ts';
import { untilReady } from './member.ts';
import { Records } from './records.ts';
import type { Rig } from './rig.ts';
import { notRun, streamVerdict, type StreamPlan } from './stream-verdict.ts';
import { Checks, type Verdict } from './verdict.ts';
import { Watch } from './watch.ts';

export type DrillHooks = { say: (line: string) => void; signal: AbortSignal };

const FLOW_MS_MAX = 60_000;
const FIRST_ROW_MS_MAX = 150_000;
const READY_MS_MAX = 60_000;
const EVENTS_MS_MAX = 180_000;
const MINUTE_MS = 60_000;
const ATTEMPTS_MAX = 3; // to inject a fault
const CHOICES = 1; // draws of what to strike and when; the strikes' own are of number 0

/** Loads the shop, strikes it, lets it come to rest, and audits. */
export async function streamDrill(rig: Rig, plan: StreamPlan, hooks: DrillHooks): Promise<Verdict> {
  const checks = new Checks();
  const startedMs = monotonicMs();
  const cleanUps: (() => Promise<void>)[] = [];
  let verdict: Verdict;
  try {
    const faults = await prepared(rig, plan, cleanUps, (name, why) => {
      hooks.say(`${name} is not run: ${why}`);
      checks.note(`${name} on this machine`, true, `not run: ${why}`);
    });
    if (faults.length === 0) return notRun(plan, checks, startedMs);
    verdict = await new StreamRun(rig, { ...plan, faults }, hooks, checks).run(startedMs);
  } finally {
    for (const cleanUp of cleanUps) await putBack(cleanUp, hooks, checks);
  }
  const why = verdict.why ?? checks.firstFailure;
  return { ...verdict, outcome: why === null ? 'passed' : 'failed', why, checks: checks.lines };
}

/** What cannot be put back as it was fails the drill, and keeps no verdict from being reached. */
async function putBack(
  cleanUp: () => Promise<void>,
  { say }: DrillHooks,
  checks: Checks,
): Promise<void> {
  try {
    await cleanUp();
  } catch (cause) {
    const { message } = causeOf(cause);
    say(`not put back as it was: ${message}`);
    checks.note('all is put back as it was', false, message);
  }
}

/** The faults that this machine allows; the others are named. */
async function prepared(
  rig: Rig,
  { faults }: StreamPlan,
  cleanUps: (() => Promise<void>)[],
  leaveOut: (name: string, why: string) => void,
): Promise<Fault[]> {
  const left = new Set(faults);
  for (const fault of left) {
    const found = await fault.prepare?.(rig);
    if (found === undefined) continue;
    if ('cleanUp' in found) cleanUps.push(found.cleanUp);
    else {
      left.delete(fault);
      leaveOut(fault.name, found.why);
    }
  }
  return faults.filter((fault) => left.has(fault));
}

class StreamRun {
  readonly #rig: Rig;
  readonly #plan: StreamPlan;
  readonly #hooks: DrillHooks;
  readonly #checks: Checks;
  readonly #strikes: StrikeFound[] = [];
  readonly #busy = new Set<Fault['place']>();
  #loadMs = 0;

  constructor(rig: Rig, plan: StreamPlan, hooks: DrillHooks, checks: Checks) {
    this.#rig = rig;
    this.#plan = plan;
    this.#hooks = hooks;
    this.#checks = checks;
  }

  async run(startedMs: number): Promise<Verdict> {
    const { seed, ratePerSecond, outageSeconds, watchMemory } = this.#plan;
    const { signal } = this.#hooks;
    const rig = this.#rig;
    const check = this.#checks.note.bind(this.#checks);
    const fleet = await fleetOf(rig, ratePerSecond);
    const flow = new Flow(rig.postgres.databaseUrl);
    let records: Records | null = null;
    try {
      await fleet.start(signal);
      records = await Records.open(rig, new Random(seed, 'drill', 2), signal);
      const firstRow: Scene['firstRow'] = (fromMs = monotonicMs()) =>
        flow.allMoved(fromMs, FIRST_ROW_MS_MAX, signal);
      const flows = await flow.allMoved(monotonicMs(), FLOW_MS_MAX, signal);
      this.#goOn();
      if (flows === null) throw new PipelineError('CHECK_FAILED', 'no order was stored at first');
      const before = flow.stored;
      this.#loadMs = monotonicMs();
      const watch = watchMemory ? new Watch(fleet, signal) : null;
      const mixed = this.#plan.faults.length > 1;
      const asked = { ratePerSecond, outageSeconds, mixed };
      const shared = { rig, fleet, flow, signal, records, firstRow, ...asked };
      const scene: Scene = { ...shared, check, chance: new Random(seed, 'drill') };
      await this.#strikeAll(scene);
      await this.#untilEnough(flow, before);
      if (this.#plan.faults.length === 1) await this.#plan.faults[0].after?.(scene, this.#strikes);
      if (watch) await watch.judge(check);
      this.#goOn();
      const quietSeconds = await endInOrder({ rig, fleet, flow, signal, check });
      this.#goOn();
      const found = await auditRig(rig);
      const events = flow.stored - before;
      const makersKilled = fleet.makers.starts > 1;
      const ran = { events, quietSeconds, startedMs, makersKilled };
      return streamVerdict(this.#plan, this.#checks, {
        ...ran,
        strikes: this.#strikes,
        found,
        sent: records.sent,
      });
    } finally {
      await records?.close().catch(() => undefined); // Kafka may be away when it was broken off
      for (const end of [() => flow.close(), () => fleet.end()]) {
        await putBack(end, this.#hooks, this.#checks);
      }
    }
  }

  /** One strike after the other, each known by its number, so that a seed repeats them. */
  async #strikeAll(scene: Scene): Promise<void> {
    const untilMs = this.#loadMs + this.#plan.minutes * MINUTE_MS;
    if (this.#plan.inTurn) await this.#strikeInTurn(scene);
    else await this.#strikeByChance(scene, untilMs);
    await this.#ready(scene);
    await pause(Math.max(0, untilMs - monotonicMs()), this.#hooks.signal);
  }

  /** Each when the shop has come back from the one before; what could not be injected is tried again. */
  async #strikeInTurn(scene: Scene): Promise<void> {
    const { times, seed, gapMs, faults } = this.#plan;
    const { signal } = this.#hooks;
    const wanted = times ?? faults.length;
    let number = 0;
    for (let turn = 0; turn < wanted; turn++) {
      for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
        const choice = new Random(seed, 'drill', CHOICES).at(number);
        const chance = new Random(seed, 'drill').at(number++);
        await pause(choice.between(...gapMs), signal);
        if (signal.aborted) return;
        const done = await this.#strike(faults[turn % faults.length], { ...scene, chance });
        await this.#ready(scene);
        if (done) break;
      }
    }
  }

  /** Whatever the others are doing, but one place is struck by one at a time; new kinds come first. */
  async #strikeByChance(scene: Scene, untilMs: number): Promise<void> {
    const { times, seed, gapMs, faults } = this.#plan;
    const { signal } = this.#hooks;
    const underWay: Promise<boolean>[] = [];
    const begun = new Set<Fault>();
    for (let number = 0; ; number++) {
      const choice = new Random(seed, 'drill', CHOICES).at(number);
      await pause(choice.between(...gapMs), signal);
      if (
        signal.aborted ||
        (times === null ? monotonicMs() >= untilMs : underWay.length >= times)
      ) {
        break;
      }
      const free = faults.filter(({ place }) => !this.#busy.has(place));
      if (free.length === 0) continue;
      const fresh = free.filter((fault) => !begun.has(fault));
      const fault = drawn(fresh.length > 0 ? fresh : free, choice);
      const chance = new Random(seed, 'drill').at(number);
      const striking = this.#strike(fault, { ...scene, chance });
      underWay.push(striking);
      void striking.then((done) => done && begun.add(fault)); // never rejects
    }
    await Promise.all(underWay);
  }

  /** Waits until every process is; one that is not for long fails the drill, which goes on. */
  async #ready({ fleet, signal, check }: Scene): Promise<void> {
    try {
      await untilReady(fleet.members, READY_MS_MAX, signal);
    } catch (cause) {
      check('every process is ready again', false, causeOf(cause).message);
    }
  }

  /** Whether it could be injected; the places of a fault are taken until it is healed. */
  async #strike(fault: Fault, scene: Scene): Promise<boolean> {
    const { flow } = scene;
    this.#busy.add(fault.place);
    const [fromMs, fromOrders] = [monotonicMs(), flow.orders];
    const strike = await this.#injected(fault, scene);
    if (strike === null || scene.signal.aborted) return false;
    const seconds = (monotonicMs() - fromMs) / 1_000;
    const ordersPerSecond = seconds >= 1 ? (flow.orders - fromOrders) / seconds : null;
    const found: StrikeFound = {
      fault: fault.name,
      what: strike.what,
      atSeconds: (fromMs - this.#loadMs) / 1_000,
      firstRowMs: await strike.firstRow,
      ordersPerSecond,
    };
    if (scene.signal.aborted) return false;
    this.#strikes.push(found);
    this.#tell(found);
    return true;
  }

  /** Does it. What goes wrong with the doing is a failure of the drill, and of nothing else. */
  async #injected(fault: Fault, scene: Scene): Promise<Strike | null> {
    try {
      return await fault.strike(scene);
    } catch (cause) {
      if (!scene.signal.aborted) {
        const found = `${fault.name}: ${causeOf(cause).message}`;
        scene.check('every fault could be injected and healed', false, found);
      }
      return null;
    } finally {
      this.#busy.delete(fault.place);
    }
  }

  #tell({ fault, what, atSeconds, firstRowMs }: StrikeFound): void {
    const row = firstRowMs === null ? 'no row' : `first row after ${Math.round(firstRowMs)} ms`;
    const name = this.#plan.faults.length > 1 ? `${fault}: ` : '';
    this.#hooks.say(`${atSeconds.toFixed(1).padStart(7)} s  ${name}${what}; ${row}`);
  }

  async #untilEnough(flow: Flow, before: number): Promise<void> {
    const endMs = monotonicMs() + EVENTS_MS_MAX;
    const { signal } = this.#hooks;
    while (flow.stored - before < this.#plan.eventsMin && monotonicMs() < endMs) {
      if (signal.aborted) return;
      await pause(200, signal);
    }
  }

  #goOn(): void {
    if (this.#hooks.signal.aborted) {
      throw new PipelineError('INTERRUPTED', `the drill ${this.#plan.name} was stopped`);
    }
  }
}

/** One of the faults; what takes long comes seldom. */
function drawn(faults: readonly Fault[], choice: Random): Fault {
  let left = choice.next() * faults.reduce((sum, { secondsEach }) => sum + 1 / secondsEach, 0);
  for (const fault of faults) {
    left -= 1 / fault.secondsEach;
    if (left <= 0) return fault;
  }
  return faults[faults.length - 1];
}
