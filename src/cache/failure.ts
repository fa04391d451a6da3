import type { Redis } from 'ioredis';

import { causeOf, PipelineError, type ErrorCode } from '../base/errors.ts';
import { metrics } from '../base/metrics.ts';

type Verdict = { code: ErrorCode; retryable: boolean; advice: string };

const AWAY: Verdict = {
  code: 'REDIS_UNREACHABLE',
  retryable: true,
  advice: 'is it up? `bun run millrace up` starts one, or check REDIS_URL',
};
const OTHER: Verdict = { code: 'REDIS_FAILED', retryable: false, advice: '' };

const refused = (advice: string, retryable = false): Verdict => ({
  code: 'REDIS_FAILED',
  retryable,
  advice,
});

/** What the first word of a reply, a socket's code or ioredis' own sentence means. First match wins. */
const VERDICTS: readonly (readonly [RegExp, Verdict])[] = [
  [/^(WRONGPASS|NOAUTH|NOPERM)\b|^ERR (AUTH|invalid password)/, refused('check REDIS_URL')],
  [/^OOM\b/, refused('give Redis more memory (maxmemory); it kept what it had', true)],
  [/^READONLY\b/, refused('this is a replica: give REDIS_URL the primary', true)],
  [/^MISCONF\b/, refused('Redis cannot save to its disk: free space there', true)],
  [/^(LOADING|BUSY|MASTERDOWN|TRYAGAIN)\b/, { ...AWAY, advice: 'it answers later by itself' }],
  [/^(MOVED|ASK|CROSSSLOT|CLUSTERDOWN)\b/, refused('a cluster will not do: use a single Redis')],
  [/^WRONGTYPE\b/, refused('another program uses this key: delete it, or use another database')],
  [/certificate|self.signed|TLS|SSL/i, refused('check the certificate, and rediss:// or redis://')],
  [
    /ECONNREFUSED|ECONNRESET|ENOTFOUND|EHOSTUNREACH|ETIMEDOUT|EAI_AGAIN|EPIPE|^Socket timeout|^Command (timed out|aborted)|^Connection is closed|isn't writeable|^Reached the max retries|socket (closed|hang up)|^Failed to connect/i,
    AWAY,
  ],
];

/**
 * Turns whatever ioredis threw into an error that says what happened and what to do about it. The
 * cause is not passed on: it holds the arguments of the command, and AUTH's is the password.
 */
export function redisFailure(cause: unknown, doing: string): PipelineError {
  if (cause instanceof PipelineError) return cause;
  const { code, message } = describe(cause);
  const text = code && !message.includes(code) ? `${message} (${code})` : message;
  const verdict = VERDICTS.find(([pattern]) => pattern.test(message) || pattern.test(code))?.[1];
  const { code: errorCode, retryable, advice } = verdict ?? OTHER;
  return new PipelineError(errorCode, `${doing}: ${text}${advice && `; ${advice}`}`, { retryable });
}

/** What label `command` of redis_errors may be: a closed list. */
export type RedisCommand = 'connect' | 'load' | 'swap' | 'read' | 'scenario' | 'monitor';

/** Waits for a command, keeps redis_up and the count of errors, and words what goes wrong. */
export async function ask<Reply>(
  redis: Redis,
  command: RedisCommand,
  doing: string,
  reply: Promise<Reply>,
): Promise<Reply> {
  try {
    const answered = await reply;
    metrics.redisUp.set(1);
    return answered;
  } catch (cause) {
    const failure = redisFailure(behind(redis, cause), doing);
    metrics.redisUp.set(failure.code === 'REDIS_UNREACHABLE' ? 0 : 1);
    metrics.redisErrors.inc({ command });
    throw failure;
  }
}

/** Why a connection was lost or never made: commands only learn that there is none. */
const reasons = new WeakMap<Redis, unknown>();

/** Undefined: there is a connection again. */
export function noteReason(redis: Redis, error: unknown): void {
  if (error !== undefined && NO_CONNECTION.test(describe(error).message)) return;
  reasons.set(redis, error);
}

const NO_CONNECTION = /^Connection is closed|isn't writeable|^Reached the max retries/;

function behind(redis: Redis, cause: unknown): unknown {
  const { message } = describe(cause);
  return NO_CONNECTION.test(message) ? (reasons.get(redis) ?? cause) : cause;
}

type PipelineReplies = [error: Error | null, reply: unknown][] | null;

/** The replies of a pipeline, or the first error among them: an error reply rejects no promise. */
export async function everyReply(pipeline: Promise<PipelineReplies>): Promise<unknown[]> {
  const replies = await pipeline;
  if (replies === null) throw new Error('Connection is closed.'); // a transaction that was dropped
  return replies.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}

/** Before version 7, Redis wraps the error of a command in a script into one about the script. */
const SCRIPT_PREFIX = /^ERR Error running script .*@user_script: ?\d+: -?(?=[A-Z]+ )/;

function describe(cause: unknown): { code: string; message: string } {
  const { code, message } = causeOf(cause);
  return { code, message: message.replace(SCRIPT_PREFIX, '') };
}
