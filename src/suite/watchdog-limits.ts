/** How long a part may be silent beyond what it is allowed, before the process is given up. */
export const STUCK_MS_MAX = 60_000;

/** The same for one that blocks the watchdog too: only once that has had its chance. */
export const BLOCKED_MS_MAX = 70_000;

export const LOOK_EVERY_MS = 1_000;

/** Looks that came so late say that the whole process stood still, and so did its parts. */
export const MISSED_MS_MAX = 10_000;

/** What the thread beside a process of one part is given. */
export type BlockedSetup = { name: string; vitals: SharedArrayBuffer; blockedMsMax: number };
