import { afterAll, beforeAll, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { childEnvironment, PROJECT_ROOT, STATE_DIR } from '../base/config.ts';
import { EXIT_CODES } from '../base/errors.ts';
import { readIfThere, writeWhole } from './files.ts';
import { testDatabase, type TestDatabase } from './testing.ts';

const TEST_MS_MAX = 30_000;
const root = mkdtempSync(join(tmpdir(), 'millrace-stack-'));
const docker = join(root, 'docker');
const calls = join(root, 'calls');

// As compose prints it, with what this project has no use for left in.
const CONFIG = {
  name: 'millrace',
  services: {
    postgres: {
      environment: { POSTGRES_USER: 'shop', POSTGRES_PASSWORD: 'p@ss', POSTGRES_DB: 'millrace' },
      ports: [{ mode: 'ingress', host_ip: '127.0.0.1', target: 5432, published: '5433' }],
    },
    redis: {
      command: ['redis-server', '/etc/redis.conf'],
      environment: { REDISCLI_AUTH: 'secret', UNSET: null },
      ports: [{ mode: 'ingress', host_ip: '127.0.0.1', target: 6379, published: '6379' }],
    },
    kafka1: { command: null, ports: [{ target: 19092, published: '19092' }] },
    kafka2: { command: null, ports: [{ target: 29092, published: '29092' }] },
    kafka3: { command: null, ports: [{ target: 39092, published: '39092' }] },
  },
};

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase('stack');
}, TEST_MS_MAX);

afterAll(async () => {
  await database.drop();
  rmSync(root, { recursive: true });
});

/** A docker that knows the project above, has one broker running, and writes down what it does. */
function makeDocker(): void {
  writeFileSync(join(root, 'config.json'), JSON.stringify(CONFIG));
  const script = `#!/bin/sh
    echo "$*" >> '${calls}'
    case "$*" in
      *' config '*) cat '${join(root, 'config.json')}' ;;
      *' ps '*kafka1) echo 0123456789ab ;;
    esac`;
  writeFileSync(docker, script);
  chmodSync(docker, 0o755);
  for (const name of ['cat', 'sh']) symlinkSync(Bun.which(name) ?? '', join(root, name));
}

/** Runs a script in another Bun, whose PATH has nothing but that docker. */
async function inCompose(script: string): Promise<unknown> {
  const child = Bun.spawn([process.execPath, '-e', script], {
    cwd: import.meta.dir,
    env: childEnvironment({ PATH: root, DATABASE_URL: '', REDIS_URL: '', KAFKA_BROKERS: '' }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const output = await child.stdout.text();
  expect(await child.exited).toBe(0);
  return JSON.parse(output);
}

async function millrace(
  environment: Record<string, string>,
  ...words: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn([process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), ...words], {
    env: childEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, stdout, stderr };
}

test(
  'compose is told to start what is missing, and to stop only what was started here',
  async () => {
    makeDocker();
    const file = join(STATE_DIR, 'compose.json');
    const before = readIfThere(file);
    try {
      rmSync(file, { force: true });
      const answer = await inCompose(`
        const { kafkaUp } = await import('./kafka.ts');
        const { redisUp } = await import('./redis.ts');
        const { up } = await import('./postgres.ts');
        const { composeDown } = await import('./compose.ts');
        const running = [await up(), await redisUp(), await kafkaUp()];
        const brokers = ['kafka1', 'kafka2', 'kafka3'];
        const stopped = [composeDown(brokers), composeDown(brokers), composeDown(['redis'])];
        console.log(JSON.stringify({ running, stopped }));`);
      expect(answer).toEqual({
        running: [
          {
            databaseUrl: 'postgres://shop:p%40ss@127.0.0.1:5433/millrace',
            how: 'compose',
            startedHere: true,
          },
          { redisUrl: 'redis://:secret@127.0.0.1:6379/0', how: 'compose', startedHere: true },
          {
            kafkaBrokers: '127.0.0.1:19092,127.0.0.1:29092,127.0.0.1:39092',
            how: 'compose',
            startedHere: true,
            revived: [],
          },
        ],
        stopped: [['kafka2', 'kafka3'], [], ['redis']],
      });
      const told = readFileSync(calls, 'utf8')
        .split('\n')
        .flatMap((line) => / (up --detach .*|stop .*)$/.exec(line)?.[1] ?? []);
      expect(told).toEqual([
        'up --detach --wait postgres',
        'up --detach --wait redis',
        'up --detach --wait kafka2 kafka3',
        'stop kafka2 kafka3',
        'stop redis',
      ]);
    } finally {
      if (before === undefined) rmSync(file, { force: true });
      else writeWhole(file, before);
    }
  },
  TEST_MS_MAX,
);

test(
  'without Java, `up` says so in one line and the rest is there',
  async () => {
    const services = { DATABASE_URL: database.url, REDIS_URL: 'redis://127.0.0.1:1/0' };
    const noJava = { ...services, KAFKA_BROKERS: '', PATH: join(root, 'empty'), JAVA_HOME: '' };
    const ended = await millrace(noJava, 'up', '--json');
    expect(ended.code).toBe(0);
    expect(ended.stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^Kafka is not available: it needs Java 17 or newer, /),
    ]);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      databaseUrl: database.url,
      redisUrl: services.REDIS_URL,
      notAvailable: ['kafka'],
    });
    const asked = await millrace(noJava, 'up', '--only', 'kafka');
    expect(asked.code).toBe(EXIT_CODES.STACK_FAILED);
    expect(asked.stderr).toContain('Java 17');
    const spared = await millrace(noJava, 'up', '--without', 'kafka', '--json');
    expect(spared.stderr).toBe('');
    expect(JSON.parse(spared.stdout)).toMatchObject({ notAvailable: [] });
  },
  TEST_MS_MAX,
);

test(
  '`up` gives the three addresses, and `status` repeats what the environment names',
  async () => {
    const named = {
      DATABASE_URL: database.url,
      REDIS_URL: 'redis://:secret@127.0.0.1:1/0',
      KAFKA_BROKERS: '127.0.0.1:1,127.0.0.1:2',
    };
    const up = await millrace(named, 'up', '--json');
    expect(JSON.parse(up.stdout)).toMatchObject({
      databaseUrl: named.DATABASE_URL,
      redisUrl: named.REDIS_URL,
      kafkaBrokers: named.KAFKA_BROKERS,
      parts: { kafka: { how: 'environment', startedHere: false } },
    });
    const status = await millrace(named, 'status');
    expect(status.stdout).toContain('Redis is named by REDIS_URL: redis://:***@127.0.0.1:1/0');
    expect(status.stdout).toContain('Kafka is named by KAFKA_BROKERS: 127.0.0.1:1,127.0.0.1:2');
    const both = await millrace(named, 'up', '--only', 'redis', '--without', 'kafka');
    expect(both.code).toBe(EXIT_CODES.USAGE);
    const wrong = await millrace(named, 'up', '--only', 'spark');
    expect(wrong.stderr).toContain('postgres, redis, kafka');
    expect(wrong.code).toBe(EXIT_CODES.USAGE);
  },
  TEST_MS_MAX,
);
