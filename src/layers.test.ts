import { expect, test } from 'bun:test';
import { join, normalize } from 'node:path';

/** The architecture: a folder of src may import itself and the folders in its row. */
const MAY_IMPORT: Record<string, string[]> = {
  base: [],
  model: ['base'],
  generate: ['base', 'model'],
  cache: ['base', 'model'],
  stream: ['base', 'model'],
  store: ['base', 'model'],
  show: ['base', 'model'],
  analyse: ['base', 'model', 'store', 'stream', 'cache'],
  stack: ['base'],
  recommend: ['base', 'model'],
  report: ['base', 'recommend'],
  jobs: ['base', 'model', 'generate', 'store', 'recommend', 'report'],
  suite: ['base', 'model', 'generate', 'cache', 'stream', 'store', 'show', 'jobs'],
  drill: [
    'base',
    'model',
    'generate',
    'cache',
    'stream',
    'store',
    'analyse',
    'stack',
    'jobs',
    'suite',
  ],
  cli: [
    'base',
    'model',
    'generate',
    'cache',
    'stream',
    'store',
    'analyse',
    'stack',
    'jobs',
    'suite',
    'recommend',
    'drill',
  ],
};

const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"](\.[^'"]+)['"]/g;
const files = [...new Bun.Glob('*/**/*.ts').scanSync(import.meta.dir)].filter(
  (file) => !file.endsWith('.test.ts'),
);

/** Names the files of the Kafka package, whose own entrance loads twice as much. */
const KAFKA_DOOR = 'stream/drivers/protocol.ts';

test('nothing of stream enters the Kafka package by another door', async () => {
  for (const file of files.filter((path) => path.startsWith('stream/'))) {
    const source = await Bun.file(join(import.meta.dir, file)).text();
    expect(source.includes("'@platformatic/kafka'") ? file : '').toBe('');
  }
  expect(files).toContain(KAFKA_DOOR);
});

test('there are files to hold against the table', () => {
  expect(files.length).toBeGreaterThan(40);
});

for (const file of files) {
  const layer = file.split('/')[0] ?? '';
  test(`${file} imports only what ${layer} may`, async () => {
    const source = await Bun.file(join(import.meta.dir, file)).text();
    const allowed = new Set([layer, ...(MAY_IMPORT[layer] ?? ['a row for it in MAY_IMPORT'])]);
    const targets = [...source.matchAll(IMPORT)]
      .map((match) => normalize(join(file, '..', match[1] ?? '')))
      .filter((path) => !path.endsWith('.sql'))
      .filter((path) => file !== KAFKA_DOOR || !path.startsWith('../node_modules/'))
      .map((path) => path.split('/')[0] ?? '');
    expect(targets.filter((target) => !allowed.has(target))).toEqual([]);
    expect(Object.keys(MAY_IMPORT)).toContain(layer);
  });
}
