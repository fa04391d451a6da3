import { dlopen, FFIType } from 'bun:ffi';

import { answersGoTo } from '../../base/terminal.ts';

const STDOUT = 1;
const STDERR = 2;
const LIBRARIES: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  linux: 'libc.so.6',
  darwin: 'libSystem.B.dylib',
};

let diverted = false;

/**
 * librdkafka's addon writes errors to stdout, among the answers that a script reads, and has no way to
 * be told otherwise. From here on stdout is stderr for all native code of this process, and only
 * `answer` has the real one. Where the C library is not at hand everything stays as it is.
 */
export function divertNativeOutput(): void {
  const library = LIBRARIES[process.platform];
  if (diverted || library === undefined) return;
  diverted = true;
  try {
    const { symbols } = dlopen(library, {
      dup: { args: [FFIType.i32], returns: FFIType.i32 },
      dup2: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    });
    const kept = symbols.dup(STDOUT);
    if (kept < 0 || symbols.dup2(STDERR, STDOUT) < 0) return;
    answersGoTo(kept);
  } catch {
    // Another C library, as on Alpine: errors stay on stdout.
  }
}
