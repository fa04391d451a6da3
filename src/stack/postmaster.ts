import { readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { allPids, becomes, commandOf, sendSignal, waitUntil } from './processes.ts';

const ORPHANS_MS_MAX = 20_000;

export type Postmaster = { pid: number; port: number };

/**
 * The live server of a data folder. A pid in a file proves nothing (it may be a zombie's, or by
 * now belong to somebody else), so the process itself must say that it serves this folder.
 */
export function postmasterOf(data: string): Postmaster | undefined {
  const found = readPidFile(data);
  return found && serves(found.pid, data) ? found : undefined;
}

/** Whether that process is a postmaster, and of this data folder. */
export function serves(pid: number, data: string): boolean {
  const command = commandOf(pid);
  return command.includes('postgres') && command.includes(`-D ${data}`) && worksIn(pid, data);
}

/**
 * Makes the folder ready for a new server after a crash. The old server's children outlive it
 * for a moment, and starting beside them would corrupt the data; PostgreSQL detects them by its
 * pid file, so that is removed only once they are gone. It has to be: with a recycled pid, or
 * where nobody reaps zombies, PostgreSQL takes the old server for alive.
 */
export async function clearStale(data: string): Promise<void> {
  const stale = readPidFile(data)?.pid;
  await waitUntil(
    () => processesIn(data).length === 0,
    ORPHANS_MS_MAX,
    () => {
      const pids = processesIn(data).join(', ');
      return `processes of a crashed server still use ${data}: ${pids}`;
    },
  );
  // Another pid there by now would be a server whose starter was killed a moment ago.
  if (readPidFile(data)?.pid === stale) rmSync(join(data, 'postmaster.pid'), { force: true });
}

/** Asks the server to end and waits until it and all its children are gone. */
export async function endPostmaster(
  data: string,
  signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL',
  waitMsMax: number,
): Promise<boolean> {
  const found = postmasterOf(data);
  if (found) sendSignal(found.pid, signal);
  const gone = (): boolean =>
    processesIn(data).length === 0 && !(found !== undefined && serves(found.pid, data));
  return becomes(gone, waitMsMax);
}

/** A server and its children: they all work in the data folder. Found on Linux only. */
export function processesIn(data: string): number[] {
  const folder = realPath(data);
  if (process.platform !== 'linux' || folder === undefined) return [];
  return allPids().filter(
    (pid) => workingFolder(pid) === folder && commandOf(pid).includes('postgres'),
  );
}

/** The initdb that fills a folder, and its servers. It may outlive its starter for a moment. */
export function makersOf(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  const initdb = allPids().filter((pid) => commandOf(pid).includes(`--pgdata=${folder} `));
  return [...initdb, ...processesIn(folder)];
}

/** Lines 1 and 4 of the file are the pid and the port; a half-written file counts as none. */
function readPidFile(data: string): Postmaster | undefined {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    const [pid, port] = [Number(lines[0]), Number(lines[3])];
    return pid > 0 && port > 0 ? { pid, port } : undefined;
  } catch {
    return undefined; // no server, or it is just ending
  }
}

function worksIn(pid: number, data: string): boolean {
  return process.platform !== 'linux' || workingFolder(pid) === realPath(data);
}

function workingFolder(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined; // ended, a zombie, or another user's
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined; // removed meanwhile
  }
}
