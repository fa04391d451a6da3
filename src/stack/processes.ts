import { closeSync, openSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { basename } from 'node:path';

import { monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';

const POLL_MS = 20;
const LOG_BYTES_MAX = 16 * 1024 * 1024;
const LOG_LINES_QUOTED = 12;

/** `daemon` outlives this process; `process` ends with it, even when it is killed. */
export type Lifetime = 'daemon' | 'process';

export type Spawn = {
  argv: string[];
  cwd: string;
  log: string; // its output is appended there
  env: Record<string, string>;
};

/** In a session of its own, so that neither Ctrl-C nor a closing terminal reaches the server. */
export function spawnServer({ argv, cwd, log, env }: Spawn): Bun.Subprocess {
  const handle = openSync(log, 'a', 0o600);
  const child = Bun.spawn(argv, {
    cwd,
    env,
    stdio: ['ignore', handle, handle],
    detached: true,
  });
  closeSync(handle);
  child.unref();
  return child;
}

/**
 * The command with which a server of that lifetime is started. On Linux the kernel sends the
 * signal when the starting thread ends, in whatever way; the pid stays that of `argv`.
 */
export function boundTo(lifetime: Lifetime, signal: 'QUIT' | 'KILL', argv: string[]): string[] {
  if (lifetime === 'daemon' || process.platform !== 'linux') return argv;
  return ['setpriv', '--pdeathsig', signal, '--', ...argv];
}

/**
 * The processes of a program that were given this argument, such as the path of a settings file.
 * A pid in a file proves nothing (it may be a zombie's, or by now belong to somebody else); a
 * command line is the process's own word, and none is missed whose starter was killed.
 */
export function processesOf(program: string, argument: string): number[] {
  if (process.platform !== 'linux') return listedProcesses(program, argument);
  return allPids().filter((pid) => {
    const [command = '', ...rest] = argumentsOf(pid);
    return basename(command).startsWith(program) && rest.includes(argument);
  });
}

export function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The arguments, joined by spaces; empty for a zombie or no process. */
export function commandOf(pid: number): string {
  if (process.platform !== 'linux') {
    return Bun.spawnSync(['ps', '-o', 'command=', '-p', String(pid)]).stdout.toString();
  }
  return argumentsOf(pid).join(' ');
}

export type Ended = { exitCode: number; output: string; complaints: string };

/** Waits for a tool, and keeps what it says. */
export async function outcomeOf(child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>): Promise<Ended> {
  const [output, complaints, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, output, complaints };
}

export async function waitUntil(
  holds: () => boolean,
  waitMsMax: number,
  complaint: () => string,
): Promise<void> {
  if (!(await becomes(holds, waitMsMax))) throw new PipelineError('STACK_FAILED', complaint());
}

/** Whether it holds within that time. */
export async function becomes(holds: () => boolean, waitMsMax: number): Promise<boolean> {
  const end = monotonicMs() + waitMsMax;
  while (!holds()) {
    if (monotonicMs() > end) return false;
    await Bun.sleep(POLL_MS);
  }
  return true;
}

export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ESRCH') return;
    throw new PipelineError('STACK_FAILED', `process ${pid} may not be ended by this user`, {
      cause,
    });
  }
}

/** Keeps one old log, and returns where the next start's lines will begin. */
export function rotateLog(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size < LOG_BYTES_MAX) return size;
  renameSync(path, `${path}.1`);
  return 0;
}

export function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-LOG_LINES_QUOTED).join('\n');
}

/** Where `/proc` is missing, `ps` tells; it cannot tell one argument from two. */
function listedProcesses(program: string, argument: string): number[] {
  const list = Bun.spawnSync(['ps', '-axo', 'pid=,command=']).stdout.toString();
  return list
    .split('\n')
    .map((line) => line.trim().split(' '))
    .filter(([, command = '', ...rest]) => {
      return (
        basename(command).startsWith(program) && ` ${rest.join(' ')} `.includes(` ${argument} `)
      );
    })
    .map(([pid]) => Number(pid));
}

function argumentsOf(pid: number): string[] {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return line.replace(/\0+$/, '').split('\0'); // a program may pad it, or leave no end
  } catch {
    return []; // ended meanwhile
  }
}
