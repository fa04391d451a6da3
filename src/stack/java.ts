import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { setting } from '../base/config.ts';
import { NotAvailable } from './not-available.ts';

export type Java = { path: string; version: string };

const VERSION_MIN = 17; // Kafka 4's brokers

/** The Java of JAVA_HOME, else the one on PATH; an error in one line if it is missing or old. */
export function findJava(): Java {
  const path = javaPath();
  const version = path === null ? undefined : versionOf(path);
  if (path === null || version === undefined) {
    throw missing('and there is none in JAVA_HOME or on PATH');
  }
  if (majorVersion(version) < VERSION_MIN) throw missing(`and ${path} is ${version}`);
  return { path, version };
}

/** `17.0.15` is 17, and the old way of counting, `1.8.0_402`, is 8. */
export function majorVersion(version: string): number {
  const [first = 0, second = 0] = version.split(/[._-]/).map(Number);
  return first === 1 ? second : first;
}

function javaPath(): string | null {
  const home = setting('JAVA_HOME');
  const path = home === undefined ? '' : join(home, 'bin', 'java');
  return existsSync(path) ? path : Bun.which('java');
}

/** Undefined if it does not run: on macOS there is a `java` that only tells where to get one. */
function versionOf(path: string): string | undefined {
  const child = Bun.spawnSync([path, '-version'], { stdio: ['ignore', 'ignore', 'pipe'] });
  return /version "([^"]+)"/.exec(child.stderr.toString())?.[1];
}

function missing(why: string): NotAvailable {
  return new NotAvailable(
    `Kafka is not available: it needs Java ${VERSION_MIN} or newer, ${why}; ` +
      'install a JDK, or set KAFKA_BROKERS',
  );
}
