import { PipelineError } from '../base/errors.ts';
import { errorFields, type Log } from '../base/log.ts';
import { metrics } from '../base/metrics.ts';
import { retry } from '../base/retry.ts';
import type { Time } from '../base/time.ts';
import type { Topic, Trace } from '../model/event.ts';
import type { Ledger, Sending } from './ledger.ts';
import type { OutgoingRecord, Producer } from './port.ts';

export type SenderOptions = {
  producer: Producer;
  topic: Topic;
  run: number; // of the database's run_numbers; a run belongs to one sender a topic
  seed: number;
  time: Time;
  signal: AbortSignal; // once aborted, nothing is sent again
  log: Log;
  ledger?: Ledger;
  /** Says that Kafka takes what is sent (null), or why not. */
  check?: (failure: string | null) => void;
};

/**
 * Sends events of one maker to a topic and numbers them, densely from 0 in the order of the calls, so
 * that a number that is missing is an event that is lost. What Kafka did not acknowledge is sent
 * again until it does: the same events with the same ids and numbers, as the sink takes each once.
 * Which ones of a call were acknowledged is not known, so all of them go again, in their order. Calls
 * may overlap; one that is sent again may then come behind a later one, which matters to nobody: an
 * order never changes, and of a user or an article the latest event time counts.
 */
export class EventSender {
  readonly #options: SenderOptions;
  #sequence = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** The number of the next event; so many have been handed over so far. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * Sends `count` events, which `encode` makes given the trace of the first; the others' sequences
   * follow it. Settles when all are acknowledged. Throws INTERRUPTED, with the range of the events
   * that are in doubt, if the signal comes first; and the failure, if trying again is no use.
   */
  async send(count: number, encode: (first: Trace) => readonly OutgoingRecord[]): Promise<void> {
    if (count === 0) return;
    const { run, seed, topic } = this.#options;
    const sending = { run, topic, from: this.#sequence, to: this.#sequence + count };
    const records = encode({ run, seed, sequence: this.#sequence });
    if (records.length !== count) throw new Error(`${records.length} records of ${count} events`);
    this.#sequence += count;
    await this.#untilAcked(sending, records);
  }

  async #untilAcked(sending: Sending, records: readonly OutgoingRecord[]): Promise<void> {
    const { time, signal, log, check } = this.#options;
    await retry(
      {
        what: 'sending',
        time,
        signal,
        onRetry: (error, attempt) => {
          check?.(error.message);
          if (attempt === 1) log.warn('sending again', { ...sending, ...errorFields(error) });
        },
      },
      (attempt) => this.#attempt(sending, records, attempt),
    );
    check?.(null);
  }

  async #attempt(
    sending: Sending,
    records: readonly OutgoingRecord[],
    attempt: number,
  ): Promise<void> {
    const { producer, ledger } = this.#options;
    ledger?.before(sending, attempt);
    const outcome = await producer.send(records);
    ledger?.after(sending, attempt, outcome);
    const { topic } = sending;
    for (const kind of ['acked', 'failed', 'unknown'] as const) {
      if (outcome[kind] > 0) metrics.produced.inc({ topic, outcome: kind }, outcome[kind]);
    }
    if (outcome.acked < records.length) throw notAcked(sending, outcome.error);
  }
}

/** Retryable unless Kafka's answer says that it will be the same next time. */
function notAcked({ run, topic, from, to }: Sending, cause: Error | undefined): PipelineError {
  const known = cause instanceof PipelineError ? cause : undefined;
  const reason = cause?.message ?? 'Kafka did not acknowledge all of them';
  return new PipelineError(
    known?.code ?? 'KAFKA_UNREACHABLE',
    `${topic}: sending events ${from} to ${to - 1} of run ${run}: ${reason}`,
    { retryable: known?.retryable ?? true, cause },
  );
}
