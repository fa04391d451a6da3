import { PipelineError } from '../base/errors.ts';
import { scenario } from './scenario.ts';

/**
 * Somebody chose a scenario for the running shop, 0 being back to the ordinary day. The moment makes
 * it a new request even where the number is the one chosen before, and tells after a restart whether
 * its time is over.
 */
export type ScenarioRequest = { number: number; atMs: number };

const TEXT = /^(\d{1,2})(?:@(\d{1,15}))?$/;

/** `3@1732170000000` */
export function formatScenarioRequest({ number, atMs }: ScenarioRequest): string {
  return `${scenario(number).number}@${atMs}`;
}

/**
 * Watches the place where the chosen scenario's text lies, however often it is read. A number alone,
 * as a person writes it by hand, tells no moment: one that lay there at the first look may be from
 * any time and is left alone, a later one was chosen when it was first seen.
 */
export class ScenarioWatch {
  #text: string | null | undefined = undefined; // of the last look

  /** A request where the text is news, else null. A USAGE error, once, where it is no request. */
  see(text: string | null, nowMs: number): ScenarioRequest | null {
    const first = this.#text === undefined;
    if (text === this.#text) return null;
    this.#text = text;
    if (text === null) return null;
    const match = TEXT.exec(text.trim());
    if (!match) {
      const shown = JSON.stringify(text.slice(0, 40));
      throw new PipelineError(
        'USAGE',
        `${shown} is no scenario: choose one by its number, 0 to 20`,
      );
    }
    const { number } = scenario(Number(match[1]));
    if (match[2] !== undefined) return { number, atMs: Number(match[2]) };
    return first ? null : { number, atMs: nowMs };
  }
}
