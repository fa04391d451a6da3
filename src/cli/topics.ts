import { Option, type Command } from 'commander';

import { columns, count } from '../base/terminal.ts';
import { connectAdmin, type TopicState } from '../stream/admin.ts';
import { connectionSettings } from '../stream/connection.ts';
import { command, kafkaOf, result, type Common } from './common.ts';

export function topicsCommand(): Command {
  return command('topics', 'make the topics that are missing, and say what is in each')
    .addOption(
      new Option(
        '--kafka-brokers <list>',
        'Kafka to use (default: KAFKA_BROKERS, or the one `bun run millrace up` started)',
      ),
    )
    .action(async (options: Common & { kafkaBrokers?: string }) => {
      const admin = await connectAdmin(connectionSettings('millrace', await kafkaOf(options)));
      try {
        const topics = await admin.ensureTopics();
        result(options, { topics }, () => renderTopics(topics));
      } finally {
        await admin.close();
      }
    });
}

function renderTopics(topics: readonly TopicState[]): string {
  const rows = topics.map(({ name, partitions, made }) => [
    name,
    `${partitions.length}`,
    count(partitions.reduce((sum, { first, end }) => sum + end - first, 0)),
    partitions.map(({ end }) => count(end)).join(' '),
    made ? 'made now' : '',
  ]);
  return columns([['topic', 'partitions', 'records', 'end offsets', ''], ...rows], [1, 2]);
}
