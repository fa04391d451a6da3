import { count, duration } from '../base/terminal.ts';
import { FAULTS, JOBS } from './catalogue.ts';
import { MIXES } from './plans.ts';
import type { Kept, Verdict } from './verdict.ts';
import { firstRowText } from './verdict-text.ts';

const HEAD = `# Drills: what was done to the shop, and what came of it

Made by \`bun run millrace drill table\` from the verdicts in \`bench/drills/\`; each row has the command that
repeats it. Every drill starts its own three Kafka brokers, PostgreSQL and Redis on one machine, loads the shop
at the rate named, strikes, heals, waits until all is stored, and then reads every record of Kafka again and
holds it against every row (\`millrace audit\`, with the producers' ledger). **Lost** and **doubled** are what
that found. **First row**: from the fault, or from its healing where nothing can be stored before, until every
partition of orders had a new row in PostgreSQL. The seed fixes what is struck, in which order and after which
waits; what the machine does between is its own. \`kill -9\` of a broker or of PostgreSQL loses no page that the
system holds; a power cut was not tried.`;

/** The whole table as Markdown, of those drills that have a verdict; the others are named below it. */
export function renderTable(kept: readonly Kept[]): string {
  const known = [...FAULTS, ...JOBS, ...MIXES];
  const rows: string[][] = [];
  const commands: string[] = [];
  for (const { name, what, how, peers } of known) {
    const verdict = kept.find(({ drill }) => drill === name);
    if (!verdict) continue;
    rows.push([`\`${name}\``, what, how, peers, ...figures(verdict)]);
    commands.push(`- \`${verdict.command}\`  \n  ${circumstances(verdict)}`);
  }
  const missing = known.filter(({ name }) => kept.every(({ drill }) => drill !== name));
  const columns = ['drill', 'case', 'how', 'what others do', 'events', 'faults', 'lost', 'doubled'];
  const head = [...columns, 'dead letters', 'first row', 'all stored after', 'verdict'];
  return [
    HEAD,
    table(head, rows),
    ...(missing.length > 0
      ? [`Not run: ${missing.map(({ name }) => `\`${name}\``).join(', ')}.`]
      : []),
    '\n## Checked besides\n',
    ...kept.flatMap((verdict) => checksOf(verdict)),
    '\n## Commands\n',
    ...commands,
    '',
  ].join('\n');
}

function figures(verdict: Verdict): string[] {
  const { events, faults, lost, duplicated, deadLetters, firstRow, quietSeconds } = verdict;
  if (verdict.outcome === 'not run')
    return ['', '0', '', '', '', '', '', `not run: ${verdict.why}`];
  const bad = deadLetters.expected + deadLetters.found > 0;
  return [
    count(events),
    count(faults),
    `**${count(lost)}**`,
    `**${count(duplicated)}**`,
    bad ? `${count(deadLetters.found)} of ${count(deadLetters.expected)}` : '',
    firstRow.measured > 0 ? firstRowText(firstRow) : '',
    quietSeconds === null ? '' : duration(quietSeconds),
    verdict.outcome === 'passed' ? 'passed' : `**failed**: ${verdict.why}`,
  ];
}

function circumstances({ seconds, circumstances: found }: Kept): string {
  const { at, commit, cores, load } = found;
  return `${at.slice(0, 16).replace('T', ' ')} UTC, ${duration(seconds)}, ${cores} cores at a load of ${load}, at ${commit || 'no commit'}`;
}

/** What the figures do not say, and what failed. */
function checksOf({ drill, checks, byFault }: Kept): string[] {
  const own = checks.filter(({ name, pass }) => !pass || !COMMON.has(name));
  const lines = own.map(
    ({ name, pass, found }) => `- \`${drill}\`: ${pass ? '' : '**failed**: '}${name} (${found})`,
  );
  const kinds = Object.entries(byFault).map(
    ([name, { faults, firstRow }]) => `${name} ${count(faults)} (${firstRowText(firstRow)})`,
  );
  return kinds.length === 0 ? lines : [...lines, `- \`${drill}\`, by fault: ${kinds.join('; ')}`];
}

/** Checks of every drill; the text above or a column says them. */
const COMMON = new Set([
  'all that was sent is stored within a minute',
  'no connection is left idle in a transaction',
  "Kafka's committed offset <= the stored one <= the end",
  'no process ended by itself',
  'the audit is clean',
  'dead letters are the bad records',
  'bad records are those that were sent',
  'no repeated record is missing',
  'the stream came back every time',
  'nothing is lost or doubled',
]);

function table(head: readonly string[], rows: readonly string[][]): string {
  return ['', row(head), row(head.map(() => '---')), ...rows.map(row), ''].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
