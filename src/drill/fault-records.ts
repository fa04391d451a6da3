import type { Fault } from './drill.ts';

const ORDERS = 1_000;
const KINDS = 19;

/** Records that a sound producer never sends. */
export const RECORD_FAULTS: readonly Fault[] = [
  {
    name: 'duplicates',
    what: 'events come two and three times, with the ids that they had',
    how: '1,000 orders at a time, each sent one to three times',
    peers: 'sinks that upsert write such a row again; counters made of messages count it again',
    place: 'records',
    times: 10,
    secondsEach: 3,
    firstRowMsMax: 5_000,
    spares: true,
    async strike({ records, firstRow }) {
      const copies = await records.repeated(ORDERS);
      if (copies === 0) return null;
      return { what: `${copies} records too many`, firstRow: firstRow() };
    },
  },
  {
    name: 'poison',
    what: 'one record in a hundred is bad, in each of the ways of a corpus',
    how: 'every kind of the corpus, each behind 99 good orders; dead letters are compared with Kafka byte for byte',
    peers: 'Kafka Connect: errors.tolerance=all drops silently unless a queue is configured',
    place: 'records',
    times: 10,
    secondsEach: 4,
    firstRowMsMax: 5_000,
    spares: true,
    async strike({ records, firstRow }) {
      const bad = await records.poisoned(KINDS);
      if (bad === 0) return null;
      return { what: `${bad} bad records`, firstRow: firstRow() };
    },
  },
];
