import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PipelineError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { metrics } from '../base/metrics.ts';
import { CalmWorld } from '../drill/simulation/calm.ts';
import type { Trace } from '../model/event.ts';
import { openLedger, type Ledger } from './ledger.ts';
import type { OutgoingRecord, Producer, SendOutcome } from './port.ts';
import { EventSender } from './produce.ts';

const folder = mkdtempSync(join(tmpdir(), 'ledger-'));
afterAll(() => rmSync(folder, { recursive: true }));

const silent = (): void => undefined;
const LOG: Log = { debug: silent, info: silent, warn: silent, error: silent };
const numbers = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => first + index);
/** Records whose value is their number. */
const encode =
  (count: number) =>
  ({ sequence }: Trace): OutgoingRecord[] =>
    numbers(sequence, count).map((number) => ({
      topic: 'orders',
      key: null,
      value: new TextEncoder().encode(String(number)),
      headers: [],
    }));

/** A sender and a Kafka that gives these outcomes, in order, and good ones from then on. */
function world(outcomes: readonly (Partial<SendOutcome> | Error)[], ledger?: Ledger) {
  const calm = new CalmWorld(5);
  const { time } = calm;
  const abort = new AbortController();
  const sent: number[][] = [];
  const checks: (string | null)[] = [];
  const producer: Producer = {
    send: async (records) => {
      await time.sleep(3);
      sent.push(records.map(({ value }) => Number(new TextDecoder().decode(value ?? undefined))));
      const outcome = outcomes[sent.length - 1] ?? { acked: records.length };
      if (outcome instanceof Error) throw outcome;
      return { acked: 0, failed: 0, unknown: 0, ...outcome };
    },
    close: async () => undefined,
  };
  const sender = new EventSender({
    producer,
    topic: 'orders',
    run: 7,
    seed: 42,
    time,
    signal: abort.signal,
    log: LOG,
    check: (failure) => checks.push(failure),
    ...(ledger && { ledger }),
  });
  const run = <Result>(work: Promise<Result>, limitMs: number): Promise<Result> =>
    calm.run(work, limitMs);
  return { sender, time, run, abort, sent, checks };
}

test('events are numbered densely in the order of the calls, also when these overlap', async () => {
  const { sender, sent, run } = world([]);
  const calls = [3, 0, 1, 2].map((count) => sender.send(count, encode(count)));
  await run(Promise.all(calls), 1_000);
  expect(sent).toEqual([[0, 1, 2], [3], [4, 5]]);
  expect(sender.sequence).toBe(6);
});

test('what was not acknowledged is sent again, the same events, until it is', async () => {
  const kinds = async (): Promise<number[]> => {
    const { values } = await metrics.produced.get();
    const of = (outcome: string): number =>
      values.find(({ labels }) => labels['topic'] === 'orders' && labels['outcome'] === outcome)
        ?.value ?? 0;
    return [of('acked'), of('failed'), of('unknown')];
  };
  const before = await kinds();
  const { sender, sent, checks, run } = world([
    { failed: 3, error: new PipelineError('KAFKA_UNREACHABLE', 'away', { retryable: true }) },
    { acked: 1, unknown: 2 },
  ]);
  await run(sender.send(3, encode(3)), 10_000);
  expect(sent).toEqual([numbers(0, 3), numbers(0, 3), numbers(0, 3)]);
  expect((await kinds()).map((now, kind) => now - before[kind])).toEqual([4, 3, 2]);
  expect(checks.map((check) => check?.split(': ').at(-1) ?? null)).toEqual([
    'away',
    'Kafka did not acknowledge all of them',
    null,
  ]);
  await run(sender.send(1, encode(1)), 20_000);
  expect(sent.at(-1)).toEqual([3]);
});

test('Kafka may be away for hours', async () => {
  const { sender, time, sent, run } = world(Array.from({ length: 4_000 }, () => ({ unknown: 1 })));
  await run(sender.send(1, encode(1)), 4 * 3_600_000);
  expect(sent).toHaveLength(4_001);
  expect(time.monotonicMs()).toBeGreaterThan(3_600_000);
});

test('an abort ends the trying, and says which events are in doubt', async () => {
  const { sender, time, abort, run } = world(Array.from({ length: 100 }, () => ({ unknown: 5 })));
  const stopping = time.sleep(20_000).then(() => abort.abort());
  const sending = sender.send(5, encode(5)).catch((cause: unknown) => cause);
  await run(stopping, 30_000);
  expect(await run(sending, 30_000)).toMatchObject({
    code: 'INTERRUPTED',
    message: expect.stringContaining('orders: sending events 0 to 4 of run 7'),
  });
});

test('what will be the same next time is thrown, not tried again', async () => {
  const missing = new PipelineError('KAFKA_FAILED', "Kafka has no topic 'orders'");
  for (const outcome of [{ failed: 1, error: missing }, missing]) {
    const { sender, sent, run } = world([outcome]);
    const failure = await run(
      sender.send(1, encode(1)).catch((cause: unknown) => cause),
      1_000,
    );
    expect(failure).toMatchObject({ code: 'KAFKA_FAILED' });
    expect(sent).toHaveLength(1);
  }
});

test('the ledger has a line before and after each sending, and one more that was cut off', async () => {
  const path = join(folder, 'ledger.ndjson');
  const ledger = openLedger(path, () => Date.UTC(2026, 10, 21));
  const { sender, run } = world([{ acked: 2, failed: 1, error: new Error('full') }], ledger);
  await run(sender.send(3, encode(3)), 10_000);
  const cut = world([new Error('died')], ledger);
  await cut.run(
    cut.sender.send(1, encode(1)).catch((cause: unknown) => cause),
    1_000,
  );
  ledger.close();
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const sending = { time: '2026-11-21T00:00:00.000Z', run: 7, topic: 'orders', from: 0, to: 3 };
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { ...sending, state: 'sending', attempt: 1 },
    { ...sending, state: 'sent', attempt: 1, acked: 2, failed: 1, unknown: 0, error: 'full' },
    { ...sending, state: 'sending', attempt: 2 },
    { ...sending, state: 'sent', attempt: 2, acked: 3, failed: 0, unknown: 0 },
    { ...sending, to: 1, state: 'sending', attempt: 1 },
  ]);
});
