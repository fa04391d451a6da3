import * as v from 'valibot';

import { PipelineError } from '../base/errors.ts';
import { loadModel, madeBy, modelPath, MODELS_DIR, type Model } from '../recommend/model.ts';
import type { Client } from '../store/client.ts';
import { publishedNote } from '../store/publish.ts';
import { lastIngest } from '../store/recommend-runs.ts';

export type ModelOptions = {
  month: string; // 2025-12
  model?: string; // file; default: the one that made what is published
  modelsDir?: string;
};

const Note = v.object({
  run: v.number(),
  ingest: v.optional(v.nullable(v.number()), null), // of the customers; null: unknown, before the run
  model: v.string(),
  includeOwned: v.boolean(),
});
export type PublishedNote = v.InferOutput<typeof Note>;

export const parseNote = (text: string): PublishedNote => v.parse(Note, JSON.parse(text));

/** What made the month that is read; null if there is none. */
export async function noteOf(client: Client, month: string): Promise<PublishedNote | null> {
  const note = await publishedNote(client, `${month}-01`);
  return note === null ? null : parseNote(note);
}

/** The customers of a month must still be those whom it was recommended to. */
export async function refuseOtherIngest(
  client: Client,
  month: string,
  { run, ingest }: PublishedNote,
): Promise<void> {
  const last = await lastIngest(client, `${month}-01`);
  // A run that was gone on with may be older than the ingest it read, so the note names that.
  if (last === null || last.run <= (ingest ?? run)) return;
  throw ingestedAgain(month);
}

export const ingestedAgain = (month: string): PipelineError =>
  new PipelineError(
    'RUN_CONFLICT',
    `${month} was ingested again since it was recommended to; \`millrace recommend run\` is due`,
  );

/**
 * The model of a month, which must be the one that made what is published, if anything is, of the
 * customers that are stored.
 */
export async function publishedModel(
  client: Client,
  { month, model: path, modelsDir = MODELS_DIR }: ModelOptions,
): Promise<{ model: Model; note: PublishedNote | null }> {
  const note = await noteOf(client, month);
  const own = note === null ? modelPath(month, modelsDir) : madeBy(month, note.model, modelsDir);
  const model = loadModel(path ?? own);
  if (note !== null) await refuseOtherIngest(client, month, note);
  if (note === null || note.model === model.hash) return { model, note };
  throw new PipelineError(
    'RUN_CONFLICT',
    `${month} was made by model ${note.model}, and this is ${model.hash}; run the month again, ` +
      'or name that model with --model',
  );
}
