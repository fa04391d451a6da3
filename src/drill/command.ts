import { join } from 'node:path';

import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { boundTo, outcomeOf } from '../stack/processes.ts';

export type CommandEnd = {
  code: number; // 137 after SIGKILL
  json: Record<string, unknown>; // the last line of stdout; empty if it said nothing
  complaints: string;
};

/** A command of Millrace under way, as its user starts it; it ends with this process. */
export type Command = { pid: number; ended: Promise<CommandEnd> };

export function startCommand(databaseUrl: string, words: readonly string[]): Command {
  const argv = [process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), ...words, '--json'];
  const child = Bun.spawn(boundTo('process', 'KILL', argv), {
    env: childEnvironment({ DATABASE_URL: databaseUrl }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = outcomeOf(child).then(({ exitCode, output, complaints }) => {
    const line = output.trim().split('\n').at(-1) ?? '';
    return { code: exitCode, json: line.startsWith('{') ? JSON.parse(line) : {}, complaints };
  });
  return { pid: child.pid, ended };
}

/** Runs a command to its end; throws unless that is a good one. */
export async function runCommand(
  databaseUrl: string,
  words: readonly string[],
): Promise<Record<string, unknown>> {
  const { code, json, complaints } = await startCommand(databaseUrl, words).ended;
  if (code === 0) return json;
  throw new Error(`millrace ${words.join(' ')} ended with ${code}: ${complaints}`);
}
