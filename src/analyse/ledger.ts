import * as v from 'valibot';

import { PipelineError } from '../base/errors.ts';
import { TOPICS, type Topic } from '../model/event.ts';

/** Numbers [from, to) of a maker that Kafka has acknowledged. */
export type AckedRange = { run: number; topic: Topic; from: number; to: number };

const Line = v.object({
  state: v.picklist(['sending', 'sent']),
  run: v.number(),
  topic: v.picklist(TOPICS),
  from: v.number(),
  to: v.number(),
  acked: v.optional(v.number()),
  failed: v.optional(v.number()),
  unknown: v.optional(v.number()),
});

/**
 * What a producer's ledger (MILLRACE_LEDGER) vouches for: the sendings that were acknowledged whole.
 * A last line that is cut, by kill -9, vouches for nothing.
 */
export function readLedger(path: string, text: string): AckedRange[] {
  const ranges: AckedRange[] = [];
  const lines = text.split('\n');
  const cut = lines.pop(); // empty after a whole line
  for (const [index, line] of lines.entries()) {
    const { state, acked = 0, run, topic, from, to } = parseLine(path, index, line);
    if (state === 'sent' && acked === to - from) ranges.push({ run, topic, from, to });
  }
  if (cut !== '' && lines.length === 0) throw unreadable(path, 0);
  return ranges;
}

function parseLine(path: string, index: number, line: string): v.InferOutput<typeof Line> {
  try {
    return v.parse(Line, JSON.parse(line));
  } catch {
    throw unreadable(path, index);
  }
}

function unreadable(path: string, index: number): PipelineError {
  return new PipelineError('USAGE', `${path}:${index + 1} is no line of a producer's ledger`);
}
