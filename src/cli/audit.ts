import { Option, type Command } from 'commander';

import { audit, type Audit } from '../analyse/audit.ts';
import { renderAudit } from '../analyse/audit-text.ts';
import { readLedger, type AckedRange } from '../analyse/ledger.ts';
import { monotonicMs } from '../base/clock.ts';
import { EXIT_CODES, PipelineError } from '../base/errors.ts';
import { abortOnSignal, pause } from '../base/shutdown.ts';
import { say } from '../base/terminal.ts';
import { addressOf } from '../stack/stack.ts';
import { closeRedis, openRedis, type Redis } from '../cache/client.ts';
import { withClient } from '../store/client.ts';
import { connectAdmin } from '../stream/admin.ts';
import { connectionSettings } from '../stream/connection.ts';
import { command, databaseOf, kafkaOf, result, wholeNumber, type Common } from './common.ts';

type Options = Common & { kafkaBrokers?: string; redisUrl?: string; ledger?: string; wait: number };

const POLL_MS = 1_000;

export function auditCommand(): Command {
  return command(
    'audit',
    'hold PostgreSQL against Kafka, record by record: is anything lost or doubled?',
  )
    .option(
      '--wait <seconds>',
      'how long consumers may take to store what is still on its way',
      wholeNumber(0, 86_400),
      0,
    )
    .addOption(
      new Option(
        '--kafka-brokers <list>',
        'Kafka to use (default: KAFKA_BROKERS, or the one `bun run millrace up` started)',
      ),
    )
    .addOption(
      new Option('--redis-url <url>', 'Redis to hold against its rows too (default: as for Kafka)'),
    )
    .option(
      '--ledger <file>',
      'what producers wrote down (MILLRACE_LEDGER): all they had acknowledged must be in Kafka',
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const databaseUrl = await databaseOf(options);
  const brokers = await kafkaOf(options);
  const redisUrl = options.redisUrl ?? (await addressOf('redis'));
  const ledger = options.ledger === undefined ? null : await ledgerAt(options.ledger);
  const signal = abortOnSignal();
  const admin = await connectAdmin(connectionSettings('millrace audit', brokers));
  try {
    const until = monotonicMs() + options.wait * 1_000;
    const look = async (): Promise<Audit> =>
      withClient(databaseUrl, async (client) =>
        redisUrl === undefined
          ? audit(client, admin, { ledger })
          : withCache(redisUrl, (redis) => audit(client, admin, { redis, ledger })),
      );
    let found = await look();
    while (found.pending + found.unpublished > 0 && monotonicMs() < until && !signal.aborted) {
      if (found.pending > 0) say(`${found.pending} records are not stored yet`);
      else say(`${found.unpublished} dead letters are not in their topics yet`);
      await pause(POLL_MS, signal);
      found = await look();
    }
    answerFound(options, found);
  } finally {
    await admin.close();
  }
}

async function ledgerAt(path: string): Promise<AckedRange[]> {
  const file = Bun.file(path);
  if (await file.exists()) return readLedger(path, await file.text());
  throw new PipelineError('USAGE', `there is no ledger ${path}`);
}

/** Comes up in the background: a Redis that is away must not end the audit. */
async function withCache(url: string, work: (redis: Redis) => Promise<Audit>): Promise<Audit> {
  const redis = await openRedis(url);
  try {
    return await work(redis);
  } finally {
    await closeRedis(redis);
  }
}

function answerFound(options: Options, found: Audit): void {
  result(options, found, () => renderAudit(found));
  if (!found.clean) process.exitCode = EXIT_CODES.CHECK_FAILED;
}
