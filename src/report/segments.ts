import type { QualityReport } from '../recommend/quality-report.ts';
import { count } from '../base/terminal.ts';
import { decimal, figure, folded, html, percent, table, within, type Html } from './parts.ts';
import { drawBars, drawCurve } from './pictures.ts';

/** How many are in each segment, how well they lie in it, and who they are. */
export function segmentSection({ segments, silhouette, customers }: QualityReport): Html {
  const rows = segments.map(({ cluster }) => `segment ${cluster}`);
  const sizes = drawBars({
    label: 'customers of each segment',
    rows,
    series: [{ name: 'customers', values: segments.map((segment) => segment.customers) }],
    format: count,
  });
  const shapes = drawBars({
    label: 'mean silhouette of each segment',
    rows,
    series: [{ name: 'silhouette', values: segments.map((segment) => segment.silhouette) }],
    format: (value) => decimal(value, 2),
  });
  return html`<h2>Segments</h2>
    <p>
      The silhouette compares a customer's mean distance from the others of the segment with that
      from the nearest other segment: 1 is far from all others, 0 between two, below 0 nearer to
      another. Measured on ${count(silhouette.sampled)} customers drawn from every segment alike (up
      to 1,000 each), and weighed by the segments' sizes:
      <strong>${within(decimal(silhouette.silhouette), decimal(2 * silhouette.error))}</strong>,
      twice the standard error.
    </p>
    <div class="beside">
      ${figure(sizes, 'Customers by segment')} ${figure(shapes, 'Silhouette by segment')}
    </div>
    ${table(
      'Who is in them: the commonest 업태 as registered, contract and product, and mean entries a customer',
      [
        { name: 'segment', number: true },
        { name: 'customers', number: true },
        { name: 'share', number: true },
        { name: 'silhouette', number: true },
        { name: 'contracts', number: true },
        { name: 'purchases', number: true },
        { name: '업태' },
        { name: 'contract' },
        { name: 'product' },
      ],
      segments.map((segment) => [
        segment.cluster,
        segment.customers,
        percent(segment.customers / customers),
        within(decimal(segment.silhouette, 2), decimal(2 * segment.silhouetteError, 2)),
        decimal(segment.contracts, 2),
        decimal(segment.purchases, 2),
        segment.topBusinessTypes.slice(0, 2).join(', '),
        segment.topContracts.slice(0, 2).join(', '),
        segment.topPurchases.slice(0, 2).join(', '),
      ]),
    )}`;
}

/** What other numbers of clusters would give. */
export function elbowSection({ elbow }: QualityReport): Html {
  const { byK, chosen, rows, modelInertia } = elbow;
  const curve = { x: byK.map(({ clusters }) => clusters), marked: chosen, xName: 'clusters (k)' };
  const inertia = drawCurve({
    ...curve,
    label: `inertia by number of clusters, ${chosen} chosen`,
    y: byK.map((point) => point.inertia),
    format: count,
  });
  const silhouette = drawCurve({
    ...curve,
    label: `silhouette by number of clusters, ${chosen} chosen`,
    y: byK.map((point) => point.silhouette),
    format: (value) => decimal(value, 2),
  });
  const fitted = byK.find(({ clusters }) => clusters === chosen)?.inertia ?? modelInertia;
  return html`<h2>Number of clusters</h2>
    <p>
      K-Means anew on ${count(rows)} customers for each k. Inertia, the sum of squared distances
      from the own centre, always falls; where it stops falling fast, more clusters divide groups
      rather than find them. The model's own centres give ${count(modelInertia)} on these rows,
      ${chosen} clusters fitted to them ${count(fitted)}.
    </p>
    <div class="beside">
      ${figure(inertia, "Inertia by k; the model's k is marked")}
      ${figure(silhouette, 'Silhouette by k, on up to 100 rows of each cluster')}
    </div>
    ${folded(
      'The figures by k',
      table(
        'Inertia and silhouette by number of clusters',
        [
          { name: 'k', number: true },
          { name: 'inertia', number: true },
          { name: 'less than one fewer', number: true },
          { name: 'silhouette', number: true },
        ],
        byK.map(({ clusters, inertia: value, silhouette: shape }, i) => [
          clusters === chosen ? `${clusters} (chosen)` : clusters,
          value,
          i === 0 ? '' : percent(1 - value / byK[i - 1].inertia),
          decimal(shape),
        ]),
      ),
    )}`;
}
