import type { Check } from '../show/server.ts';
import type { SuiteConfig } from './config.ts';
import type { PartFailure } from './part.ts';

/** What a thread is born with. */
export type ThreadSetup = {
  name: string;
  slot: number; // in the vitals
  vitals: SharedArrayBuffer;
  config: SuiteConfig;
};

export type ToThread = { kind: 'stop' };

/** Small and few: a check when it changes, metrics once a second, and the end. */
export type FromThread =
  | { kind: 'check'; check: Check }
  | { kind: 'metrics'; snapshot: string }
  | { kind: 'ended'; failure: PartFailure | null };
