import type { Log } from '../../base/log.ts';
import type { SimulatedProcess } from './process.ts';

/** A part at work: the process it is in, and the signal that asks it to stop. */
export type Running = { process: SimulatedProcess; signal: AbortSignal };

const nothing = (): void => undefined;
export const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
