import { count, duration } from '../base/terminal.ts';
import { FAULTS, JOBS } from './catalogue.ts';
import { MIXES } from './plans.ts';
import type { Kept, Verdict } from './verdict.ts';
import { firstRowText } from './verdict-text.ts';

const HEAD = `# Drills: what was done to the shop, and what came of it

Made by \`bun run millrace drill table\` from the verdicts in \`bench/drills/\`; each row has the command that
repeats it. Every drill of the stream starts its own three Kafka brokers, PostgreSQL and Redis on one machine,
loads the shop at the rate named, strikes, heals, waits until all is stored, and then reads every record of
Kafka again and holds it against every row (\`millrace audit\`, with the producers' ledger). **Events** are
those stored under load; the audit reads the ones from before, too. **Lost** and **doubled** are what it found;
for the two jobs, \`backfill-kill\` and \`twice-at-once\`, what differs from an undisturbed run, row by row.
**First row**: from the fault, or from its healing where nothing can be stored before, until every partition of
orders had a new row in PostgreSQL; in a mix, of what struck a process, a link or a server. A verdict fails,
besides, of a first row later than its drill allows, of a record that the audit did not read, of a fault that
could not be injected, of a process that ended by itself or not within 5 s of SIGTERM. The seed fixes all draws;
in a mix, where a first row may take a minute, what is free to be struck at that moment, and so the order, is
the machine's. When PostgreSQL is killed the commits of its last half second are taken back and stored again,
which the audit covers; no page that the system holds is lost by \`kill -9\`, and a power cut was not tried.`;

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
  const head = [...columns, 'dead letters', 'first row', 'verdict'];
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
  const { events, lost, duplicated, deadLetters, firstRow } = verdict;
  if (verdict.outcome === 'not run') return ['', '0', '', '', '', '', `not run: ${verdict.why}`];
  const bad = deadLetters.expected + deadLetters.found > 0;
  return [
    count(events),
    faultsText(verdict),
    `**${count(lost)}**`,
    `**${count(duplicated)}**`,
    bad ? `${count(deadLetters.found)} of ${count(deadLetters.expected)}` : '',
    firstRow.measured > 0 ? firstRowText(firstRow) : '',
    verdict.outcome === 'passed' ? 'passed' : `**failed**: ${failures(verdict)}`,
  ];
}

/** All that failed: the details are below the table. */
function failures({ why, checks }: Verdict): string {
  const failed = checks.filter(({ pass }) => !pass).map(({ name }) => name);
  return failed.length === 0 ? `${why}` : failed.join('; ');
}

/** Of a mix, those that are only records are told apart. */
function faultsText({ faults, byFault }: Verdict): string {
  const records = FAULTS.filter(({ place }) => place === 'records').reduce(
    (sum, { name }) => sum + (byFault[name]?.faults ?? 0),
    0,
  );
  if (records === 0) return count(faults);
  return `${count(faults)}, ${count(records)} of them batches of bad or repeated records`;
}

function circumstances({ seconds, circumstances: found }: Kept): string {
  const { at, commit, cores, load } = found;
  return `${at.slice(0, 16).replace('T', ' ')} UTC, ${duration(seconds)}, ${cores} cores at a load of ${load}, at ${commit || 'no commit'}`;
}

/** What the figures do not say, and what failed. */
function checksOf({ drill, checks, byFault }: Kept): string[] {
  const own = checks.filter(
    ({ name, pass }) => !pass || !(COMMON.has(name) || name.startsWith(CAME_BACK)),
  );
  const lines = own.map(
    ({ name, pass, found }) => `- \`${drill}\`: ${pass ? '' : '**failed**: '}${name} (${found})`,
  );
  const kinds = Object.entries(byFault).map(
    ([name, { faults, firstRow }]) => `${name} ${count(faults)} (${firstRowText(firstRow)})`,
  );
  return kinds.length === 0 ? lines : [...lines, `- \`${drill}\`, by fault: ${kinds.join('; ')}`];
}

const CAME_BACK = 'the stream came back within';

/** Checks of every drill; the text above or a column says them. */
const COMMON = new Set([
  'all that was sent is stored within a minute',
  'no connection is left idle in a transaction',
  "Kafka's committed offset <= the stored one <= the end",
  'no process ended by itself',
  'no defect is in a log',
  'the audit is clean',
  'dead letters are the bad records',
  'bad records are those that were sent',
  'no repeated record is missing',
  'nothing is lost or doubled',
  'every record was audited',
  'the ledger was kept',
  'only a killed producer leaves numbers in doubt',
  'Redis is filled',
  'every kind of fault was injected',
]);

function table(head: readonly string[], rows: readonly string[][]): string {
  return ['', row(head), row(head.map(() => '---')), ...rows.map(row), ''].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
