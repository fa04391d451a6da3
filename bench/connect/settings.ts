/**
 * How Kafka Connect is set up for the drain: JsonConverter with a schema of its own
 * (KIP-1054), as our records carry none, and Debezium's JDBC sink with one array a column (UNNEST).
 */
import { ORDER_COLUMNS } from '../../src/store/order-copy.ts';

export type Settings = Record<string, string>;

export const CONNECT_TABLE = 'connect_orders';
const TASKS = 3; // one a partition
/**
 * Rows of one INSERT, and records handed to a task at once. Tried over 200,000 rows on a busy machine,
 * so only coarsely: 5,000 instead of 10,000 took as much CPU time and was 11 % slower. Plain `insert`
 * took as much of the JVM and no less of PostgreSQL than `upsert`, and ends at the first record that
 * comes again, so it is no way to store at least once.
 */
const BATCH_ROWS = 10_000;
const FETCH_BYTES_MIN = 1 << 20; // so that a batch is full
const FETCH_BYTES_MAX = 8 << 20; // of a partition, and ours has the same

type FieldType = { type: 'string' | 'int16' | 'int32' | 'int64'; name?: string };

const TEXT: FieldType = { type: 'string' };
const UUID: FieldType = { type: 'string', name: 'io.debezium.data.Uuid' };
const TYPES: Record<(typeof ORDER_COLUMNS)[number], FieldType> = {
  order_id: UUID,
  cart_id: UUID,
  created_at: { type: 'string', name: 'io.debezium.time.ZonedTimestamp' },
  unit_price: { type: 'int64' },
  total_amount: { type: 'int64' },
  shipping_cost: { type: 'int64' },
  discount_amount: { type: 'int64' },
  quantity: { type: 'int32' },
  scenario: { type: 'int16' },
  payment_method: TEXT,
  status: TEXT,
  user_id: TEXT,
  user_name: TEXT,
  user_region: TEXT,
  user_gender: TEXT,
  user_age_group: TEXT,
  product_id: TEXT,
  category: TEXT,
};

/** A record's schema as Connect writes it; fields of the record that it does not name are passed over. */
function recordSchema(): object {
  const fields = ORDER_COLUMNS.map((field) => {
    const { type, name } = TYPES[field];
    return { field, type, name, optional: false };
  });
  return { type: 'struct', fields: [{ field: 'order', type: 'struct', optional: false, fields }] };
}

/** The process: what it reads, and no plugins but those of its class path. */
export function workerSettings(brokers: string, folder: string, port: number): Settings {
  const bytes = 'org.apache.kafka.connect.converters.ByteArrayConverter';
  return {
    'bootstrap.servers': brokers,
    listeners: `http://127.0.0.1:${port}`,
    'offset.storage.file.filename': `${folder}/offsets`,
    'plugin.discovery': 'service_load',
    'connector.client.config.override.policy': 'All',
    'key.converter': bytes, // the key is a field of the value too
    'header.converter': bytes,
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'true',
    'value.converter.schema.content': JSON.stringify(recordSchema()),
  };
}

/** The connector: the topic's orders, from the first, into `CONNECT_TABLE` of that database. */
export function sinkSettings(databaseUrl: string): Settings {
  const { hostname, port, pathname, username, password } = new URL(databaseUrl);
  return {
    name: pathname.slice(1), // and so a group of its own for each database
    'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
    'tasks.max': `${TASKS}`,
    topics: 'orders',
    transforms: 'order',
    'transforms.order.type': 'org.apache.kafka.connect.transforms.ExtractField$Value',
    'transforms.order.field': 'order',
    'connection.url': `jdbc:postgresql://${hostname}:${port || 5432}${pathname}`,
    'connection.username': decodeURIComponent(username),
    'connection.password': decodeURIComponent(password),
    'connection.pool.min_size': '1', // a task uses one
    'collection.name.format': CONNECT_TABLE,
    'insert.mode': 'upsert',
    'primary.key.mode': 'record_value',
    'primary.key.fields': 'order_id',
    'schema.evolution': 'none',
    'dialect.postgres.unnest.insert.enabled': 'true',
    'batch.size': `${BATCH_ROWS}`,
    'consumer.override.auto.offset.reset': 'earliest',
    'consumer.override.max.poll.records': `${BATCH_ROWS}`,
    'consumer.override.fetch.min.bytes': `${FETCH_BYTES_MIN}`,
    'consumer.override.max.partition.fetch.bytes': `${FETCH_BYTES_MAX}`,
    'consumer.override.fetch.max.bytes': `${FETCH_BYTES_MAX}`,
  };
}

/** A file of Java properties. */
export function propertiesFile(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}
