import { join } from 'node:path';

import { PROJECT_ROOT } from '../base/config.ts';
import { freePorts } from '../stack/ports.ts';
import { Member, untilReady, type Surprise } from './member.ts';
import { FaultProxy } from './proxy.ts';
import type { Rig } from './rig.ts';

/** The shop under drill: one process of makers, and the nine consumers in three processes. */
export type Fleet = {
  makers: Member;
  /** Threads of one suite: all consumers of users and products, and one of orders. */
  suite: Member;
  /** Consumers of orders that are processes of their own. */
  alone: readonly [Member, Member];
  takers: readonly Member[]; // suite and alone
  members: readonly Member[]; // takers and makers
  /** One consumer of orders more, not started, and new to its group at every start. */
  guest(): Member;
  start(signal: AbortSignal): Promise<void>;
  surprises(): Surprise[];
  defects(): string[];
  /** Starts that found a server away, said so, and were made again. */
  refusedStarts(): number;
  /** Kills what still runs, and ends the proxies. */
  end(): Promise<void>;
};

const READY_MS_MAX = 120_000;
const MAKERS = ['initial-seeder', 'user-seeder', 'producer', 'cache-worker', 'grade-updater'];
const TAKERS = ['user-consumer', 'product-consumer', 'order-consumer-1'];
const CLI = join(PROJECT_ROOT, 'src', 'cli.ts');
const ORDER_CONSUMER = join(PROJECT_ROOT, 'workers', 'order-consumer.ts');

/** Makes it ready to start; `rate` is of order rows a second. */
export async function fleetOf(rig: Rig, rate: number): Promise<Fleet> {
  const { databaseUrl, port } = { ...rig.postgres, port: portOf(rig.postgres.databaseUrl) };
  const ports = freePorts(4);
  const environment = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: rig.redis.redisUrl,
    KAFKA_BROKERS: rig.kafka.kafkaBrokers,
    MILLRACE_LEDGER: rig.ledger,
  };
  const proxies = await Promise.all(
    Array.from({ length: 3 }, () => FaultProxy.open(port, { protocol: 'postgres' })),
  );
  const taker = (name: string, words: string[], i: number): Member =>
    new Member({
      name,
      words,
      environment: { ...environment, DATABASE_URL: Member.through(databaseUrl, proxies[i]) },
      httpPort: ports[i],
      folder: rig.folder,
      proxy: proxies[i],
    });
  const suite = taker('consumers', [CLI, 'workers', ...TAKERS], 0);
  const alone = [
    taker('order-consumer-2', [ORDER_CONSUMER], 1),
    taker('order-consumer-3', [ORDER_CONSUMER], 2),
  ] as const;
  const makers = new Member({
    name: 'makers',
    words: [CLI, 'workers', ...MAKERS, '--rate', `${rate}`],
    environment,
    httpPort: ports[3],
    folder: rig.folder,
    proxy: null,
  });
  const takers = [suite, ...alone];
  const all = [...takers, makers];
  const guests: Member[] = [];
  return {
    makers,
    suite,
    alone,
    takers,
    members: all,
    async start(signal) {
      for (const member of all) member.start();
      await untilReady(all, READY_MS_MAX, signal);
    },
    guest() {
      const name = `guest-${guests.length + 1}`;
      const words = [ORDER_CONSUMER];
      const { folder } = rig;
      const guest = new Member({ name, words, environment, httpPort: 0, folder, proxy: null });
      guests.push(guest);
      return guest;
    },
    surprises: () => [...all, ...guests].flatMap((member) => member.surprises),
    defects: () => [...all, ...guests].flatMap((member) => member.defects()),
    refusedStarts: () =>
      [...all, ...guests].reduce((sum, { refusedStarts }) => sum + refusedStarts, 0),
    async end() {
      for (const member of [...all, ...guests]) member.kill();
      await Promise.all([...all, ...guests].map((member) => member.gone()));
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
