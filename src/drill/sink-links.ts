import { pause } from '../base/shutdown.ts';
import { GROUPS } from '../model/event.ts';
import type { Armed, Link } from './proxy.ts';

const STRIKE_MS_MAX = 30_000;

/** Whether a consumer of orders stores its batches over this link. */
export function isOrderSink({ application }: Link): boolean {
  return application === `millrace sink ${GROUPS.orders}`;
}

/** Waits for a rule's message; the link it came on, or null (and the rule is off) if none comes. */
export async function struckWithin(armed: Armed, signal: AbortSignal): Promise<Link | null> {
  const late = pause(STRIKE_MS_MAX, signal).then(() => null);
  const link = await Promise.race([armed.struck, late]);
  armed.disarm();
  return link;
}
