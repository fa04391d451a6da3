import { Client as PgClient, type QueryResultRow } from 'pg';

import { redactUrl } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { databaseFailure } from './failure.ts';

export type Client = PgClient;

const CONNECT_WAIT_MS_MAX = 10_000;

export type SessionOptions = {
  settings?: Readonly<Record<string, string | number>>; // PostgreSQL's, for this session
  queryMsMax?: number; // after this an unanswered query fails and the connection is lost
};

/**
 * One connection to PostgreSQL, in the shop's zone. `bigint` arrives as text, as `pg` has it, so
 * that money and ids survive; callers turn counts into numbers themselves.
 */
export async function connect(
  databaseUrl: string,
  name = 'millrace',
  { settings = {}, queryMsMax }: SessionOptions = {},
): Promise<Client> {
  if (!URL.canParse(databaseUrl)) {
    throw new PipelineError(
      'USAGE',
      'DATABASE_URL is no URL; write postgres://user:password@host:port/database, special characters as %23',
    );
  }
  const session: Record<string, string | number> = { timezone: 'Asia/Seoul', ...settings };
  const client = new PgClient({
    connectionString: databaseUrl,
    application_name: name,
    connectionTimeoutMillis: CONNECT_WAIT_MS_MAX,
    keepAlive: true,
    ...(queryMsMax !== undefined && { query_timeout: queryMsMax }),
    options: Object.entries(session)
      .map(([setting, value]) => `-c ${setting}=${String(value).replaceAll(/([\\ ])/g, '\\$1')}`)
      .join(' '),
  });
  // A connection lost between queries is reported by the next query; unheard it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (cause) {
    throw connectFailure(databaseFailure(cause, `connecting to ${redactUrl(databaseUrl)}`));
  }
  return client;
}

/** What hangs up before it has said a word of PostgreSQL's is no PostgreSQL, or not one yet. */
function connectFailure(failure: PipelineError): PipelineError {
  if (failure.code !== 'DATABASE_LOST') return failure;
  const message = failure.message.replace('nothing half-written was kept', 'is it PostgreSQL?');
  return new PipelineError('DATABASE_UNREACHABLE', message, { retryable: true, cause: failure });
}

/** Runs `work` on a connection of its own and closes it whatever happens. */
export async function withClient<Result>(
  databaseUrl: string,
  work: (client: Client) => Promise<Result>,
  options: SessionOptions = {},
): Promise<Result> {
  const client = await connect(databaseUrl, 'millrace', options);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined); // already gone: there is nothing left to close
  }
}

/** Commits what `work` did, or nothing of it. */
export async function transaction<Result>(
  client: Client,
  doing: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    await client.query('begin');
    const result = await work();
    await client.query('commit');
    return result;
  } catch (cause) {
    await client.query('rollback').catch(() => undefined); // a dead connection has rolled back
    throw databaseFailure(cause, doing);
  }
}

/** A query whose failure says what was being done. */
export async function query<Row extends QueryResultRow>(
  client: Client,
  doing: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  try {
    return (await client.query<Row>(sql, values)).rows;
  } catch (cause) {
    throw databaseFailure(cause, doing);
  }
}
