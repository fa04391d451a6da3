import type { QualityReport } from '../recommend/quality-report.ts';
import { count } from '../base/terminal.ts';
import { decimal, figure, folded, html, percent, table, type Html } from './parts.ts';
import { drawBars } from './pictures.ts';

type Coverage = QualityReport['products'];

const SHOWN = 12; // items in a picture

/** Who got how many recommendations, and how they are spread over the items. */
export function coverageSection({ contracts, products, customers }: QualityReport): Html {
  const both = [contracts, products];
  const shares = drawBars({
    label: 'customers by how many contracts and products they were recommended',
    rows: ['contracts', 'products'],
    series: [3, 2, 1, 0].map((many) => ({
      name: many === 0 ? 'none' : String(many),
      values: both.map(({ customersByCount }) => customersByCount[many] / customers),
    })),
    format: (value) => percent(value, 0),
    stacked: true,
    max: 1,
  });
  return html`<h2>Coverage</h2>
    <p>
      An item is known if a customer of the month holds it. Gini's coefficient says how unevenly
      recommendations are spread over the items known: 0 is evenly, near 1 all on one.
    </p>
    <div class="beside">
      ${figure(shares, 'Share of customers with 3, 2, 1 and no recommendations')}
      ${table(
        'Customers by recommendations, and items',
        [{ name: '' }, { name: 'contracts', number: true }, { name: 'products', number: true }],
        [
          ...[3, 2, 1, 0].map((many) => countRow(many, both, customers)),
          ['items known', ...both.map(({ itemsKnown }) => itemsKnown)],
          ['recommended to somebody', ...both.map(({ itemsRecommended }) => itemsRecommended)],
          ['Gini', ...both.map(({ gini }) => decimal(gini))],
          ['the three most recommended', ...both.map((one) => percent(topShare(one)))],
        ],
      )}
    </div>
    <div class="beside">
      ${itemFigure('contracts', contracts, customers)}
      ${itemFigure('products', products, customers)}
    </div>
    ${folded('All items', html`<div class="beside">${itemTable('contract', contracts)}${itemTable('product', products)}</div>`)}`;
}

const countRow = (many: number, both: readonly Coverage[], customers: number): string[] => [
  `customers with ${many === 0 ? 'none' : many}`,
  ...both.map(
    ({ customersByCount: by }) => `${count(by[many])} (${percent(by[many] / customers)})`,
  ),
];

/** What of all recommendations the three most recommended items make up. */
function topShare({ items }: Coverage): number {
  const times = items.map(({ recommended }) => recommended);
  return sumOf(times.slice(0, 3)) / Math.max(1, sumOf(times));
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

function itemFigure(kind: string, { items }: Coverage, customers: number): Html {
  const shown = items.slice(0, SHOWN);
  const svg = drawBars({
    label: `the most recommended ${kind}, with those who hold them`,
    rows: shown.map(({ name }) => name),
    series: [
      { name: 'recommended to', values: shown.map(({ recommended }) => recommended / customers) },
      { name: 'held by', values: shown.map(({ holders }) => holders / customers) },
    ],
    format: (value) => percent(value, 0),
  });
  return figure(svg, `The ${shown.length} most recommended ${kind}, as shares of all customers`);
}

const itemTable = (kind: string, { items }: Coverage): Html =>
  table(
    `Customers by ${kind}`,
    [{ name: kind }, { name: 'recommended to', number: true }, { name: 'held by', number: true }],
    items.map(({ name, recommended, holders }) => [name, recommended, holders]),
  );
