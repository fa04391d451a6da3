import { afterAll, beforeAll, expect, test } from 'bun:test';

import { testDatabase, type TestDatabase } from '../stack/testing.ts';
import { connect, type Client } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
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

/** A Kafka whose three partitions of every topic end there. */
const ending = (...ends: number[]) => ({
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
