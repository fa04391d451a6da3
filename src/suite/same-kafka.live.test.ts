import { afterAll, beforeAll, expect, test } from 'bun:test';

import { testDatabase, type TestDatabase } from '../stack/testing.ts';
import { connect, type Client } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { holdTopic } from '../store/offsets.ts';
import { checkSameKafka } from './same-kafka.ts';

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await testDatabase('same_kafka');
  client = await connect(database.url);
  await migrate(client);
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

const ID = '0195d7a0-4b1c-7000-8000-0123456789ab';

/** A Kafka whose three partitions of every topic end there. */
const ending = (...ends: number[]) => ({
  topicId: async () => ID,
  edges: async () => ends.map((end, partition) => ({ partition, first: 0, end })),
});

test('a database that has stored nothing takes any Kafka, one that has takes only its own', async () => {
  await checkSameKafka(client, ending(0, 0, 0));
  await client.query(
    `insert into consumer_offsets (group_id, topic, partition, first_offset, next_offset)
     values ('orders_group', 'orders', 0, 0, 10), ('orders_group', 'orders', 2, 0, 20),
       ('somebody_else', 'orders', 0, 0, 99)`,
  );
  await checkSameKafka(client, ending(10, 0, 20));
  await checkSameKafka(client, ending(11, 5, 1_000));
  expect(checkSameKafka(client, ending(10, 5, 19))).rejects.toThrow(
    'PostgreSQL has stored orders/2 up to 20, and this Kafka ends at 19',
  );
  expect(checkSameKafka(client, ending(10))).rejects.toThrow('this Kafka ends at 0');
});

test('a topic made anew is refused however far it is filled, until its offsets are deleted', async () => {
  const other = '0195d7a0-4b1c-7000-8000-ba9876543210';
  expect(await holdTopic(client, 'orders_group', 'orders', other)).toBe(other); // of before: none noted
  expect(checkSameKafka(client, ending(1_000, 1_000, 1_000))).rejects.toThrow(
    `count in the topic of id ${other}, and this one is ${ID}`,
  );
  expect(await holdTopic(client, 'orders_group', 'orders', ID)).toBe(other);
  await client.query(`delete from consumer_offsets where group_id = 'orders_group'`);
  await checkSameKafka(client, ending(1_000, 1_000, 1_000));
  expect(await holdTopic(client, 'orders_group', 'orders', ID)).toBe(ID);
});
