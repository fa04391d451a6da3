/** Every way the world can fail a command, with the exit code it ends with. */
export const EXIT_CODES = {
  USAGE: 2, // an option or a setting cannot be used as given
  BASE_TOO_SMALL: 3, // fewer users or products than the rules need
  NOT_CONFIRMED: 4, // the prompt was answered no, or could not be asked
  RUN_CONFLICT: 5, // a backfill run is unfinished, missing, or no longer matches its base
  CHECK_FAILED: 6, // a report found something outside its tolerance
  STACK_FAILED: 7, // a service could not be started or stopped here
  DATABASE_UNREACHABLE: 8,
  DATABASE_DENIED: 9, // wrong password, missing role or database
  DATABASE_LOST: 10, // the connection ended in the middle of the work
  DATABASE_FULL: 11, // no space left for PostgreSQL
  DATABASE_FAILED: 12, // any other refusal by PostgreSQL
  KAFKA_UNREACHABLE: 13,
  KAFKA_DENIED: 14, // wrong password, certificate or rights
  KAFKA_FAILED: 15, // any other refusal by Kafka, a missing topic included
  REDIS_UNREACHABLE: 16,
  REDIS_FAILED: 17, // wrong password, out of memory, any refused command
  OFFSET_TAKEN: 18, // another consumer has stored these offsets: its batch counts, not ours
  OFFSET_GAP: 19, // records start beyond what is stored: go back before going on
  PORT_IN_USE: 20,
  DATABASE_BUSY: 21, // locked, overloaded or out of memory: the same again may do
  INTERRUPTED: 130,
} as const;

export type ErrorCode = keyof typeof EXIT_CODES;

/** What went wrong outside this code. The message says what happened and what to do about it. */
export class PipelineError extends Error {
  override name = 'PipelineError';
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: { retryable?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/** A command that failed when it had something to answer already: that stands beside the error. */
export class Unfinished extends Error {
  override name = 'Unfinished';
  readonly answers: Readonly<Record<string, unknown>>;

  constructor(cause: unknown, answers: Readonly<Record<string, unknown>>) {
    super(causeOf(cause).message, { cause });
    this.answers = answers;
  }
}

/** Whether work ended because it was told to stop. */
export function isInterruption(cause: unknown): boolean {
  return cause instanceof PipelineError && cause.code === 'INTERRUPTED';
}

/** What an error says of itself; of several at once, like one for each address tried, the first. */
export function causeOf(cause: unknown): { code: string; message: string } {
  const code =
    cause instanceof Object && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  if (cause instanceof AggregateError && cause.errors.length > 0) {
    const first = causeOf(cause.errors[0]);
    return { code: code || first.code, message: first.message };
  }
  return { code, message: cause instanceof Error ? cause.message : String(cause) };
}
