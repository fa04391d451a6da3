import { PipelineError } from './errors.ts';
import { errorFields, type Log } from './log.ts';

/** Logs a failure when it begins and when it ends, however often it is met in between. */
export class Outage {
  readonly #log: Log;
  readonly #doing: string;
  #last = '';

  constructor(log: Log, doing: string) {
    this.#log = log;
    this.#doing = doing;
  }

  /** Does `work`; a PipelineError becomes undefined and a line in the log, any other is a defect. */
  async survive<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      const result = await work();
      if (this.#last !== '') this.#log.info(`${this.#doing} works again`);
      this.#last = '';
      return result;
    } catch (cause) {
      if (!(cause instanceof PipelineError)) throw cause;
      if (cause.code !== this.#last) this.#log.warn(`${this.#doing} fails`, errorFields(cause));
      this.#last = cause.code;
      return undefined;
    }
  }
}
