import { expect, test } from 'bun:test';
import * as v from 'valibot';

import { QualityReportShape } from '../recommend/quality-report.ts';
import { renderQualityPage } from './page.ts';
import { qualityReport } from './testing.ts';

const VOID = new Set(['meta']);

/** The tags of a page, each opened and closed in its turn; fails where one is not. */
function tagsOf(page: string): string[] {
  const open: string[] = [];
  const seen: string[] = [];
  const body = page.replaceAll(/<!\[CDATA\[.*?\]\]>/gs, '').replace(/^<!doctype html>/, '');
  for (const [, closing, name, rest] of body.matchAll(/<(\/?)([a-z][\w-]*)([^<>]*)>/g)) {
    if (closing) expect(open.pop()).toBe(name);
    else if (!VOID.has(name) && !rest.endsWith('/')) open.push(name);
    if (!closing) seen.push(name);
  }
  expect(open).toEqual([]);
  return seen;
}

/** What can be read of it, as one line. */
const textOf = (page: string): string =>
  page.replaceAll(/<style.*?<\/style>|<[^<>]+>/gs, ' ').replaceAll(/\s+/g, ' ');

test('is well-formed, with a picture for each question and tables beside them', async () => {
  const tags = tagsOf(await renderQualityPage(qualityReport()));
  const many = (name: string): number => tags.filter((tag) => tag === name).length;
  expect(many('svg')).toBe(10);
  expect(many('figure')).toBe(10);
  expect(many('table')).toBe(9);
  for (const name of ['html', 'head', 'title', 'body', 'h1']) expect(many(name)).toBe(1);
});

test('holds the figures, with thousands apart', async () => {
  const text = textOf(await renderQualityPage(qualityReport()));
  for (const shown of [
    'Recommender quality, 2025-12',
    'model 0123456789abcdef , seed 42',
    '1,234,567',
    '100,321 by seed 7',
    '2026-01-01 02:00:00 Asia/Seoul',
    'millrace recommend report --month 2025-12',
    'Precision@3 8.2 % by segment, 5.6 % by popularity, 2.6 % by chance: better than popularity. Going by 업태 alone would reach 12.8 %.',
    'Silhouette 0.123 ± 0.004',
    '0.31 ± 0.02',
    '61,234',
    '8.15 % (16.3 %)',
    '2.54 ± 0.20',
    '1,234,561 (100.0 %)',
    '777,777',
    '0.432',
    '900,001',
    '1,111,111 customers are in both months; 55,555 of them (5.0 %) changed segment. 123,456 joined, 88,889 left.',
    'Features have moved, by their stability index: 위도 (0.25).',
    '위도 0.2500 10 moved',
    'segment 0.1500 2 watch',
    'an inertia of 100.01 % of what',
    '1 1.287',
    '도매 및 소매업',
  ])
    expect(text).toContain(shown);
});

test('needs nothing from elsewhere, and names do not become markup', async () => {
  const page = await renderQualityPage(qualityReport());
  expect(page.match(/\b(src|href)=|@import|url\((?!#)|<script|<link/g)).toBeNull();
  expect(
    page.match(/https?:\/\/[^"]+/g)?.every((url) => url.startsWith('http://www.w3.org/')),
  ).toBe(true);
  expect(page.includes('&lt;script&gt;alert(1)&lt;/script&gt;')).toBe(true);
  expect(page.includes('&quot;위생&quot; &amp; &lt;b&gt;장갑&lt;/b&gt; 500매')).toBe(true);
  expect(page.includes('<b>장갑')).toBe(false);
});

test('says so where there is no earlier month, no distance to it, or nothing was bought', async () => {
  const report = qualityReport();
  const alone = textOf(await renderQualityPage(qualityReport({ earlier: null })));
  expect(alone).toContain('compared with no earlier month is published');
  expect(alone.match(/No earlier month is published/g)).toHaveLength(3);
  const gone = { ...report.earlier!, centres: null };
  expect(textOf(await renderQualityPage(qualityReport({ earlier: gone })))).toContain(
    '2025-11 has another number of segments, or one of which no customer was drawn',
  );
  const quiet = { ...report.holdOut, evaluated: 0 };
  const none = textOf(await renderQualityPage(qualityReport({ holdOut: quiet })));
  expect(none).toContain('precision cannot be told');
  expect(none).not.toContain('better than');
});

test('does not call better what may be chance, nor hide what is worse', async () => {
  const page = async (mean: number): Promise<string> => {
    const report = qualityReport();
    for (const one of report.holdOut.variants) one.difference = { mean, error: 0.01 };
    return textOf(await renderQualityPage(report));
  };
  expect(await page(0.015)).toContain('not surely different from popularity');
  expect(await page(-0.03)).toContain('WORSE than popularity');
});

test('the shape refuses what is no report', () => {
  const report = qualityReport();
  expect(v.parse(QualityReportShape, JSON.parse(JSON.stringify(report)))).toEqual(report);
  for (const broken of [
    { ...report, more: 1 },
    { ...report, customers: -1 },
    { ...report, month: '2025-12-01' },
    { ...report, silhouette: { ...report.silhouette, error: Number.NaN } },
  ])
    expect(v.safeParse(QualityReportShape, broken).success).toBe(false);
});
