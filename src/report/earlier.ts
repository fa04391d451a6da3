import type { EarlierMonth, QualityReport } from '../recommend/quality-report.ts';
import { count } from '../base/terminal.ts';
import { decimal, figure, html, percent, raw, table, type Html } from './parts.ts';
import { drawBars } from './pictures.ts';

/** The usual bands of the population stability index. */
export const STABLE_MAX = 0.1;
const MOVED = 0.2;

/** How far the features and the centres have moved since the last published month. */
export function driftSection({ earlier }: QualityReport): Html {
  if (!earlier)
    return html`<h2>Drift</h2>
      <p>No earlier month is published, so there is nothing to compare with.</p>`;
  const rows = [...earlier.features, earlier.segments];
  const { before, now } = earlier.sampled;
  const picture = drawBars({
    label: 'population stability index of each feature',
    rows: rows.map(({ name }) => name),
    series: [{ name: 'PSI', values: rows.map(({ psi }) => psi) }],
    format: (value) => decimal(value),
    max: Math.max(MOVED * 1.25, ...rows.map(({ psi }) => psi * 1.1)),
    lines: [
      { at: STABLE_MAX, name: 'watch' },
      { at: MOVED, name: 'moved' },
    ],
  });
  return html`<h2>Drift since ${earlier.month}</h2>
    <p>
      The population stability index (PSI) adds up (share now - share then) x ln(share now / share
      then) over the bins of a feature: its values where ${earlier.month} has up to 20 of them, else
      the tenths of ${earlier.month}; an empty bin counts as 0.01 %. Below ${STABLE_MAX} is stable,
      above ${MOVED} has moved. Both months are put through this month's encoders and scaler;
      ${count(before)} and ${count(now)} drawn customers. Segments are counted over all.
    </p>
    <div class="beside">
      ${figure(picture, 'Stability index by feature')}
      ${table(
        'Stability index by feature',
        [
          { name: 'feature' },
          { name: 'PSI', number: true },
          { name: 'bins', number: true },
          { name: '' },
        ],
        rows.map(({ name, psi, bins }) => [name, decimal(psi, 4), bins, verdict(psi)]),
      )}
    </div>
    ${centres(earlier)}`;
}

const verdict = (psi: number): string =>
  psi > MOVED ? 'moved' : psi > STABLE_MAX ? 'watch' : 'stable';

function centres({ centres: compared, month }: EarlierMonth): Html {
  if (!compared)
    return html`<p>
      ${month} has another number of segments, or one of which no customer was drawn, so the
      distances between centres are not told.
    </p>`;
  const { distances: moved, inertiaRatio } = compared;
  const picture = drawBars({
    label: 'distance of each centre from where it was',
    rows: moved.map((_, cluster) => `segment ${cluster}`),
    series: [{ name: 'distance', values: moved }],
    format: (value) => decimal(value, 2),
  });
  return html`<p>
      The centres of ${month} are the means of its drawn customers, put through this month's
      encoders and scaler. By them this month's customers have an inertia of
      ${percent(inertiaRatio, 2)} of what they have by this month's. Where that is near 100 %, both
      divide the customers as well, and whoever changed segment did so because training ended
      elsewhere, not because he changed.
    </p>
    <div class="beside">
      ${figure(picture, `How far each centre lies from where it was in ${month}, in scaled space`)}
      ${table(
        'Distances between centres of the same number',
        [
          { name: 'segment', number: true },
          { name: 'distance', number: true },
        ],
        moved.map((distance, cluster) => [cluster, decimal(distance)]),
      )}
    </div>`;
}

/** From which segment to which customers went. */
export function migrationSection({ earlier }: QualityReport): Html {
  if (!earlier)
    return html`<h2>Migration</h2>
      <p>No earlier month is published, so nobody has changed segment yet.</p>`;
  const { month, matrix, both, changed, joined, left } = earlier;
  return html`<h2>Migration since ${month}</h2>
    <p>
      ${count(both)} customers are in both months; ${count(changed)} of them
      (${percent(changed / Math.max(1, both))}) changed segment. ${count(joined)} joined,
      ${count(left)} left.
    </p>
    <div class="wide">
      <table class="matrix">
        <caption>
          Customers by segment in ${month} (rows) and now (columns); shaded by the share of the row
        </caption>
        <thead>
          <tr>
            <th scope="col">then</th>
            ${matrix.map((_, now) => html`<th scope="col" class="number">${now}</th>`)}
            <th scope="col" class="number">stayed</th>
          </tr>
        </thead>
        <tbody>
          ${matrix.map((row, before) => matrixRow(row, before))}
        </tbody>
      </table>
    </div>`;
}

function matrixRow(row: readonly number[], before: number): Html {
  const all = row.reduce((sum, customers) => sum + customers, 0);
  const cells = row.map((customers) => {
    const shade = all === 0 ? '0' : (customers / all).toFixed(3);
    return html`<td class="number" ${raw(`style="--share:${shade}"`)}>${count(customers)}</td>`;
  });
  return html`<tr>
    <th scope="row">segment ${before}</th>
    ${cells}
    <td class="number">${all === 0 ? '' : percent(row[before] / all)}</td>
  </tr> `;
}
