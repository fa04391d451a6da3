import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';

import { wallClock } from '../base/clock.ts';
import { PROJECT_ROOT } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import type { Kept, Verdict } from './verdict.ts';

/** Writes a verdict into a folder, over the last one of that drill. */
export function keepVerdict(folder: string, verdict: Verdict): void {
  mkdirSync(folder, { recursive: true });
  const kept: Kept = {
    ...verdict,
    circumstances: {
      at: new Date(wallClock()).toISOString(),
      commit: commit(),
      cores: availableParallelism(),
      load: Number(loadavg()[0].toFixed(1)),
    },
  };
  writeFileSync(join(folder, `${verdict.drill}.json`), `${JSON.stringify(kept, null, 2)}\n`);
}

/** Every verdict kept in a folder. */
export function keptVerdicts(folder: string): Kept[] {
  const advice = `run drills with --save ${folder} first`;
  let kept: Kept[];
  try {
    kept = readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
  } catch (cause) {
    throw new PipelineError('USAGE', `no verdicts can be read in ${folder}; ${advice}`, { cause });
  }
  if (kept.length === 0) throw new PipelineError('USAGE', `${folder} has no verdicts; ${advice}`);
  return kept;
}

function commit(): string {
  const words = ['git', 'describe', '--always', '--dirty', '--exclude=*'];
  const child = Bun.spawnSync(words, { cwd: PROJECT_ROOT, stderr: 'ignore' });
  return child.exitCode === 0 ? child.stdout.toString().trim() : '';
}
