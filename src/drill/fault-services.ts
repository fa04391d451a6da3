import { monotonicMs } from '../base/clock.ts';
import { pause } from '../base/shutdown.ts';
import type { Fault, Scene, Strike } from './drill.ts';
import { startAgain } from './rig.ts';

const BROKER_AWAY_MS = [2_000, 6_000] as const;
const BROKER_MUTE_MS = [5_000, 15_000] as const; // its own session is 5 s
const REDIS_AWAY_MS = [2_000, 6_000] as const;
const RATE_SHARE_MIN = 0.9;
const RATE_MS = 15_000; // in which the rate with Redis is measured

export const SERVICE_FAULTS: readonly Fault[] = [
  {
    name: 'broker-kill',
    what: 'one of three brokers is killed and comes back',
    how: 'SIGKILL of a random broker, away for 2 to 6 s, a new start; it leads a third of the partitions',
    peers: 'Jepsen found lost and repeated records under it in Redpanda 21.10',
    place: 'kafka',
    times: 4,
    secondsEach: 16,
    firstRowMsMax: 15_000,
    spares: true,
    strike: killBroker,
  },
  {
    name: 'broker-pause',
    what: 'one of three brokers falls mute with its connections open, and goes on',
    how: 'SIGSTOP of a random broker for 5 to 15 s, SIGCONT',
    peers: 'confluent-kafka-javascript #476: a consumer stood still for 26 h without an error',
    place: 'kafka',
    times: 4,
    secondsEach: 20,
    firstRowMsMax: 20_000,
    spares: true,
    strike: pauseBroker,
  },
  {
    name: 'redis-kill',
    what: 'Redis is killed and comes back empty, or falls mute',
    how: 'SIGKILL and a new start after 2 to 6 s, or SIGSTOP for as long',
    peers: 'ioredis by default queues without a limit and hangs (langfuse #12574)',
    place: 'redis',
    times: 6,
    secondsEach: 8,
    firstRowMsMax: 5_000,
    spares: true,
    strike: loseRedis,
    async after({ check, flow, signal }, strikes) {
      const [from, fromMs] = [flow.orders, monotonicMs()];
      await pause(RATE_MS, signal);
      const rate = (flow.orders - from) / ((monotonicMs() - fromMs) / 1_000);
      const without = strikes.flatMap(({ ordersPerSecond }) => ordersPerSecond ?? []);
      // Over all of them: in the few seconds of one, a batch that comes a second later is a fifth.
      const mean = without.reduce((sum, one) => sum + one, 0) / without.length;
      const lowest = Math.round(Math.min(...without));
      const found = `${Math.round(mean)}/s, in one ${lowest}/s, and ${Math.round(rate)}/s with it`;
      const name = 'without Redis orders are stored at 90 % of the rate or more';
      check(name, mean >= RATE_SHARE_MIN * rate, found);
    },
  },
];

async function killBroker({ rig, chance, signal, firstRow }: Scene): Promise<Strike> {
  const broker = chance.pick(rig.kafka.brokers);
  const ms = chance.between(...BROKER_AWAY_MS);
  const struckMs = monotonicMs();
  await broker.kill();
  const moved = firstRow(struckMs); // two brokers are enough
  await pause(ms, signal);
  await broker.restart();
  const seconds = ((monotonicMs() - struckMs) / 1_000).toFixed(1);
  return { what: `SIGKILL of broker ${broker.id}, away for ${seconds} s`, firstRow: moved };
}

async function pauseBroker({ rig, chance, signal, firstRow }: Scene): Promise<Strike> {
  const broker = chance.pick(rig.kafka.brokers);
  const ms = chance.between(...BROKER_MUTE_MS);
  const struckMs = monotonicMs();
  broker.pause();
  const moved = firstRow(struckMs);
  await pause(ms, signal);
  broker.resume();
  return { what: `broker ${broker.id} mute for ${(ms / 1_000).toFixed(1)} s`, firstRow: moved };
}

async function loseRedis({ rig, chance, signal, firstRow }: Scene): Promise<Strike> {
  const ms = chance.between(...REDIS_AWAY_MS);
  const seconds = (ms / 1_000).toFixed(1);
  const kill = chance.below(2) === 0;
  const struckMs = monotonicMs();
  if (kill) await rig.redis.kill();
  else rig.redis.pause();
  const moved = firstRow(struckMs);
  await pause(ms, signal);
  if (kill) await startAgain(rig.redis);
  else rig.redis.resume();
  const way = kill ? 'SIGKILL of Redis, away' : 'Redis mute';
  return { what: `${way} for ${seconds} s`, firstRow: moved };
}
