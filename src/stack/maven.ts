import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { childEnvironment } from '../base/config.ts';
import { say } from '../base/terminal.ts';
import { NotAvailable } from './not-available.ts';
import { madeOnce, PACKAGES_DIR } from './packages.ts';
import { lastLines, outcomeOf } from './processes.ts';

const FETCH_MS_MAX = 600_000;
const COMPLAINT_LENGTH_MAX = 400;

/**
 * The folder with what a pom.xml brings from Maven Central, fetched once; it lies in the folder of
 * that name in `parent`. The local repository is the project's own, because a home may be empty,
 * shared or read-only.
 */
export async function mavenPackages(name: string, parent = import.meta.dir): Promise<string> {
  const pom = join(parent, name, 'pom.xml');
  const sources = [readFileSync(pom)];
  // One lock for all: Maven's local repository is for one process at a time.
  return madeOnce({ name, lock: 'maven', sources }, (folder) => fetchInto(folder, name, pom));
}

async function fetchInto(folder: string, name: string, pom: string): Promise<void> {
  if (Bun.which('mvn') === null) {
    throw new NotAvailable(`${name} is fetched by Maven, and there is no mvn on PATH`);
  }
  say(`fetching ${name} from Maven Central, once; this may take a minute`);
  const options = ['--batch-mode', '--quiet', '--update-snapshots', '--file', pom];
  const places = [`-Dmaven.repo.local=${join(PACKAGES_DIR, 'm2')}`, `-Dtarget=${folder}`];
  const child = Bun.spawn(['mvn', ...options, ...places, 'package'], {
    env: childEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: FETCH_MS_MAX,
  });
  const { exitCode, output, complaints } = await outcomeOf(child);
  if (exitCode === 0) return;
  const said = whatWentWrong(Bun.stripANSI(`${output}\n${complaints}`));
  throw new NotAvailable(`Maven could not fetch ${name}: ${said}`, { retryable: true });
}

/** Maven's first complaint, without what follows in it: advice about its own switches. */
function whatWentWrong(output: string): string {
  const complaint = /^\[ERROR\] (\S.*)$/m.exec(output)?.[1] ?? lastLines(output);
  return complaint.replace(/ -> \[Help.*$/, '').slice(0, COMPLAINT_LENGTH_MAX);
}
