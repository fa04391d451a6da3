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
