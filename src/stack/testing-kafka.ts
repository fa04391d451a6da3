import { temporaryKafka, type TemporaryKafka } from './temporary-kafka.ts';

/** The cluster is shared: give topics and groups names of your own. */
export type TestKafka = { brokers: string };

let cluster: Promise<TemporaryKafka> | undefined;

/**
 * The one cluster of three brokers that all test files of this process share. It is started at
 * the first call (5 to 10 seconds), and ended by src/stack/testing-preload.ts after the last file.
 * A test that kills or stops a broker takes `temporaryKafka()` instead.
 */
export async function testKafka(): Promise<TestKafka> {
  cluster ??= temporaryKafka();
  return { brokers: (await cluster).kafkaBrokers };
}

/** Ends the shared cluster, if a test has started it. */
export async function stopTestKafka(): Promise<void> {
  const started = cluster;
  cluster = undefined;
  await (await started)?.stop();
}
