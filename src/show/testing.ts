/** One sample line of an exposition. */
export type Sample = { name: string; labels: Record<string, string>; value: number };
export type Family = { name: string; type: string; samples: Sample[] };

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/;
const SUFFIXES: Record<string, RegExp> = {
  gauge: /^$/,
  counter: /^$/,
  histogram: /^_(bucket|sum|count)$/,
};

/**
 * A strict reader of the Prometheus text format and of OpenMetrics, written from their descriptions
 * and from nothing of ours, for tests. Throws on the first line that breaks a rule.
 */
export function parseExposition(text: string, openMetrics: boolean): Map<string, Family> {
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the text must end with a line feed');
  if (openMetrics && lines.pop() !== '# EOF') throw new Error('OpenMetrics must end with # EOF');
  let family: Family | null = null;
  for (const line of lines) {
    if (line === '') {
      if (openMetrics) throw new Error('OpenMetrics has no empty lines');
      continue;
    }
    const [, keyword, name, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (families.has(name)) throw new Error(`${name} comes twice`);
      if (!NAME.test(name)) throw new Error(`bad name: ${name}`);
      family = { name, type: '', samples: [] };
      families.set(name, family);
    } else if (keyword === 'TYPE') {
      if (family?.name !== name || family.type !== '') throw new Error(`misplaced: ${line}`);
      if (SUFFIXES[rest] === undefined) throw new Error(`bad type: ${line}`);
      family.type = rest;
    } else {
      const sample = parseSample(line);
      if (family === null) throw new Error(`a sample before its family: ${line}`);
      checkMember(family, sample, openMetrics);
      const key = `${sample.name} ${canonical(sample.labels)}`;
      if (seen.has(key)) throw new Error(`comes twice: ${line}`);
      seen.add(key);
      family.samples.push(sample);
    }
  }
  for (const each of families.values()) if (each.type === 'histogram') checkHistogram(each);
  return families;
}

function parseSample(line: string): Sample {
  const [, name, labelText = '', number] = SAMPLE.exec(line) ?? [];
  if (name === undefined) throw new Error(`not a sample: ${line}`);
  const labels: Record<string, string> = {};
  for (let rest = labelText; rest !== '';) {
    const [whole, label, value] = LABEL.exec(rest) ?? [];
    if (whole === undefined || label in labels) throw new Error(`bad labels: ${line}`);
    labels[label] = value;
    rest = rest.slice(whole.length);
  }
  const value = number === '+Inf' ? Infinity : Number(number);
  if (Number.isNaN(value) && number !== 'NaN') throw new Error(`not a number: ${line}`);
  return { name, labels, value };
}

function checkMember({ name, type }: Family, sample: Sample, openMetrics: boolean): void {
  if (!sample.name.startsWith(name)) throw new Error(`${sample.name} stands under ${name}`);
  const suffix = sample.name.slice(name.length);
  const allowed = openMetrics && type === 'counter' ? /^_total$/ : SUFFIXES[type];
  if (!allowed?.test(suffix)) throw new Error(`${sample.name} cannot be of a ${type}`);
  if (type === 'counter' && !(sample.value >= 0)) throw new Error(`${sample.name} is below 0`);
}

/** Buckets grow, end at +Inf, and the last one is the count. */
function checkHistogram({ name, samples }: Family): void {
  const series = Map.groupBy(samples, ({ labels }) => canonical({ ...labels, le: '' }));
  for (const [labels, members] of series) {
    const buckets = members.filter((sample) => sample.name === `${name}_bucket`);
    const count = members.find((sample) => sample.name === `${name}_count`)?.value;
    const bounds = buckets.map((sample) => Number(sample.labels['le'].replace('+Inf', 'Infinity')));
    const values = buckets.map((sample) => sample.value);
    if (!rises(bounds) || !rises(values) || bounds.at(-1) !== Infinity || values.at(-1) !== count) {
      throw new Error(`${name}${labels} is no histogram`);
    }
  }
}

function rises(values: number[]): boolean {
  return values.every((value, i) => i === 0 || value >= values[i - 1]);
}

/** The labels as one text, whatever order they came in. */
function canonical(labels: Record<string, string>): string {
  const names = Object.keys(labels).toSorted((a, b) => (a < b ? -1 : 1));
  return names.map((name) => `${name}="${labels[name]}"`).join();
}
