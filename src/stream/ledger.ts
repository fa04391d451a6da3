import { closeSync, openSync, writeSync } from 'node:fs';

import { PipelineError } from '../base/errors.ts';
import type { Topic } from '../model/event.ts';
import type { SendOutcome } from './port.ts';

/** Events of one maker, [from, to), that are sent together. */
export type Sending = { run: number; topic: Topic; from: number; to: number };

/**
 * What was sent, for an audit that trusts nobody: a line before each sending and one after, JSON. A
 * sending without a second line ended with its process: its events may be in Kafka or not. A line is
 * with the operating system before its records are on their way, so kill -9 loses none.
 */
export type Ledger = {
  before(sending: Sending, attempt: number): void;
  after(sending: Sending, attempt: number, outcome: SendOutcome): void;
  close(): void;
};

export function openLedger(path: string, now: () => number): Ledger {
  const file = openFile(path);
  const write = (state: string, attempt: number, sending: Sending, more = {}): void => {
    const time = new Date(now()).toISOString();
    writeSync(file, `${JSON.stringify({ time, state, ...sending, attempt, ...more })}\n`);
  };
  return {
    before: (sending, attempt) => write('sending', attempt, sending),
    after(sending, attempt, { acked, failed, unknown, error }) {
      const reason = error ? { error: error.message } : {};
      write('sent', attempt, sending, { acked, failed, unknown, ...reason });
    },
    close: () => closeSync(file),
  };
}

function openFile(path: string): number {
  try {
    return openSync(path, 'a');
  } catch (cause) {
    throw new PipelineError(
      'USAGE',
      `the ledger ${path} cannot be written; does its folder exist?`,
      {
        cause,
      },
    );
  }
}
