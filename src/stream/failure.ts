import { PipelineError, type ErrorCode } from '../base/errors.ts';
import type { ConnectionSettings } from './port.ts';

const DENIED =
  /authenticat|authoriz|credential|sasl|certificate|self.signed|unable to verify|tls|ssl|EPROTO/i;
const UNREACHABLE =
  /ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ETIMEDOUT|EPIPE|timed? ?out|connect|transport|AllBrokersDown|closed|TimedOut/i;

const ADVICE: Partial<Record<ErrorCode, string>> = {
  KAFKA_DENIED: '; check the KAFKA_SECURITY_, KAFKA_SASL_ and KAFKA_SSL_ settings',
  KAFKA_UNREACHABLE: '; is it up? `bun run millrace up` starts one, or set KAFKA_BROKERS',
};

/** Turns whatever a Kafka client threw into an error that says what happened and what to do. */
export function kafkaFailure(cause: unknown, doing: string): PipelineError {
  if (cause instanceof PipelineError) return cause;
  const message = messages(cause, 0).join(': ');
  const code = DENIED.test(message)
    ? 'KAFKA_DENIED'
    : UNREACHABLE.test(message)
      ? 'KAFKA_UNREACHABLE'
      : 'KAFKA_FAILED';
  return new PipelineError(code, `${doing}: ${message}${ADVICE[code] ?? ''}`, {
    retryable: code === 'KAFKA_UNREACHABLE',
    cause,
  });
}

export function missingTopic(topic: string, cause?: unknown): PipelineError {
  return new PipelineError(
    'KAFKA_FAILED',
    `Kafka has no topic '${topic}'; \`bun run millrace topics\` makes the topics, and so does \`bun run millrace up\``,
    { cause },
  );
}

/**
 * For a Kafka that ends before what is stored of it: its topics were made anew, or it is another one.
 * Its records would all look as if they had been stored before, and be left out in silence.
 */
export function otherKafka(
  stored: { topic: string; partition: number; next: number; group: string },
  end: number,
): PipelineError {
  const { topic, partition, next, group } = stored;
  return new PipelineError(
    'KAFKA_FAILED',
    `PostgreSQL has stored ${topic}/${partition} up to ${next}, and this Kafka ends at ${end}: it is ` +
      `not the one these records came from. ${startAnew(topic, group)}`,
  );
}

/** For a topic that has another id than the one whose offsets are stored, however far it is filled. */
export function otherTopic(
  topic: string,
  group: string,
  storedId: string,
  id: string,
): PipelineError {
  return new PipelineError(
    'KAFKA_FAILED',
    `the topic ${topic} was deleted and made anew, or is another Kafka's: the offsets of ${group} count in ` +
      `the topic of id ${storedId}, and this one is ${id}. ${startAnew(topic, group)}`,
  );
}

function startAnew(topic: string, group: string): string {
  return (
    'Use that one; or, if its topics were emptied on purpose, ' +
    `first archive the dead letters of ${topic}, whose places its new records will take (create table ` +
    `dead_letters_of_old_${topic} as select * from dead_letters where topic = '${topic}'; delete from ` +
    `dead_letters where topic = '${topic}') and delete the topic ${topic}.dlq, then delete from ` +
    `consumer_offsets where group_id = '${group}', and do the like for the other topics and groups`
  );
}

/** The brokers of a connection, for messages. */
export const brokersOf = ({ brokers }: ConnectionSettings): string => brokers.join(', ');

const DEPTH_MAX = 4; // of causes worth telling

function messages(cause: unknown, depth: number): string[] {
  if (!(cause instanceof Error)) return [String(cause)];
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : undefined;
  const inner = cause.cause ?? first;
  const line = (cause.message.split('\n')[0] ?? '').replace(/\.$/, '');
  return inner === undefined || depth === DEPTH_MAX
    ? [line]
    : [line, ...messages(inner, depth + 1)];
}
