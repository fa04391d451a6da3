import { PipelineError } from '../base/errors.ts';

/** A service that cannot run here, and why. What does not need it goes on. */
export class NotAvailable extends PipelineError {
  override name = 'NotAvailable';

  constructor(message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super('STACK_FAILED', message, options);
  }
}
