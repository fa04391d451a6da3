import { monotonicMs } from '../base/clock.ts';
import { pause } from '../base/shutdown.ts';
import type { Fault, Scene, Strike } from './drill.ts';
import { checkStop } from './ending.ts';
import type { Member } from './member.ts';
import { queryText, refusal } from './postgres-wire.ts';
import { isOrderSink, struckWithin } from './sink-links.ts';

const HANDLERS_MS = 3_000; // after its start
const AWAY_MS = 15_000;
const FREEZE_MS = [10_000, 16_000] as const; // a silent consumer is missed after 6 s
const STAY_MS = [3_000, 5_000] as const; // of a consumer that comes and goes
const ORDERS_ASSIGNED =
  /^millrace_kafka_rebalances_total\{group="orders_group",kind="assigned"\} (\d+)/m;
const REFUSED = '42P01'; // a missing table: nothing that trying again could mend

export const PROCESS_FAULTS: readonly Fault[] = [
  {
    name: 'kill-consumer',
    what: 'SIGKILL of a process of consumers, which is started again at once',
    how: 'kill -9 at a random moment of one of three processes; it comes back under its old name in the group',
    peers:
      'Kafka Connect: duplicates allowed after a hard kill; Graphile Worker: a job stays locked 4 h; BullMQ: 30 s, failed for good at the second crash',
    place: 'processes',
    times: 10,
    secondsEach: 6,
    firstRowMsMax: 10_000,
    spares: false,
    async strike({ fleet, chance, firstRow }) {
      const member = chance.pick(fleet.takers);
      if (!member.steady) return null;
      const struckMs = monotonicMs();
      await member.killAndStart();
      return { what: `SIGKILL of ${member.name}`, firstRow: firstRow(struckMs) };
    },
  },
  {
    name: 'take-over',
    what: 'SIGKILL of a consumer that stays away: another takes its partitions',
    how: 'kill -9 of one of two processes of one consumer each, which comes back 15 s later; its session is 6 s',
    peers: "Kafka's consumers by default: 45 s until a silent member is missed",
    place: 'processes',
    times: 4,
    secondsEach: 20,
    firstRowMsMax: 10_000,
    spares: false,
    async strike({ fleet, chance, signal, firstRow }) {
      const member = chance.pick(fleet.alone);
      if (!member.steady) return null;
      const struckMs = monotonicMs();
      member.kill();
      const taken = firstRow(struckMs);
      await member.gone();
      await pause(AWAY_MS, signal);
      member.start();
      return { what: `SIGKILL of ${member.name}, away for 15 s`, firstRow: taken };
    },
  },
  {
    name: 'kill-thread',
    what: 'a consumer thread of the suite dies of an error that it cannot help',
    how: "its next `begin` is answered with 42P01 by the proxy, so the thread ends and the suite's supervisor starts another",
    peers: 'no figure found',
    place: 'processes',
    times: 4,
    secondsEach: 8,
    firstRowMsMax: 10_000,
    spares: true,
    strike: killThread,
    async after({ fleet, check }, strikes) {
      const { text } = await fleet.suite.get('/metrics');
      const restarts = [...text.matchAll(/^millrace_worker_restarts_total\{(.*)\} (\d+)/gm)].filter(
        ([, , count]) => Number(count) > 0,
      );
      const total = restarts.reduce((sum, [, , count]) => sum + Number(count), 0);
      const others = restarts.filter(([, labels]) => !labels.includes('order-consumer-1'));
      const found = `${total} of that thread, ${others.length} others`;
      check(
        'only the thread started again',
        total === strikes.length && others.length === 0,
        found,
      );
    },
  },
  {
    name: 'kill-producer',
    what: 'SIGKILL of the process that makes orders, with events on their way',
    how: 'kill -9 at a random moment, a new start; its ledger says what Kafka had acknowledged',
    peers: 'Jepsen counts such a send as unknown: it may be there or not, and never twice',
    place: 'processes',
    times: 4,
    secondsEach: 8,
    firstRowMsMax: 10_000,
    spares: false,
    async strike({ fleet, firstRow }) {
      if (!fleet.makers.steady) return null;
      const struckMs = monotonicMs();
      await fleet.makers.killAndStart();
      return { what: 'SIGKILL of the makers', firstRow: firstRow(struckMs) };
    },
  },
  {
    name: 'sigterm',
    what: 'SIGTERM of a process of consumers in the middle of its work',
    how: 'SIGTERM at a random moment of one of three processes, then a new start',
    peers: 'Graphile Worker: waits for jobs in hand, forced 5 s after a second signal',
    place: 'processes',
    times: 10,
    secondsEach: 6,
    firstRowMsMax: 10_000,
    spares: false,
    async strike({ fleet, chance, check, firstRow }) {
      const member = chance.pick(fleet.takers);
      // One that has not got to its handlers yet has begun nothing, and is ended by the system.
      if (member.upMs < HANDLERS_MS) return null;
      const struckMs = monotonicMs();
      const ended = await member.stop();
      if (ended !== null) checkStop(member, ended, check);
      member.start();
      if (ended === null) return null;
      return { what: `SIGTERM of ${member.name}`, firstRow: firstRow(struckMs) };
    },
  },
  {
    name: 'zombie',
    what: 'a consumer is frozen until the others have its partitions, and then goes on',
    how: 'SIGSTOP for 10 to 16 s (its session is 6 s), then SIGCONT in the middle of what it was doing',
    peers: 'Kafka transactions: fenced by epoch; sinks outside Kafka are not',
    place: 'processes',
    times: 3,
    secondsEach: 25,
    firstRowMsMax: 30_000,
    spares: true,
    strike: freeze,
  },
  {
    name: 'rebalance-storm',
    what: 'a consumer more comes and goes, again and again',
    how: 'a fourth consumer of orders joins, and leaves by SIGTERM or SIGKILL after 3 to 5 s',
    peers: 'librdkafka #3891: repeated revoking and assigning; no figure found',
    place: 'processes',
    times: 8,
    secondsEach: 8,
    firstRowMsMax: 15_000,
    spares: true,
    strike: comeAndGo,
    async after({ fleet, check }) {
      let assigned = 0;
      for (const member of fleet.alone) {
        const { text } = await member.get('/metrics');
        assigned += Number(ORDERS_ASSIGNED.exec(text)?.[1] ?? 0);
      }
      check('the group was shaken', assigned > fleet.alone.length, `${assigned} assignments`);
    },
  },
];

async function killThread({ fleet, signal, firstRow }: Scene): Promise<Strike | null> {
  const { proxy } = fleet.suite;
  if (proxy === null) return null;
  const armed = proxy.arm({
    from: 'client',
    matches: (message, link) => isOrderSink(link) && queryText(message) === 'begin',
    async act(link) {
      await link.answer(refusal(REFUSED, 'relation "orders" does not exist'));
      return 'swallow';
    },
  });
  if (!(await struckWithin(armed, signal))) return null;
  return { what: `${REFUSED} for order-consumer-1`, firstRow: firstRow() };
}

async function freeze({ fleet, chance, signal, firstRow }: Scene): Promise<Strike | null> {
  const member: Member = chance.pick(fleet.alone);
  if (!member.steady) return null;
  const ms = Math.round(chance.between(...FREEZE_MS));
  const struckMs = monotonicMs();
  member.freeze();
  const taken = firstRow(struckMs); // by the others
  await pause(ms, signal);
  member.thaw();
  return { what: `${member.name} frozen for ${ms / 1_000} s`, firstRow: taken };
}

async function comeAndGo({ fleet, chance, signal, firstRow }: Scene): Promise<Strike> {
  const ms = Math.round(chance.between(...STAY_MS));
  const kill = chance.below(2) === 1;
  const guest = fleet.guest();
  guest.start();
  await pause(ms, signal);
  const struckMs = monotonicMs();
  if (kill) {
    guest.kill();
    await guest.gone();
  } else await guest.stop();
  const way = kill ? 'SIGKILL' : 'SIGTERM';
  return { what: `a guest for ${ms / 1_000} s, gone by ${way}`, firstRow: firstRow(struckMs) };
}
