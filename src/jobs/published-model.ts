import * as v from 'valibot';

import { PipelineError } from '../base/errors.ts';
import { loadModel, modelPath, MODELS_DIR, type Model } from '../recommend/model.ts';
import type { Client } from '../store/client.ts';
import { publishedNote } from '../store/publish.ts';

export type ModelOptions = {
  month: string; // 2025-12
  model?: string; // file; default: the month's own
  modelsDir?: string;
};

const Note = v.object({ model: v.string(), includeOwned: v.boolean() });
export type PublishedNote = v.InferOutput<typeof Note>;

/** What made the month that is read; null if there is none. */
export async function noteOf(client: Client, month: string): Promise<PublishedNote | null> {
  const note = await publishedNote(client, `${month}-01`);
  return note === null ? null : v.parse(Note, JSON.parse(note));
}

/** The model of a month, which must be the one that made what is published, if anything is. */
export async function publishedModel(
  client: Client,
  { month, model: path, modelsDir = MODELS_DIR }: ModelOptions,
): Promise<{ model: Model; note: PublishedNote | null }> {
  const model = loadModel(path ?? modelPath(month, modelsDir));
  const note = await noteOf(client, month);
  if (note === null || note.model === model.hash) return { model, note };
  throw new PipelineError(
    'RUN_CONFLICT',
    `${month} was made by model ${note.model}, and this is ${model.hash}; run the month again, ` +
      'or name that model with --model',
  );
}
