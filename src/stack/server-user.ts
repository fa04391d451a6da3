import { readFileSync } from 'node:fs';

import { PipelineError } from '../base/errors.ts';
import { boundTo, type Lifetime } from './processes.ts';

/**
 * PostgreSQL refuses to run as root, so a root user's server runs
 * - in a `namespace` where root appears as an ordinary user: no copy, any folder; or
 * - as `nobody`, where namespaces are off: files must be copied to where nobody can reach them.
 * Everyone else's runs as `self`, but for a user without a name (a container's, often): initdb
 * wants one, and in a namespace any user can pass for one that has it.
 */
export const SERVER_USERS = ['self', 'namespace', 'nobody'] as const;
export type ServerUser = (typeof SERVER_USERS)[number];

export const NOBODY = 65_534;

const PASSWD = readPasswd();
const ALIAS = namedUser(PASSWD) ?? NOBODY;
const NAMESPACE = ['unshare', '--user', `--map-user=${ALIAS}`, `--map-group=${ALIAS}`, '--'];
const AS_NOBODY = [
  'setpriv',
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  '--clear-groups',
  '--', // a change of user clears the death signal, so that is set by a second setpriv
];
const PREFIX: Record<ServerUser, string[]> = {
  self: [],
  namespace: NAMESPACE,
  nobody: AS_NOBODY,
};

/** The first kind of user that works here. */
export function serverUser(): ServerUser {
  const uid = process.getuid?.();
  if (uid !== 0 && (process.platform !== 'linux' || hasName(PASSWD, uid))) return 'self';
  if (works([...NAMESPACE, 'true'])) return 'namespace';
  if (uid !== 0) return 'self'; // its name may come from elsewhere, such as a directory service
  if (works([...AS_NOBODY, 'true'])) return 'nobody';
  throw new PipelineError(
    'STACK_FAILED',
    'PostgreSQL cannot run as root, and neither unshare nor setpriv works here: use another user',
  );
}

/** The command that runs `argv` as that user; every step execs, so the pid stays that of argv. */
export function asServerUser(user: ServerUser, lifetime: Lifetime, argv: string[]): string[] {
  // QUIT is PostgreSQL's immediate shutdown: it waits for no client.
  return [...PREFIX[user], ...boundTo(lifetime, 'QUIT', argv)];
}

/** The first uid that has a name and is not root's. */
export function namedUser(passwd: string): number | undefined {
  const uids = passwd.split('\n').map((line) => Number(line.split(':')[2]));
  return uids.find((uid) => uid > 0);
}

export function hasName(passwd: string, uid: number | undefined): boolean {
  return passwd.split('\n').some((line) => line.split(':')[2] === String(uid));
}

function readPasswd(): string {
  if (process.platform !== 'linux') return '';
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return ''; // a container without one
  }
}

function works(command: string[]): boolean {
  try {
    return Bun.spawnSync(command, { stdio: ['ignore', 'ignore', 'ignore'] }).exitCode === 0;
  } catch {
    return false; // the program is not installed
  }
}
