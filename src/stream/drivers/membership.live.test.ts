import {
  encodeConsumerProtocolSubscription,
  joinGroupV9,
  type Connection,
} from '@platformatic/kafka';
import { beforeAll, expect, test } from 'bun:test';

import type { PipelineError } from '../../base/errors.ts';
import { until } from '../../base/testing.ts';
import { testKafka } from '../../stack/testing-kafka.ts';
import { connectAdmin } from '../admin.ts';
import type { ConnectionSettings } from '../port.ts';
import { Cluster } from './cluster.ts';
import { Membership } from './membership.ts';

const TOPIC = 'membership-fenced';
const SESSION_MS_MAX = 6_000;
const FETCH_BYTES_MAX = 1 << 20;

let settings: ConnectionSettings;

beforeAll(async () => {
  const { brokers } = await testKafka();
  settings = { brokers: brokers.split(','), clientId: 'membership test' };
  const admin = await connectAdmin(settings);
  await admin.ensureTopics([{ name: TOPIC, partitions: 2, retentionDays: 1 }]);
  await admin.close();
}, 60_000);

/** Loses the connections of the first joins, which alone name a limit, as a broker does that falls silent. */
class Lossy extends Cluster {
  losses: number;

  constructor(losses: number) {
    super(settings);
    this.losses = losses;
  }

  override async open(address: string, requestMsMax?: number): Promise<Connection> {
    const connection = await super.open(address, requestMsMax);
    if (requestMsMax !== undefined && this.losses-- > 0) await connection.close();
    return connection;
  }
}

/** A member of a group of its own, fenced by a join under its instance id once it holds partitions. */
async function fenced(group: string, losses: number) {
  const cluster = new Lossy(losses);
  const failures: PipelineError[] = [];
  let assigned = 0;
  const membership = new Membership(
    cluster,
    {
      group,
      topic: TOPIC,
      instanceId: 'one',
      sessionMsMax: SESSION_MS_MAX,
      fetchBytesMax: FETCH_BYTES_MAX,
    },
    {
      assigned: () => void assigned++,
      revoked: () => undefined,
      failed: (error) => void failures.push(error),
    },
  );
  await until(() => assigned === 1, 20_000);
  const connection = await cluster.to(await cluster.coordinator(group));
  const metadata = encodeConsumerProtocolSubscription({ version: 1, topics: [TOPIC] });
  await joinGroupV9.api.async(
    connection,
    group,
    SESSION_MS_MAX,
    SESSION_MS_MAX,
    '',
    'one',
    'consumer',
    [{ name: 'range', metadata }],
    null,
  );
  const again = (): number => assigned - 1;
  const close = async (): Promise<void> => {
    await membership.close();
    await cluster.close();
  };
  return { again, failures, close };
}

test('a static member whose join went unanswered takes the fence for its own, and joins anew', async () => {
  const { again, failures, close } = await fenced('membership-own-fence', 1);
  await until(() => again() === 1, 20_000);
  expect(failures).toEqual([]);
  await close();
}, 60_000);

test('one that lost nothing has a successor, and ends', async () => {
  const { again, failures, close } = await fenced('membership-successor', 0);
  await until(() => failures.length > 0, 20_000);
  expect(failures[0].code).toBe('KAFKA_FAILED');
  expect(failures[0].retryable).toBe(false);
  expect(again()).toBe(0);
  await close();
}, 60_000);
