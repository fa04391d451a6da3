import { BarChart, LineChart, type BarSeriesOption, type LineSeriesOption } from 'echarts/charts';
import {
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  type GridComponentOption,
  type LegendComponentOption,
} from 'echarts/components';
import { init, use, type ComposeOption } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

/**
 * Pictures as SVG text, drawn without a browser. Colours are the page's own variables, so that they
 * follow its light and dark dress.
 */
use([BarChart, LineChart, GridComponent, LegendComponent, MarkLineComponent, SVGRenderer]);

type Option = ComposeOption<
  BarSeriesOption | LineSeriesOption | GridComponentOption | LegendComponentOption
>;

export type Format = (value: number) => string;

/** Points over whole numbers, one of them marked. */
export type Curve = {
  label: string; // what the picture shows, for those who cannot see it
  x: readonly number[];
  y: readonly number[];
  marked: number; // of x
  xName: string;
  format: Format;
};

/** A bar for each row, or one for each series; lines across at given values. */
export type Bars = {
  label: string;
  rows: readonly string[];
  series: readonly { name: string; values: readonly number[] }[];
  format: Format;
  stacked?: boolean;
  max?: number;
  lines?: readonly { at: number; name: string }[];
};

const INK = 'var(--ink)';
const MUTED = 'var(--muted)';
const RULE = 'var(--rule)';
const COLOURS = ['var(--first)', 'var(--second)', 'var(--third)', 'var(--fourth)', 'var(--fifth)'];
const FONT_PX = 13;
const WIDTH = 560;
const BAR_PX = 17;
const LETTERS_PX = 26; // what an estimate of a label's width may be short of
const GAP_PX = 11; // between rows of bars

/** A line with a mark at one of its points. */
export function drawCurve({ label, x, y, marked, xName, format }: Curve): string {
  return draw(label, 280, {
    grid: frame({ bottom: 30 }),
    xAxis: {
      ...axis(),
      type: 'category',
      data: x.map(String),
      name: xName,
      nameLocation: 'middle',
      nameTextStyle: text(MUTED),
      axisLabel: { ...text(MUTED), interval: 0 },
    },
    yAxis: {
      ...axis(),
      type: 'value',
      scale: true,
      axisLabel: { ...text(MUTED), formatter: format },
    },
    series: [
      {
        type: 'line',
        silent: true,
        symbol: 'circle',
        symbolSize: 6,
        lineStyle: { color: COLOURS[0], width: 2 },
        data: x.map((k, i) =>
          k === marked
            ? { value: y[i], symbolSize: 13, itemStyle: { color: COLOURS[1] } }
            : { value: y[i], itemStyle: { color: COLOURS[0] } },
        ),
        markLine: {
          silent: true,
          symbol: 'none',
          lineStyle: { color: COLOURS[1], type: 'dashed' },
          label: { ...text(INK), formatter: `k = ${marked}` },
          data: [{ xAxis: String(marked) }],
        },
      },
    ],
  });
}

/** Bars from left to right, the first row on top, each with its value behind it. */
export function drawBars({ label, rows, series, format, stacked, max, lines = [] }: Bars): string {
  const named = series.length > 1;
  const barsOfRow = stacked ? 1 : series.length;
  const height = rows.length * (barsOfRow * BAR_PX + GAP_PX) + (named ? 32 : 6) + 30;
  return draw(label, height, {
    ...(named && { legend: legend() }),
    grid: frame({ top: named ? 32 : lines.length > 0 ? 22 : 6, right: 64 }),
    xAxis: { ...axis(), type: 'value', max, axisLabel: { ...text(MUTED), formatter: format } },
    yAxis: {
      ...axis(),
      type: 'category',
      inverse: true,
      data: [...rows],
      splitLine: { show: false },
      axisTick: { show: false },
      axisLabel: { ...text(INK), interval: 0 },
    },
    series: series.map(({ name, values }, i) => ({
      type: 'bar',
      name,
      silent: true,
      ...(stacked && { stack: 'all' }),
      barWidth: BAR_PX - 3,
      barGap: '15%',
      data: [...values],
      itemStyle: { color: COLOURS[i % COLOURS.length] },
      label: {
        show: !stacked,
        position: 'right',
        ...text(INK),
        textBorderWidth: 0,
        formatter: ({ value }) => format(Number(value)),
      },
      ...(i === 0 && lines.length > 0 && { markLine: marks(lines) }),
    })),
  });
}

function marks(lines: NonNullable<Bars['lines']>): BarSeriesOption['markLine'] {
  return {
    silent: true,
    symbol: 'none',
    lineStyle: { color: MUTED, type: 'dashed' },
    data: lines.map(({ at, name }) => ({
      xAxis: at,
      label: { ...text(MUTED), position: 'start', formatter: name },
    })),
  };
}

const legend = (): LegendComponentOption => ({
  top: 0,
  left: 0,
  itemGap: LETTERS_PX,
  itemHeight: 10,
  itemWidth: 16,
  itemStyle: { borderWidth: 0 },
  textStyle: text(INK),
  selectedMode: false,
  inactiveColor: MUTED,
});

/**
 * Room around the axes, whose labels lie inside it. Widths of letters are estimated, so some more is
 * left for those of a wide font.
 */
const frame = (room: { top?: number; bottom?: number; right?: number }): GridComponentOption => ({
  left: LETTERS_PX,
  right: 20,
  top: 24,
  bottom: 4,
  ...room,
  outerBoundsMode: 'same',
  outerBoundsContain: 'axisLabel',
});

const text = (color: string): { color: string; fontSize: number; fontFamily: string } => ({
  color,
  fontSize: FONT_PX,
  fontFamily: 'inherit',
});

const axis = (): object => ({
  silent: true,
  axisLine: { lineStyle: { color: RULE } },
  axisTick: { lineStyle: { color: RULE } },
  splitLine: { lineStyle: { color: RULE } },
});

function draw(label: string, height: number, option: Option): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    chart.setOption({ animation: false, ...option });
    const name = Bun.escapeHTML(label);
    return chart.renderToSVGString().replace('<svg ', `<svg role="img" aria-label="${name}" `);
  } finally {
    chart.dispose();
  }
}
