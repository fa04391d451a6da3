import type { Log } from '../base/log.ts';
import { metrics } from '../base/metrics.ts';
import { Outage } from '../base/outage.ts';
import { repeat } from '../base/schedule.ts';
import { TOPICS } from '../model/event.ts';
import type { StreamAdmin } from '../stream/admin.ts';

type BrokerState = Awaited<ReturnType<StreamAdmin['brokers']>>[number];

export type BrokerWatchOptions = {
  admin: Pick<StreamAdmin, 'brokers'>;
  signal: AbortSignal;
  log: Log;
  /** Says that a broker, by its id, is up (null), or that it is not. */
  check: (broker: number, failure: string | null) => void;
  everyMs?: number;
};

const LOOK_EVERY_MS = 3_000;

/**
 * Tells operators which brokers are up, by a metric, a check, and a line whenever that changes: the
 * stream goes on with two of three, and nobody would notice until the second one goes.
 */
export async function watchBrokers(options: BrokerWatchOptions): Promise<void> {
  const { admin, signal, log, everyMs = LOOK_EVERY_MS } = options;
  const outage = new Outage(log, 'asking Kafka for its brokers');
  const seen = new Map<number, boolean>();
  await repeat({ everyMs, signal }, async () => {
    const brokers = await outage.survive(() => admin.brokers(TOPICS));
    if (brokers !== undefined) tell(brokers, seen, options);
    else for (const broker of seen.keys()) metrics.brokerUp.set({ broker: `${broker}` }, 0);
  });
}

function tell(
  brokers: readonly BrokerState[],
  seen: Map<number, boolean>,
  { log, check }: BrokerWatchOptions,
): void {
  const states = new Map(brokers.map((broker) => [broker.id, broker]));
  const up = brokers.filter((broker) => broker.up).length;
  const of = new Set([...seen.keys(), ...states.keys()]).size;
  for (const id of new Set([...seen.keys(), ...states.keys()])) {
    const isUp = states.get(id)?.up ?? false;
    metrics.brokerUp.set({ broker: `${id}` }, isUp ? 1 : 0);
    const was = seen.get(id);
    seen.set(id, isUp);
    if (was === isUp || (was === undefined && isUp)) continue;
    check(id, isUp ? null : 'away');
    if (isUp) log.info(`broker ${id} is back`, { up, of });
    else log.warn(`broker ${id} is away; the stream goes on with the others`, { up, of });
  }
}
