import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { PROJECT_ROOT } from '../../src/base/config.ts';
import { OrderSource } from '../orders.ts';
import { propertiesFile, sinkSettings, workerSettings } from './settings.ts';

type Field = { field: string; type: string; name?: string; optional: boolean; fields?: Field[] };

const worker = workerSettings('127.0.0.1:9092', '/tmp/folder', 8083);
const schema: Field = JSON.parse(worker['value.converter.schema.content']);
const fields = schema.fields?.[0]?.fields ?? [];

/** What Connect must be told of a column, by its type in PostgreSQL. */
const BY_COLUMN_TYPE: Record<string, string> = {
  uuid: 'string io.debezium.data.Uuid',
  'timestamp with time zone': 'string io.debezium.time.ZonedTimestamp',
  bigint: 'int64',
  integer: 'int32',
  smallint: 'int16',
  text: 'string',
};

test('the schema names the fields that a record on the topic has', () => {
  const [record] = new OrderSource().take(1);
  const value: { order: Record<string, unknown> } = JSON.parse(
    new TextDecoder().decode(record.value ?? undefined),
  );
  expect(schema.fields?.map(({ field }) => field)).toEqual(['order']);
  expect(fields.map(({ field }) => field).toSorted()).toEqual(Object.keys(value.order).toSorted());
  for (const { field, type } of fields) {
    const right = type === 'string' ? 'string' : 'number';
    expect(`${field} ${typeof value.order[field]}`).toBe(`${field} ${right}`);
  }
});

test('the schema has the types of the columns', () => {
  const sql = readFileSync(join(PROJECT_ROOT, 'sql', 'schema.sql'), 'utf8');
  const table = /^table orders owner.*\n((?: {2}.*\n)+)/m.exec(sql)?.[1] ?? '';
  const columns = new Map(
    [...table.matchAll(/^ {2}column (\w+) (.+?) not null/gm)].map(([, name, type]) => [name, type]),
  );
  for (const { field, type, name, optional } of fields) {
    const told = name === undefined ? type : `${type} ${name}`;
    expect(`${field} ${told}`).toBe(`${field} ${BY_COLUMN_TYPE[columns.get(field) ?? '']}`);
    expect(optional).toBe(false);
  }
});

test('the sink writes where the URL says', () => {
  const url = 'postgresql://me:p%40ss%3A%2F@127.0.0.1:5433/bench_drain_0';
  const sink = sinkSettings(url);
  expect(sink['connection.url']).toBe('jdbc:postgresql://127.0.0.1:5433/bench_drain_0');
  expect(sink['connection.username']).toBe('me');
  expect(sink['connection.password']).toBe('p@ss:/');
  expect(sink['name']).toBe('bench_drain_0');
  const byDefault = sinkSettings('postgresql://me@127.0.0.1/shop');
  expect(byDefault['connection.url']).toBe('jdbc:postgresql://127.0.0.1:5432/shop');
});

test('a file of properties has a setting a line, with backslashes as Java reads them', () => {
  expect(propertiesFile({ a: String.raw`x\y`, b: '{"c":1}' })).toBe(`a=x\\\\y\nb={"c":1}\n`);
  const lines = propertiesFile(worker).trimEnd().split('\n');
  expect(lines.length).toBe(Object.keys(worker).length);
});
