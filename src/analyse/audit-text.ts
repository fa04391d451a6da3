import { columns, count, duration } from '../base/terminal.ts';
import type { Audit } from './audit.ts';

/** The audit for a terminal: a line a topic, what is derived from the orders, the verdict last. */
export function renderAudit(audit: Audit): string {
  const head = [
    '',
    'records',
    'repeated',
    'refused',
    'produced',
    'stored',
    'lost',
    'changed',
    'pending',
  ];
  const rows = audit.topics.map((topic) => [
    topic.topic,
    ...[topic.records, topic.repeated, topic.refused, topic.produced, topic.stored].map(count),
    ...[topic.lost, topic.changed, topic.pending].map(count),
  ]);
  const derived = audit.derived.map(({ column, wrong }) =>
    wrong === 0 ? `${column}: as the orders say` : `${column}: ${count(wrong)} rows differ`,
  );
  const expired = audit.topics.reduce((sum, { expired: gone }) => sum + gone, 0);
  const gone =
    expired > 0 ? [`${count(expired)} records are gone from Kafka and were not judged`] : [];
  const holes =
    audit.inDoubt === 0
      ? 'every maker counts without a hole'
      : `${count(audit.inDoubt)} numbers just below a maker's last did not come: it was stopped before they were sent`;
  return [
    columns([head, ...rows], [1, 2, 3, 4, 5, 6, 7, 8]),
    '',
    ...derived,
    `${count(audit.deadLetters)} dead letters, each compared with its record`,
    ...letterLine(audit),
    holes,
    ...cacheLine(audit),
    ...gone,
    '',
    verdict(audit),
  ].join('\n');
}

function letterLine({ letters, deadLetters, unpublished }: Audit): string[] {
  if (deadLetters === 0) return [];
  const expired = letters.reduce((sum, { expired: gone }) => sum + gone, 0);
  const found = letters.reduce((sum, { places }) => sum + places, 0);
  return [
    [
      `${count(found)} of them in the dead-letter topics`,
      ...(unpublished > 0 ? [`${count(unpublished)} on their way there`] : []),
      ...(expired > 0 ? [`${count(expired)} records gone from there since`] : []),
    ].join(', '),
  ];
}

function cacheLine({ cache }: Audit): string[] {
  if (cache === null) return [];
  const { entries, wrong, outdated, ageSeconds, error } = cache;
  if (error !== null) return [`Redis was not looked at: ${error}`];
  const state = wrong === 0 ? 'as their rows were' : `${count(wrong)} differ from their rows`;
  const age = duration(ageSeconds);
  return [
    `${count(entries)} entries in Redis, ${age} old: ${state}; ${count(outdated)} rows changed since`,
  ];
}

function verdict(audit: Audit): string {
  const { produced, stored, lost, duplicated, pending, unpublished, firstDifference } = audit;
  const figures = `${count(produced)} produced, ${count(stored)} stored, ${count(lost)} lost, ${count(duplicated)} doubled`;
  if (firstDifference !== null) return `FAIL: ${figures}\nfirst difference: ${firstDifference}`;
  if (pending > 0) return `NOT YET: ${figures}, ${count(pending)} on their way; try --wait 60`;
  if (unpublished > 0) {
    return `NOT YET: ${figures}, ${count(unpublished)} dead letters on their way to their topics; try --wait 60`;
  }
  return `CLEAN: ${figures}`;
}
