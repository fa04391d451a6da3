import { monotonicMs } from '../base/clock.ts';
import type { Fault, Scene, Strike } from './drill.ts';
import type { Member } from './member.ts';
import { commandTag, queryText } from './postgres-wire.ts';
import type { Link, Rule } from './proxy.ts';
import { isOrderSink, struckWithin } from './sink-links.ts';

/** At a consumer's COMMIT: before it reaches the server, or when the server has done it. */
type Moment = 'before' | 'after';

export const COMMIT_FAULTS: readonly Fault[] = [
  {
    name: 'crash-before-commit',
    what: 'a process of consumers dies between its rows and their COMMIT',
    how: 'the proxy holds COMMIT back, the process gets kill -9, the link is cut',
    peers: 'half a batch stays where each row is its own transaction; no figure found',
    place: 'processes',
    times: 6,
    secondsEach: 6,
    firstRowMsMax: 10_000,
    spares: false,
    strike: (scene) => crash(scene, 'before'),
  },
  {
    name: 'crash-after-commit',
    what: 'a process of consumers dies between COMMIT and what it would tell Kafka',
    how: 'kill -9 when the proxy sees the answer to COMMIT, which the process never gets',
    peers: 'systems that deliver at least once store the batch twice, unless keys forbid it',
    place: 'processes',
    times: 6,
    secondsEach: 6,
    firstRowMsMax: 10_000,
    spares: false,
    strike: (scene) => crash(scene, 'after'),
  },
  {
    name: 'cut-commit',
    what: 'the link is cut at COMMIT: nobody can tell whether it was done',
    how: 'the proxy cuts before COMMIT reaches the server, or before its answer reaches the consumer; the process goes on',
    peers: 'FoundationDB names it commit_unknown_result and leaves it to the client',
    place: 'links',
    times: 20,
    secondsEach: 2,
    firstRowMsMax: 5_000,
    spares: true,
    strike: cutCommit,
  },
];

async function crash({ fleet, chance, signal, firstRow }: Scene, moment: Moment) {
  const member = chance.pick(fleet.takers);
  let struckMs = 0;
  const link = await atCommit(member, moment, signal, (at) => {
    struckMs = monotonicMs();
    member.kill();
    at.cut();
  });
  if (!link) return null;
  await member.gone();
  member.start();
  return { what: `${member.name} killed ${moment} COMMIT`, firstRow: firstRow(struckMs) };
}

async function cutCommit({ fleet, chance, signal, firstRow }: Scene): Promise<Strike | null> {
  const member = chance.pick(fleet.takers);
  const moment: Moment = chance.below(2) === 0 ? 'before' : 'after';
  const link = await atCommit(member, moment, signal, (at) => at.cut());
  if (!link) return null;
  return { what: `${member.name} cut off ${moment} COMMIT`, firstRow: firstRow() };
}

/** Waits for a batch of orders to be committed by this process, and does that then. */
async function atCommit(
  { proxy }: Member,
  moment: Moment,
  signal: AbortSignal,
  work: (link: Link) => void,
): Promise<Link | null> {
  if (proxy === null) return null;
  const rule: Rule = {
    from: moment === 'before' ? 'client' : 'server',
    matches: (message, link) =>
      isOrderSink(link) && (queryText(message) === 'commit' || commandTag(message) === 'COMMIT'),
    async act(link) {
      work(link);
      return 'swallow';
    },
  };
  return await struckWithin(proxy.arm(rule), signal);
}
