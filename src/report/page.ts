import { count, duration } from '../base/terminal.ts';
import type { QualityReport } from '../recommend/quality-report.ts';
import { coverageSection } from './coverage.ts';
import { driftSection, migrationSection, STABLE_MAX } from './earlier.ts';
import { holdOutSection } from './holdout.ts';
import { decimal, html, percent, raw, within, type Html } from './parts.ts';
import { elbowSection, segmentSection } from './segments.ts';
import { STYLE } from './style.ts';

/** The report as one page that needs nothing else: no script, no font, no picture from elsewhere. */
export async function renderQualityPage(report: QualityReport): Promise<string> {
  const title = `Recommender quality, ${report.month}`;
  const page = await html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <h1>${title}</h1>
        ${head(report)} ${brief(report)} ${segmentSection(report)} ${elbowSection(report)}
        ${holdOutSection(report)} ${coverageSection(report)} ${driftSection(report)}
        ${migrationSection(report)} ${foot(report)}
      </body>
    </html> `;
  return page.toString();
}

function head(report: QualityReport): Html {
  const facts: [string, string | Html][] = [
    ['customers', count(report.customers)],
    ['segments', count(report.segments.length)],
    [
      'model',
      html`<code>${report.model}</code>, seed ${report.modelSeed}, code ${report.codeVersion}`,
    ],
    ['what a customer has', report.includeOwned ? 'may be recommended' : 'is not recommended'],
    ['compared with', report.earlier?.month ?? 'no earlier month is published'],
    ['drawn customers', `${count(report.sampled)} by seed ${report.seed}, from all alike`],
    ['made', report.generatedAt],
    ['by', html`<code>${report.command}</code>`],
  ];
  return html`<dl>
    ${facts.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`;
}

/** What the figures say, one sentence each. */
function brief(report: QualityReport): Html {
  const { silhouette, products, contracts, earlier, customers } = report;
  const three = percent(products.customersByCount[3] / customers);
  const lines = [
    precisionSentence(report),
    `Silhouette ${within(decimal(silhouette.silhouette), decimal(2 * silhouette.error))}: ${shape(silhouette.silhouette)}.`,
    `${three} of the customers have three products; ${count(products.itemsRecommended)} of ` +
      `${count(products.itemsKnown)} products and ${count(contracts.itemsRecommended)} of ` +
      `${count(contracts.itemsKnown)} contracts are recommended to somebody.`,
    ...(earlier === null
      ? ['No earlier month is published: drift and migration have nothing to be held against.']
      : [
          `Of ${count(earlier.both)} customers of both months ` +
            `${percent(earlier.changed / Math.max(1, earlier.both))} changed segment.`,
          driftSentence(earlier.features),
        ]),
  ];
  return html`<ul>
    ${lines.map((line) => html`<li>${line}</li>`)}
  </ul>`;
}

function precisionSentence({ holdOut, includeOwned }: QualityReport): string {
  const found = holdOut.variants.find(({ owned }) => owned === includeOwned);
  if (!found || holdOut.evaluated === 0)
    return 'Nobody bought anything in the last month: precision cannot be told.';
  const { segment, trade, popularity, chance, difference } = found;
  const low = difference.mean - 2 * difference.error;
  const high = difference.mean + 2 * difference.error;
  const verdict = low > 0 ? 'better than' : high < 0 ? 'WORSE than' : 'not surely different from';
  const rule =
    trade.precision > segment.precision
      ? ` Going by 업태 alone would reach ${percent(trade.precision)}.`
      : '';
  return (
    `Precision@3 ${percent(segment.precision)} by segment, ${percent(popularity.precision)} by ` +
    `popularity, ${percent(chance.precision)} by chance: ${verdict} popularity.${rule}`
  );
}

/** The bands of Kaufman and Rousseeuw, "Finding Groups in Data", 1990. */
function shape(silhouette: number): string {
  if (silhouette > 0.7) return 'strong segments';
  if (silhouette > 0.5) return 'reasonable segments';
  if (silhouette > 0.25) return 'weak segments that run into each other';
  return 'no clear segments; they divide one cloud rather than find groups';
}

function driftSentence(features: readonly { name: string; psi: number }[]): string {
  const moved = features.filter(({ psi }) => psi > STABLE_MAX);
  const names = moved.map(({ name, psi }) => `${name} (${decimal(psi, 2)})`).join(', ');
  if (moved.length > 0) return `Features have moved, by their stability index: ${names}.`;
  return `No feature has moved: all stability indices are below ${STABLE_MAX}.`;
}

function foot({ secondsByPhase, seconds, memoryMiB }: QualityReport): Html {
  const phases = Object.entries(secondsByPhase).map(
    ([name, spent]) => `${name} ${duration(spent)}`,
  );
  return html`<footer>
    Made in ${duration(seconds)} (${phases.join(', ')}), ${count(memoryMiB)} MiB at most.
  </footer>`;
}
