import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { monotonicMs } from '../base/clock.ts';
import { childEnvironment } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { say } from '../base/terminal.ts';
import { findJava, type Java } from './java.ts';
import { brokerSettings, settingsFile, uuid } from './kafka-settings.ts';
import { mavenPackages } from './maven.ts';
import { NotAvailable } from './not-available.ts';
import { madeOnce } from './packages.ts';
import { freePorts } from './ports.ts';
import { boundTo, lastLines, outcomeOf } from './processes.ts';

const FORMAT_MS_MAX = 60_000;
const TRAIN_MS_MAX = 60_000;

/** Kafka, and what makes its starts quick. */
export type KafkaPackage = {
  java: Java;
  classpath: string;
  bootstrap: string; // the first records of a new cluster, written by Kafka's own tool
  archive: string | undefined; // classes as the JVM keeps them in memory
};

/**
 * Kafka as fetched, and beside it two things made once for this Java: what Kafka's tool writes
 * into a new log folder, so that no broker needs a JVM of its own for that, and an archive of
 * loaded classes, which spares every start a third of its work.
 */
export async function kafkaPackage(): Promise<KafkaPackage> {
  const java = findJava();
  const jars = await fetchJars();
  const names = [...new Bun.Glob('*.jar').scanSync(jars)].toSorted();
  const classpath = names.map((name) => join(jars, name)).join(':');
  const sources = [classpath, java.path, java.version];
  const made = await madeOnce({ name: 'kafka-start', lock: 'kafka-start', sources }, (folder) =>
    prepare(folder, java, classpath),
  );
  const archive = join(made, 'kafka.jsa');
  return {
    java,
    classpath,
    bootstrap: join(made, 'bootstrap.checkpoint'),
    archive: existsSync(archive) ? archive : undefined,
  };
}

/** Options for small brokers that start quickly and leave nothing outside their folder. */
export function jvmOptions(folder: string, heapMb: number): string[] {
  return [
    `-Xmx${heapMb}m`,
    '-XX:+UseSerialGC', // the least memory, and no threads of its own
    '-XX:-UsePerfData', // or there would be a file in /tmp
    '-XX:+ExitOnOutOfMemoryError',
    '-Xlog:disable', // the JVM's own remarks; an archive that no longer fits is only slower
    '-Xlog:all=error:stderr',
    '-Djava.net.preferIPv4Stack=true',
    `-Djava.io.tmpdir=${folder}`,
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
    '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS',
  ];
}

async function fetchJars(): Promise<string> {
  try {
    return await mavenPackages('kafka');
  } catch (cause) {
    if (!(cause instanceof NotAvailable)) throw cause;
    const message = `Kafka is not available: ${cause.message}; set KAFKA_BROKERS to use another`;
    throw new NotAvailable(message, { retryable: cause.retryable, cause });
  }
}

async function prepare(folder: string, java: Java, classpath: string): Promise<void> {
  say('preparing Kafka for quick starts, once');
  const [port = 0, controllerPort = 0] = freePorts(2);
  const data = join(folder, 'data');
  const settings = join(folder, 'server.properties');
  mkdirSync(data);
  writeFileSync(
    settings,
    settingsFile(
      brokerSettings({ id: 1, port, controllerPort }, [{ id: 1, port, controllerPort }], data),
    ),
  );
  await format(folder, java, classpath);
  await train(folder, java, classpath);
  copyFileSync(join(data, 'bootstrap.checkpoint'), join(folder, 'bootstrap.checkpoint'));
  rmSync(data, { recursive: true });
}

async function format(folder: string, java: Java, classpath: string): Promise<void> {
  const settings = join(folder, 'server.properties');
  const tool = ['kafka.tools.StorageTool', 'format', '-t', uuid(), '-c', settings];
  const child = Bun.spawn(
    [java.path, ...jvmOptions(folder, 128), '-XX:TieredStopAtLevel=1', ...tool],
    {
      env: childEnvironment({ CLASSPATH: classpath }),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: FORMAT_MS_MAX,
    },
  );
  const { exitCode, output, complaints } = await outcomeOf(child);
  if (exitCode === 0) return;
  const said = lastLines(complaints || output);
  throw new PipelineError('STACK_FAILED', `Kafka could not format its storage:\n${said}`);
}

/** Runs a broker until it is up, and lets it write its archive as it ends; none is no harm. */
async function train(folder: string, java: Java, classpath: string): Promise<void> {
  const settings = join(folder, 'server.properties');
  const argv = [
    java.path,
    ...jvmOptions(folder, 256),
    '-XX:TieredStopAtLevel=1',
    `-XX:ArchiveClassesAtExit=${join(folder, 'kafka.jsa')}`,
    '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
    'kafka.Kafka',
    settings,
  ];
  const child = Bun.spawn(boundTo('process', 'KILL', argv), {
    cwd: folder,
    env: childEnvironment({ CLASSPATH: classpath }),
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: TRAIN_MS_MAX,
    killSignal: 'SIGKILL',
  });
  const start = monotonicMs();
  let said = '';
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    said += chunk;
    if (said.includes('Kafka Server started') || monotonicMs() - start > TRAIN_MS_MAX) break;
  }
  child.kill('SIGTERM');
  await child.exited;
}
