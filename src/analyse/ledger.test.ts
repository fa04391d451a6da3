import { expect, test } from 'bun:test';

import { readLedger } from './ledger.ts';

const SENDING =
  '{"time":"t","state":"sending","run":3,"topic":"orders","from":0,"to":5,"attempt":1}\n';
const SENT = SENDING.replace('sending', 'sent');

test('only sendings that were acknowledged whole are vouched for', () => {
  const text = [
    SENDING,
    SENT.replace('}', ',"acked":5,"failed":0,"unknown":0}'),
    SENT.replace('"to":5', '"to":9').replace('}', ',"acked":8,"failed":0,"unknown":1}'),
  ].join('');
  expect(readLedger('l', text)).toEqual([{ run: 3, topic: 'orders', from: 0, to: 5 }]);
});

test('a cut last line is no fault, another one is', () => {
  expect(readLedger('l', `${SENDING}{"time":"2026`)).toEqual([]);
  expect(() => readLedger('l', `${SENDING}nonsense\n`)).toThrow('l:2 is no line');
  expect(() => readLedger('l', 'nonsense')).toThrow('l:1 is no line');
});
