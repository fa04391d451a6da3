import { DatabaseError } from 'pg';

import { causeOf, PipelineError, type ErrorCode } from '../base/errors.ts';

type Verdict = { code: ErrorCode; retryable: boolean; advice: string };

/** What PostgreSQL's and the socket's error codes mean to a caller. First match wins. */
const VERDICTS: readonly (readonly [RegExp, Verdict])[] = [
  [/^28|^42501$/, { code: 'DATABASE_DENIED', retryable: false, advice: 'check DATABASE_URL' }],
  [
    /^3D000$/,
    { code: 'DATABASE_DENIED', retryable: false, advice: 'create it, or check DATABASE_URL' },
  ],
  [
    /^42P01$/,
    { code: 'DATABASE_FAILED', retryable: false, advice: 'run `bun run millrace migrate` first' },
  ],
  [
    /^53100$/,
    { code: 'DATABASE_FULL', retryable: true, advice: 'free space for PostgreSQL, then go on' },
  ],
  [
    /^(ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EAI_AGAIN|53300|57P03)$/,
    {
      code: 'DATABASE_UNREACHABLE',
      retryable: true,
      advice: 'is it up? `bun run millrace up` starts one',
    },
  ],
  [
    /^(08...|57P0[125]|25P0[34]|ECONNRESET|ECONNABORTED|EPIPE|ERR_SOCKET_CLOSED|ERR_STREAM_DESTROYED)$/,
    { code: 'DATABASE_LOST', retryable: true, advice: 'nothing half-written was kept' },
  ],
  [
    // Deadlock, serialization, lock or statement timeout, memory and limits, a standby not promoted yet.
    /^(40...|55P03|57014|53...|25006)$/,
    { code: 'DATABASE_BUSY', retryable: true, advice: 'nothing was kept; the same again may do' },
  ],
];

const UNREACHABLE = /due to connection timeout|^timeout expired/i;
const LOST =
  /connection terminated|connection ended|not queryable|socket (hang up|closed)|query read timeout/i;

/** Turns whatever `pg` threw into an error that says what happened and what to do about it. */
export function databaseFailure(cause: unknown, doing: string): PipelineError {
  if (cause instanceof PipelineError) return cause;
  const { code, message } = causeOf(cause);
  const other: Verdict = { code: 'DATABASE_FAILED', retryable: false, advice: '' };
  const verdict = verdictOf(code) ?? verdictOf(codeOf(message)) ?? other;
  const advice = verdict.advice ? `; ${verdict.advice}` : '';
  const sqlState = code ? ` (${code})` : '';
  return new PipelineError(verdict.code, `${doing}: ${message}${sqlState}${advice}`, {
    retryable: verdict.retryable,
    cause,
  });
}

/** PostgreSQL's own words, where a failure is an answer of it and no lost connection. */
export function serverError(
  failure: unknown,
): { code: string; message: string; detail?: string; constraint?: string } | null {
  const cause = failure instanceof PipelineError ? failure.cause : failure;
  if (!(cause instanceof DatabaseError) || cause.code === undefined) return null;
  const { code, message, detail, constraint } = cause;
  return { code, message, ...(detail && { detail }), ...(constraint && { constraint }) };
}

function verdictOf(code: string): Verdict | undefined {
  return VERDICTS.find(([pattern]) => pattern.test(code))?.[1];
}

/** The code that an error of `pg` itself would have, if it had one. */
function codeOf(message: string): string {
  if (UNREACHABLE.test(message)) return 'ETIMEDOUT';
  return LOST.test(message) ? 'ECONNRESET' : '';
}
