import type { QualityReport } from '../recommend/quality-report.ts';
import { count } from '../base/terminal.ts';
import { decimal, figure, html, percent, table, within, type Html } from './parts.ts';
import { drawBars } from './pictures.ts';

type Variant = QualityReport['holdOut']['variants'][number];

/** Whether last month's purchases bear the recommendations out. */
export function holdOutSection({ holdOut }: QualityReport): Html {
  const { evaluated, customers, firstDay, itemsKnown, undated, variants } = holdOut;
  return html`<h2>Hold-out: precision@3 in the last month</h2>
    <p>
      Shares of products are counted from purchases before ${firstDay} alone. Each of the
      ${count(customers)} drawn customers is then given three products and held against what he
      bought from ${firstDay} to the month's end. Precision@3 is the hits among the three, divided
      by 3, the mean over the ${count(evaluated)} customers who bought anything then. Segments are
      made of place, trade and size, not of purchases, so they know nothing of the month in advance.
    </p>
    <ul>
      <li>
        <strong>Segment</strong>: the products held by the most customers of the segment, as the
        recommender chooses.
      </li>
      <li>
        <strong>업태</strong>: the products held by the most customers of the same business type, a
        rule that needs no training.
      </li>
      <li><strong>Popularity</strong>: the products held by the most customers of all.</li>
      <li>
        <strong>Chance</strong>: three different products by lot of the ${count(itemsKnown)} known
        before; its mean, computed exactly.
      </li>
      <li>
        <strong>Best</strong>: what someone who knew the month would reach; whoever buys fewer than
        three leaves the rest without a hit.
      </li>
    </ul>
    <p>
      As recommended by default, what a customer bought before is left out; a product bought again
      is then never a hit.
      ${undated === 0 ? '' : html`${count(undated)} lines without a valid date are left out.`}
    </p>
    ${evaluated === 0 ? html`<p>Nobody bought anything in that time, so there is nothing to compare.</p>` : compared(variants)}`;
}

function compared(variants: readonly Variant[]): Html {
  const rows = variants.map(({ owned }) => (owned ? 'owned may come' : 'owned left out'));
  const series = (name: string, of: (variant: Variant) => number) => ({
    name,
    values: variants.map((variant) => of(variant)),
  });
  const precision = drawBars({
    label: 'precision@3 by segment, by 업태, by popularity and by chance',
    rows,
    series: [
      series('segment', ({ segment }) => segment.precision),
      series('업태', ({ trade }) => trade.precision),
      series('popularity', ({ popularity }) => popularity.precision),
      series('chance', ({ chance }) => chance.precision),
      series('best', ({ best }) => best.precision),
    ],
    format: (value) => percent(value),
  });
  return html`<div class="beside">
    ${figure(precision, 'Precision@3')}
    ${table(
      'Precision@3, and in brackets the share of customers with at least one hit',
      [
        { name: '' },
        { name: 'owned left out', number: true },
        { name: 'owned may come', number: true },
      ],
      [
        ['segment', ...variants.map(({ segment }) => shown(segment))],
        ['업태', ...variants.map(({ trade }) => shown(trade))],
        ['popularity', ...variants.map(({ popularity }) => shown(popularity))],
        ['chance', ...variants.map(({ chance }) => shown(chance))],
        ['best', ...variants.map(({ best }) => shown(best))],
        ['segment / popularity', ...variants.map((one) => ratio(one.segment, one.popularity))],
        ['segment / chance', ...variants.map((one) => ratio(one.segment, one.chance))],
        [
          'segment - popularity, points',
          ...variants.map(({ difference: { mean, error } }) =>
            within(decimal(mean * 100, 2), decimal(error * 200, 2)),
          ),
        ],
      ],
    )}
  </div>`;
}

const shown = ({ precision, hitRate }: Variant['segment']): string =>
  `${percent(precision, 2)} (${percent(hitRate)})`;

const ratio = (one: Variant['segment'], other: Variant['segment']): string =>
  other.precision === 0 ? '' : decimal(one.precision / other.precision, 2);
