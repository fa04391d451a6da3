import { wallClock } from '../../base/clock.ts';
import { pause } from '../../base/shutdown.ts';
import { LiveUsers } from '../../generate/live-catalogue.ts';
import type { Trace } from '../../model/event.ts';
import type { User } from '../../model/user.ts';
import type { OutgoingRecord } from '../../stream/port.ts';
import { encodeUser } from '../../stream/wire-encode.ts';
import type { Part } from '../part.ts';
import { asMaker } from './makers.ts';

const LOOK_EVERY_MS = 5_000;

/** New customers: ten in ten seconds at first, then fewer and fewer, down to one in two minutes. */
export const userSeeder: Part = {
  name: 'user-seeder',
  async run(context) {
    const { signal, heartbeat, log } = context;
    await asMaker(context, async ({ run, sender, takeNumbers }) => {
      const send = sender('users');
      const take = takeNumbers('user');
      let eventTimeMs = wallClock();
      const users = new LiveUsers(run, eventTimeMs);
      while (!signal.aborted) {
        heartbeat();
        const made = await users.make(eventTimeMs, take);
        await send(made.length, (first) => encodeUsers(made, eventTimeMs, first));
        if (made.length > 0) log.info('signed up', { users: made.length });
        await pause(Math.min(users.waitMs(wallClock()), LOOK_EVERY_MS), signal);
        eventTimeMs = wallClock();
      }
    });
  },
};

function encodeUsers(users: readonly User[], eventTimeMs: number, first: Trace): OutgoingRecord[] {
  return users.map((user, i) => {
    const trace = { ...first, sequence: first.sequence + i };
    return encodeUser('user_created', { eventTimeMs, user }, trace);
  });
}
