import { Option, type Command } from 'commander';

import { audit, type Audit } from '../analyse/audit.ts';
import { renderAudit } from '../analyse/audit-text.ts';
import { monotonicMs } from '../base/clock.ts';
import { EXIT_CODES } from '../base/errors.ts';
import { abortOnSignal, pause } from '../base/shutdown.ts';
import { say } from '../base/terminal.ts';
import { addressOf } from '../stack/stack.ts';
import { withRedis } from '../cache/client.ts';
import { withClient } from '../store/client.ts';
import { connectAdmin } from '../stream/admin.ts';
import { connectionSettings } from '../stream/connection.ts';
import { command, databaseOf, kafkaOf, result, wholeNumber, type Common } from './common.ts';

type Options = Common & { kafkaBrokers?: string; redisUrl?: string; wait: number };

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
    .action(run);
}

async function run(options: Options): Promise<void> {
  const databaseUrl = await databaseOf(options);
  const brokers = await kafkaOf(options);
  const redisUrl = options.redisUrl ?? (await addressOf('redis'));
  const signal = abortOnSignal();
  const admin = await connectAdmin(connectionSettings('millrace audit', brokers));
  try {
    const until = monotonicMs() + options.wait * 1_000;
    const look = async (): Promise<Audit> =>
      withClient(databaseUrl, async (client) =>
        redisUrl === undefined
          ? audit(client, admin)
          : withRedis(redisUrl, (redis) => audit(client, admin, redis)),
      );
    let found = await look();
    while (found.pending > 0 && monotonicMs() < until && !signal.aborted) {
      say(`${found.pending} records are not stored yet`);
      await pause(POLL_MS, signal);
      found = await look();
    }
    answerFound(options, found);
  } finally {
    await admin.close();
  }
}

function answerFound(options: Options, found: Audit): void {
  result(options, found, () => renderAudit(found));
  if (!found.clean || found.pending > 0) process.exitCode = EXIT_CODES.CHECK_FAILED;
}
