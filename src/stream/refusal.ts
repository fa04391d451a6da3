import type { RejectReason } from '../model/event.ts';

/** Why a record is not taken. Says nothing of the content, which may be anything. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly reason: RejectReason;

  constructor(reason: RejectReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
