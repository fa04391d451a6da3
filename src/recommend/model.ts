import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';

import { PROJECT_ROOT, STATE_DIR } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { ENCODED, FEATURES, type FeatureRules } from './features.ts';
import { COMPONENTS, LEVELS } from './pca.ts';
import { DIMS } from './rows.ts';

export const MODELS_DIR = join(STATE_DIR, 'models');
export const FORMAT = 'millrace recommender 1';

/**
 * What training leaves behind, as one JSON file: equal customers, seed and code give equal bytes,
 * so there is no date in it. `hash` is over all the rest.
 */
export type Model = Omit<
  v.InferOutput<typeof ModelShape>,
  'encoders' | 'areas' | 'pca' | 'scaler'
> &
  FeatureRules;

export type ItemShare = v.InferOutput<typeof Share>;

const finite = v.pipe(v.number(), v.finite());
const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const coordinates = v.pipe(v.array(finite), v.length(DIMS));
const Share = v.strictObject({ name: v.string(), customers: whole, share: finite });
const Classes = v.strictObject({ classes: v.array(v.string()) });

const ModelShape = v.strictObject({
  format: v.literal(FORMAT),
  codeVersion: v.string(),
  month: v.string(),
  seed: whole,
  customers: whole, // of the month
  sampled: whole, // of them seen by K-Means
  features: v.pipe(
    v.array(v.string()),
    v.check((names) => names.join() === FEATURES.join(), `not the features ${FEATURES.join()}`),
  ),
  encoders: v.strictObject(v.entriesFromList(ENCODED, Classes)),
  areas: v.strictObject({ byType: v.array(v.strictTuple([v.string(), finite])), all: finite }),
  pca: v.strictObject({
    means: v.pipe(v.array(finite), v.length(LEVELS)),
    components: v.pipe(v.array(v.pipe(v.array(finite), v.length(LEVELS))), v.length(COMPONENTS)),
    variances: v.pipe(v.array(finite), v.length(COMPONENTS)),
    shares: v.pipe(v.array(finite), v.length(COMPONENTS)),
  }),
  scaler: v.strictObject({ means: coordinates, scales: coordinates }),
  centres: v.pipe(v.array(coordinates), v.minLength(1)),
  inertia: finite, // over all of the month's customers
  iterations: whole,
  matchedTo: v.nullable(v.string()), // hash of the model whose cluster ids were kept
  clusters: v.array(
    v.strictObject({
      customers: whole,
      contracts: v.array(Share), // most holders first, up to SHARES_MAX
      products: v.array(Share),
    }),
  ),
  hash: v.string(),
});

export const codeVersion = (): string =>
  v.parse(
    v.object({ version: v.string() }),
    JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')),
  ).version;

export const hashModel = (model: Omit<Model, 'hash'>): string => hashOf(model);

function hashOf(body: object): string {
  return new Bun.CryptoHasher('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 16);
}

/** The model that a month was trained to last. */
export const modelPath = (month: string, dir = MODELS_DIR): string => join(dir, `${month}.json`);

/** A model that stays when the month is trained anew: what is published may be of it. */
export const keptModelPath = (month: string, hash: string, dir = MODELS_DIR): string =>
  join(dir, `${month}.${hash}.json`);

/** Keeps it under its hash and makes it the month's last; each file whole or not at all. */
export function saveModel(model: Model, dir = MODELS_DIR): string {
  const { month, hash } = model;
  const last = modelPath(month, dir);
  try {
    mkdirSync(dir, { recursive: true });
    for (const path of [keptModelPath(month, hash, dir), last]) {
      writeFileSync(`${path}.part`, `${JSON.stringify(model)}\n`);
      renameSync(`${path}.part`, path);
    }
  } catch (cause) {
    throw new PipelineError('USAGE', `the model cannot be written to ${last}: ${why(cause)}`, {
      cause,
    });
  }
  return last;
}

/** The month's model of that hash if it is kept, else its last one, which may be another. */
export function madeBy(month: string, hash: string, dir = MODELS_DIR): string {
  const kept = keptModelPath(month, hash, dir);
  return existsSync(kept) ? kept : modelPath(month, dir);
}

export function loadModel(path: string): Model {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PipelineError(
      'USAGE',
      `no model at ${path} (${why(cause)}); make one with \`millrace recommend train\``,
      { cause },
    );
  }
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (cause) {
    throw broken(path, why(cause));
  }
  const checked = v.safeParse(ModelShape, read);
  if (!checked.success) {
    const [issue] = checked.issues;
    throw broken(path, `${v.getDotPath(issue) ?? 'as a whole'}: ${issue.message}`);
  }
  // The hash is over the file's own order of keys, which parsing by shape may change.
  const { hash, ...rest } = checked.output;
  if (hashOf({ ...Object(read), hash: undefined }) !== hash)
    throw broken(path, 'its hash does not fit; it was changed');
  return { ...rest, hash };
}

/** The latest model of an earlier month, or null. */
export function previousModel(month: string, dir = MODELS_DIR): Model | null {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch {
    return null; // nothing was trained yet
  }
  const earlier = names
    .filter((name) => /^\d{4}-\d\d\.json$/.test(name) && name < `${month}.json`)
    .toSorted();
  const last = earlier.at(-1);
  return last === undefined ? null : loadModel(join(dir, last));
}

export const centresOf = ({ centres }: Pick<Model, 'centres'>): Float64Array =>
  Float64Array.from(centres.flat());

function broken(path: string, what: string): PipelineError {
  return new PipelineError(
    'CHECK_FAILED',
    `the model at ${path} cannot be used: ${what}; train the month again`,
  );
}

const why = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
