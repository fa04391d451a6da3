import { Random } from '../../base/random.ts';
import { SimulatedDatabase } from './database.ts';
import { Faults, Tally } from './faults.ts';
import { SimulatedKafka } from './kafka.ts';
import { START_MS } from './orders.ts';
import { SimulatedProcess, type Ground } from './process.ts';
import { Scheduler } from './scheduler.ts';

/** One process and its servers, and no fault but those a test makes: for tests of a part alone. */
export class CalmWorld {
  readonly ground: Ground;
  readonly time: SimulatedProcess;
  readonly kafka: SimulatedKafka; // one partition
  readonly database: SimulatedDatabase;

  constructor(seed: number) {
    const random = new Random(seed, 'simulation');
    const faults = new Faults(random, new Tally());
    const scheduler = new Scheduler();
    this.ground = { scheduler, random, faults, wallMs: START_MS, trace: null };
    this.time = new SimulatedProcess('test', this.ground);
    this.kafka = new SimulatedKafka(this.ground, 1, [0]);
    this.kafka.idleFactorMax = 0;
    this.database = new SimulatedDatabase(this.ground);
  }

  /** Lets time pass until the work is done. Throws if it is not within `limitMs`, or never will be. */
  async run<Result>(work: Promise<Result>, limitMs: number): Promise<Result> {
    let done = false;
    const end = (): void => void (done = true);
    work.then(end, end);
    this.ground.scheduler.run(() => done, limitMs);
    return await work;
  }
}
