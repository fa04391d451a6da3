import { expect, test } from 'bun:test';

import { activeItems, OPEN_END, parityActive, type Contract } from './active.ts';

const TODAY = 20_251_231;
const OPEN: Contract = {
  item: '해충방제',
  signed: 20_240_101,
  starts: 20_240_115,
  ends: OPEN_END,
  cancelled: 'N',
  cancelledOn: null,
};

const RULES: [what: string, contract: Partial<Contract>, active: boolean][] = [
  ['open', {}, true],
  ['open without an end', { ends: null }, true],
  ['ends later', { ends: 20_260_101 }, true],
  ['ends on the last day, which it still covers', { ends: 20_251_231 }, true],
  ['ended the day before', { ends: 20_251_230 }, false],
  ['starts on the last day', { starts: 20_251_231 }, true],
  ['starts the day after', { starts: 20_260_101 }, false],
  ['no start, signed before', { starts: null }, true],
  ['no start, signed later', { starts: null, signed: 20_260_105 }, false],
  ['neither start nor signature', { starts: null, signed: null }, true],
  ['cancelled, by date', { cancelled: 'Y', cancelledOn: 20_250_601 }, false],
  ['cancelled on the last day', { cancelled: 'Y', cancelledOn: 20_251_231 }, false],
  ['cancelled in the next month, known already', { cancelled: 'Y', cancelledOn: 20_260_101 }, true],
  ['cancelled without a date', { cancelled: 'Y' }, false],
  ['cancelled without a date, spelled true', { cancelled: 'true' }, false],
  ['cancelled without a date, as 1', { cancelled: '1' }, false],
  ['a date of cancellation, and 해약여부 N', { cancelledOn: 20_250_601 }, false],
  ['해약여부 missing', { cancelled: null }, true],
];

test.each(RULES)('%s', (_what, contract, active) => {
  expect(activeItems([{ ...OPEN, ...contract }], TODAY)).toEqual(active ? ['해충방제'] : []);
});

test('a later contract on the same item supersedes', () => {
  const old: Contract = { ...OPEN, starts: 20_200_101 };
  const cancelled: Contract = { ...OPEN, cancelled: 'Y', cancelledOn: 20_250_101 };
  expect(activeItems([old, OPEN], TODAY)).toEqual(['해충방제']);
  expect(activeItems([old, cancelled], TODAY)).toEqual([]);
  expect(activeItems([cancelled, old], TODAY)).toEqual([]);
  expect(activeItems([old, { ...cancelled, item: '공기질관리' }], TODAY)).toEqual(['해충방제']);
  // one that has not started yet supersedes nothing
  expect(activeItems([old, { ...OPEN, starts: 20_260_101 }], TODAY)).toEqual(['해충방제']);
  // begun on one day, the later in order decides
  expect(activeItems([OPEN, cancelled], TODAY)).toEqual([]);
  expect(activeItems([cancelled, OPEN], TODAY)).toEqual(['해충방제']);
});

test('items come once each and by code point', () => {
  const items = ['위생관리', '공기질관리', '해충방제', '공기질관리', 'A', '😀'];
  const contracts = items.map((item) => Object.assign({}, OPEN, { item }));
  expect(activeItems(contracts, TODAY)).toEqual(['A', '공기질관리', '위생관리', '해충방제', '😀']);
  expect(activeItems([], TODAY)).toEqual([]);
});

// Section 10 of the original's rules: C is the date of cancellation as it works it out.
const ORIGINAL: [what: string, contracts: Partial<Contract>[], active: boolean][] = [
  ['no contracts', [], false],
  ['(a) C is null: no end, no date', [{ ends: null, cancelled: 'Y' }], true],
  ['(a) C is null: ends today', [{ ends: TODAY, starts: null, cancelled: 'Y' }], true],
  ['(b) expired, and nobody cancelled it', [{ ends: 20_200_101 }], true],
  ['(b) spelled FALSE', [{ ends: 20_200_101, cancelled: 'false' }], true],
  ['(b) spelled F', [{ ends: 20_200_101, cancelled: 'F' }], true],
  ['(b) spelled 0', [{ ends: 20_200_101, cancelled: '0' }], true],
  ['(b) even with a date of cancellation', [{ cancelledOn: 20_240_601 }], true],
  ['expired before 2022 and cancelled', [{ ends: 20_200_101, cancelled: 'Y' }], false],
  ['expired and 해약여부 missing', [{ ends: 20_200_101, cancelled: null }], false],
  ['(c) cancelled, but ends later', [{ ends: 20_260_101, cancelled: 'Y', cancelledOn: 1 }], true],
  ['(c) cancelled, but open', [{ cancelled: 'Y', cancelledOn: 20_250_101 }], true],
  ['not (c): ends today', [{ ends: TODAY, cancelled: 'Y' }], false],
  ['ended 2022 or later: C is its own start', [{ ends: 20_230_101, cancelled: 'Y' }], false],
  [
    'ended 2022 or later: C is the next start',
    [
      { ends: 20_230_101, cancelled: 'Y', starts: 20_200_101 },
      { ends: 20_230_101, cancelled: 'Y', starts: 20_220_101 },
    ],
    false,
  ],
  ['one of two is enough', [{ ends: 20_200_101, cancelled: 'Y' }, { item: '공기질관리' }], true],
];

test.each(ORIGINAL)('the original: %s', (_what, contracts, active) => {
  const rows = contracts.map((contract) => Object.assign({}, OPEN, contract));
  expect(parityActive('CUS001', rows, TODAY)).toBe(active);
});

test('the original leaves three codes out', () => {
  for (const code of [null, '', 'AT7728']) expect(parityActive(code, [OPEN], TODAY)).toBe(false);
  expect(parityActive('CUS001', [OPEN], TODAY)).toBe(true);
});
