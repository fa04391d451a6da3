import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { PipelineError } from './errors.ts';

/** The project's root: the folder that holds package.json. */
export const PROJECT_ROOT = join(import.meta.dir, '..', '..');

/** Where everything that a run leaves behind is kept; ignored by git. */
export const STATE_DIR = join(PROJECT_ROOT, '.millrace');

/**
 * Reads one setting from the environment, or from the file that `<NAME>_FILE` names
 * (how containers hand over secrets). Empty counts as unset.
 */
export function setting(name: string): string | undefined {
  const value = process.env[name];
  if (value) return value;
  const file = process.env[`${name}_FILE`];
  if (!file) return undefined;
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch (cause) {
    throw new PipelineError('USAGE', `${name}_FILE names ${file}, which cannot be read`, { cause });
  }
}

/** The environment for a child process. */
export function childEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { ...Object.fromEntries(inherited), ...extra };
}

/** A URL that is safe to print: the password is replaced. */
export function redactUrl(url: string): string {
  return url.replace(/(:\/\/[^:/@]*):[^@]*@/, '$1:***@');
}
