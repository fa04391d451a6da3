import { columns, count } from '../base/terminal.ts';
import type { Check } from './check.ts';
import type { BuyersPlan, HistoryReport } from './history-report.ts';

const BAR_CELLS = 14;
const ITEM_CELLS_MAX = 38;
const RIGHT = [1, 2, 3];
/** Sections whose lines do not compare with each other. */
const WITHOUT_BARS = new Set(['ledger', 'cart size (all)', 'must not be']);

const BUYERS_PLAN: Record<BuyersPlan, string> = {
  'worked out':
    'Deciles, age groups and genders are planned by pools and weights worked out anew from the\n' +
    'stored rows, not by what the run itself expected.',
  recorded:
    'Users or products have changed since the run, so deciles, age groups and genders are planned\n' +
    'as the run recorded it: these lines test its draw, not its weights.',
};

/** The report for a terminal of 100 columns: sections, a bar where rows compare, the summary last. */
export function renderHistoryReport(report: HistoryReport): string {
  const sections = Map.groupBy(report.checks, (check) => check.section);
  const head = ['', 'planned', 'actual', 'may differ', '', ''];
  const rows = [head, ...[...sections].flatMap(([name, checks]) => sectionRows(name, checks))];
  const parts = [
    `run ${report.run}: planned against actual`,
    columns(rows, RIGHT),
    BUYERS_PLAN[report.buyersPlan],
    summary(report),
  ];
  return parts.join('\n\n');
}

/** `█` up to what was found, `░` up to what was planned and is missing; `scale` fills the bar. */
export function bar(planned: number, actual: number, scale: number): string {
  if (!(scale > 0)) return '';
  const cells = (value: number): number => Math.round((value / scale) * BAR_CELLS);
  return '█'.repeat(cells(actual)) + '░'.repeat(Math.max(0, cells(planned) - cells(actual)));
}

function sectionRows(name: string, checks: readonly Check[]): string[][] {
  const most = Math.max(...checks.flatMap((check) => [check.planned, check.actual]));
  const rows = checks.flatMap((check) =>
    checkRows(check, checks.length === 1 || WITHOUT_BARS.has(name) ? 0 : most),
  );
  return [[''], [name], ...rows];
}

function checkRows(check: Check, scale: number): string[][] {
  const row = [
    `  ${shorten(check.item)}`,
    number(check.planned),
    number(check.actual),
    check.tolerance === 0 ? 'exact' : `± ${number(check.tolerance)}`,
    bar(check.planned, check.actual, scale),
    check.pass ? 'PASS' : 'FAIL',
  ];
  return check.note === undefined ? [row] : [row, ...noteRows(check.note)];
}

/** A note would widen the column it stands in, so it is broken to fit there. */
function noteRows(note: string): string[][] {
  const lines: string[] = [''];
  for (const word of note.split(' ')) {
    const last = lines[lines.length - 1];
    if (Bun.stringWidth(`${last} ${word}`) > ITEM_CELLS_MAX - 2) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.map((line) => [`    ${line}`]);
}

function shorten(item: string): string {
  if (Bun.stringWidth(item) <= ITEM_CELLS_MAX) return item;
  let kept = item;
  while (Bun.stringWidth(kept) >= ITEM_CELLS_MAX) kept = kept.slice(0, -1);
  return `${kept}…`;
}

function number(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return count(value);
  return value.toFixed(1);
}

function summary({ orders, carts, passed, failed }: HistoryReport): string {
  const found = `${count(orders)} rows in ${count(carts)} carts`;
  const verdict =
    failed === 0 ? `PASS  all ${passed} checks` : `FAIL  ${failed} of ${passed + failed} checks`;
  return `${verdict}  (${found})`;
}
