import { PipelineError } from '../base/errors.ts';
import { TOPICS, type Topic } from '../model/event.ts';
import type { PartSpec } from './supervisor.ts';

export type Service = 'postgres' | 'kafka' | 'redis';

/** A file in workers/: what it does, how many of it the suite runs, and what it cannot do without. */
export type WorkerInfo = {
  worker: string;
  does: string;
  instances: number;
  needs: readonly Service[];
  stopStage: number; // makers stop first, so that what they made is stored before the others do
  after?: string; // starts once that worker's work is over
  apart?: true; // no part of the live shop: runs only when it is named
};

const MAKERS = 0;
const TAKERS = 1;
const SEEDER = 'initial-seeder';

/** Every application part of the shop (seed 002), in the order of the data's way; then what is apart. */
export const WORKERS: readonly WorkerInfo[] = [
  {
    worker: SEEDER,
    does: 'fills an empty shop: 10,000 users, 20,000 products; then ends',
    instances: 1,
    needs: ['postgres'],
    stopStage: MAKERS,
  },
  {
    worker: 'user-seeder',
    does: 'new customers: 10 in 10 s at first, then fewer and fewer',
    instances: 1,
    needs: ['postgres', 'kafka'],
    stopStage: MAKERS,
    after: SEEDER,
  },
  {
    worker: 'producer',
    does: 'orders (a cart every 3-5 s, or --rate) and products (one every 6-8 s)',
    instances: 1,
    needs: ['postgres', 'kafka', 'redis'],
    stopStage: MAKERS,
    after: SEEDER,
  },
  {
    worker: 'cache-worker',
    does: 'puts 1,000 users and 1,000 products into Redis, every 50 s',
    instances: 1,
    needs: ['postgres', 'redis'],
    stopStage: TAKERS,
    after: SEEDER,
  },
  {
    worker: 'redis-monitor',
    does: 'a line about Redis, every second',
    instances: 1,
    needs: ['redis'],
    stopStage: TAKERS,
  },
  ...TOPICS.map((topic) => ({
    worker: consumerOf(topic),
    does: `stores the events of ${topic} in PostgreSQL, each once`,
    instances: 3, // one a partition
    needs: ['kafka', 'postgres'] as const,
    stopStage: TAKERS,
  })),
  {
    worker: 'grade-updater',
    does: 'grades customers by six months of orders, every 10 minutes',
    instances: 1,
    needs: ['postgres'],
    stopStage: TAKERS,
    after: SEEDER,
  },
  {
    worker: 'recommender',
    does: 'the month of the recommender, on the 1st at 02:00; only when it is named',
    instances: 1,
    needs: ['postgres'],
    stopStage: TAKERS,
    apart: true,
  },
];

/** `order-consumer` */
export function consumerOf(topic: Topic): string {
  return `${topic.slice(0, -1)}-consumer`;
}

/** What one instance is called: its worker's name, with a number where there are several. */
export function instanceNames({ worker, instances }: WorkerInfo): string[] {
  if (instances === 1) return [worker];
  return Array.from({ length: instances }, (_, i) => `${worker}-${i + 1}`);
}

/** The parts that are meant: workers by name (all their instances), or instances; none: the whole shop. */
export function chooseParts(names: readonly string[]): PartSpec[] {
  for (const name of names) {
    if (!WORKERS.some((info) => info.worker === name || instanceNames(info).includes(name))) {
      const known = WORKERS.map(({ worker }) => worker).join(', ');
      throw new PipelineError('USAGE', `there is no worker '${name}'; there are ${known}`);
    }
  }
  return WORKERS.flatMap((info) =>
    instanceNames(info)
      .filter((name) =>
        names.length === 0 ? !info.apart : names.includes(name) || names.includes(info.worker),
      )
      .map((name) => specOf(name, info)),
  );
}

function specOf(name: string, { worker, stopStage, after }: WorkerInfo): PartSpec {
  return { name, worker, stopStage, ...(after !== undefined && { after }) };
}

/** What these parts cannot do without. */
export function neededBy(specs: readonly PartSpec[]): Set<Service> {
  const workers = new Set(specs.map(({ worker }) => worker));
  return new Set(WORKERS.filter(({ worker }) => workers.has(worker)).flatMap(({ needs }) => needs));
}
