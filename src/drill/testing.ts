import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import { childEnvironment, PROJECT_ROOT, STATE_DIR } from '../base/config.ts';
import { allPids, commandOf } from '../stack/processes.ts';

/** For tests: what a drill under way has on this machine. */
export type Traces = {
  drills: string[]; // folders of its own
  servers: string[]; // folders of its servers, with their data
  mounts: string[]; // disks in those folders
  processes: number[]; // whose command line, working folder or open files lie there
};

/** For tests: starts a drill, behind a command that narrows its rights if one is given. */
export function startedDrill(words: readonly string[], behind: readonly string[] = []) {
  const cli = join(PROJECT_ROOT, 'src', 'cli.ts');
  const child = Bun.spawn([...behind, process.execPath, cli, 'drill', ...words, '--json'], {
    env: childEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const listening = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) said += decoder.decode(bytes, { stream: true });
  })();
  const output = child.stdout.text();
  const ended = (async () => {
    const code = await child.exited;
    await listening;
    const line = (await output).trim().split('\n').at(-1) ?? '';
    return { code, json: JSON.parse(line) };
  })();
  return {
    pid: child.pid,
    ended,
    said: () => said,
    /** Waits until it says that; throws all it said if it has ended before. */
    says: async (text: string): Promise<void> => {
      while (!said.includes(text)) {
        if (child.exitCode !== null) throw new Error(said);
        await Bun.sleep(50);
      }
    },
  };
}

/** What the drill of a process has now. */
export function tracesOf(pid: number): Traces {
  const drills = namedIn(STATE_DIR, `drill-${pid}-`);
  const homes = HOMES.flatMap((tmp) => namedIn(join(STATE_DIR, tmp), `${pid}-`));
  const data = homes.map((home) => readFileSync(join(home, 'base'), 'utf8'));
  const servers = [...homes, ...data];
  const folders = [...drills, ...servers];
  return { drills, servers, mounts: mountsIn(drills), processes: processesIn(folders) };
}

/** What of that is still there, as lines to read. */
export function left({ drills, servers }: Traces): string[] {
  const folders = [...drills, ...servers];
  return [
    ...folders.filter((folder) => existsSync(folder)),
    ...mountsIn(drills),
    ...processesIn(folders).map((pid) => `${pid} ${commandOf(pid)}`),
  ];
}

const HOMES = ['tmp', 'tmp-kafka', 'tmp-redis'];

function namedIn(folder: string, prefix: string): string[] {
  const names = readdirSync(folder).filter((name) => name.startsWith(prefix));
  return names.map((name) => join(folder, name));
}

function mountsIn(folders: readonly string[]): string[] {
  const lines = readFileSync('/proc/mounts', 'utf8').split('\n');
  return lines.filter((line) => folders.some((folder) => line.includes(folder)));
}

function processesIn(folders: readonly string[]): number[] {
  return allPids().filter((pid) => {
    const places = [commandOf(pid), ...placesOf(pid)];
    return places.some((place) => folders.some((folder) => place.includes(folder)));
  });
}

/** Where a process works, and the files it has open. */
function placesOf(pid: number): string[] {
  try {
    const files = readdirSync(`/proc/${pid}/fd`).map((file) => `/proc/${pid}/fd/${file}`);
    return [`/proc/${pid}/cwd`, ...files].flatMap(linked);
  } catch {
    return []; // ended, or another user's
  }
}

function linked(path: string): string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return []; // ended, or closed meanwhile
  }
}
