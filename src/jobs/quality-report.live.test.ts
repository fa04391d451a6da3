import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';

import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { readCustomers, VECTOR_FIELDS } from '../recommend/customers.ts';
import { prepareFeatures } from '../recommend/features.ts';
import { gini } from '../recommend/coverage.ts';
import { keptModelPath, loadModel, modelPath } from '../recommend/model.ts';
import { QualityReportShape } from '../recommend/quality-report.ts';
import { DIMS } from '../recommend/rows.ts';
import { withPool } from '../recommend/testing.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect } from '../store/client.ts';
import { countVectors, readVectors } from '../store/customer-vectors.ts';
import { migrate } from '../store/migrate.ts';
import { fillCustomers } from './customers.ts';
import { reportMonth } from './quality-report.ts';
import { analyzeCurrentUser } from './recommend.ts';
import { withBatchLogin } from './testing.ts';

setDefaultTimeout(60_000);

const modelsDir = mkdtempSync(join(tmpdir(), 'millrace-report-'));
const [BEFORE, NOW] = ['2025-11', '2025-12'];
const OPTIONS = { month: NOW, threads: 1, seed: 42, modelsDir, command: 'report' };

const { url, drop } = await testDatabase('quality');
const client = await connect(url);
await migrate(client);
await fillCustomers(url, { count: 3_000, seed: 42, existing: 'refuse' });
for (const month of [BEFORE, NOW]) await analyzeCurrentUser(url, { ...OPTIONS, month });
const { report, paths } = await reportMonth(url, { ...OPTIONS, clock: () => 0 });
const { earlier } = report;

afterAll(async () => {
  await client.end();
  await drop();
  rmSync(modelsDir, { recursive: true });
});

async function rowsOf<Row extends Record<string, unknown>>(sql: string): Promise<Row[]> {
  return (await client.query<Row>(sql)).rows;
}

test('is a report of all customers by the published model, written beside it', () => {
  const model = loadModel(modelPath(NOW, modelsDir));
  expect(v.parse(QualityReportShape, JSON.parse(JSON.stringify(report)))).toEqual(report);
  expect(report).toMatchObject({
    month: NOW,
    model: model.hash,
    modelSeed: 42,
    customers: model.customers,
    sampled: model.customers,
    generatedAt: '1970-01-01 09:00:00 Asia/Seoul',
  });
  expect(report.elbow.chosen).toBe(10);
  expect(report.elbow.rows).toBe(model.customers);
  expect(report.elbow.modelInertia).toBeCloseTo(model.inertia, 6);
  expect(paths).toEqual([join(modelsDir, '2025-12.report.html')]);
  expect(readFileSync(paths[0], 'utf8')).toContain(model.hash);
});

test('segments are those of the published rows and profiles', async () => {
  const expected = await rowsOf(`
    select cluster_id as cluster, count(*)::int as customers, avg_contracts_num as contracts,
      avg_purchase_num as purchases, top_contracts as "topContracts",
      top_purchases as "topPurchases", top_business_type as "topBusinessTypes"
    from analytics.user_recommendation r
    join analytics.cluster_profile p on cluster_id = user_cluster and p.snapshot_month = r.snapshot_month
    where r.snapshot_month = '2025-12-01'
    group by p.id, p.snapshot_month, 1, 3, 4, 5, 6, 7 order by 1`);
  expect(expected).toHaveLength(10);
  expect(report.segments).toMatchObject(expected);
});

/** The customers of a month as rows, by the rules of this month's model. */
async function rowsNow(first = '2025-12-01'): Promise<Float64Array> {
  const count = await countVectors(client, first);
  const reader = await connect(url);
  const table = await readCustomers(await readVectors(reader, first, VECTOR_FIELDS), count);
  await reader.end();
  const model = loadModel(modelPath(NOW, modelsDir));
  return (await withPool(1, (pool) => prepareFeatures(pool, table, model))).rows;
}

test('silhouettes are those of all distances, by definition', async () => {
  const rows = await rowsNow();
  const labels = await rowsOf<{ cluster: number }>(`
    select user_cluster as cluster from analytics.user_recommendation
    where snapshot_month = '2025-12-01' order by ccod`);
  const values = labels.map(({ cluster: own }, row) => {
    const sums = report.segments.map(() => 0);
    for (const [other, { cluster }] of labels.entries()) {
      let square = 0;
      for (let d = 0; d < DIMS; d++) square += (rows[row * DIMS + d] - rows[other * DIMS + d]) ** 2;
      sums[cluster] += Math.sqrt(square);
    }
    const inside = sums[own] / (report.segments[own].customers - 1);
    const outside = Math.min(
      ...sums.flatMap((sum, c) => (c === own ? [] : [sum / report.segments[c].customers])),
    );
    return (outside - inside) / Math.max(outside, inside);
  });
  const mean = (of: readonly number[]): number => of.reduce((sum, x) => sum + x, 0) / of.length;
  expect(report.silhouette.sampled).toBe(labels.length);
  expect(report.silhouette.silhouette).toBeCloseTo(mean(values), 9);
  for (const { cluster, silhouette } of report.segments)
    expect(silhouette).toBeCloseTo(
      mean(values.filter((_, row) => labels[row].cluster === cluster)),
      9,
    );
});

for (const [kind, column, found] of [
  ['contract', 'contracts', report.contracts],
  ['product', 'products', report.products],
] as const)
  test(`coverage by ${kind}s is that of plain SQL`, async () => {
    const places = [1, 2, 3].map((place) => `rec_${kind}_${place}`).join();
    const by = await rowsOf<{ many: number; customers: number }>(`
      select num_nonnulls(${places}) as many, count(*)::int as customers
      from analytics.user_recommendation where snapshot_month = '2025-12-01' group by 1`);
    expect(found.customersByCount).toEqual(
      [0, 1, 2, 3].map((many) => by.find((row) => row.many === many)?.customers ?? 0),
    );
    const items = await rowsOf<{ recommended: number }>(`
      with held as (
        select item as name, count(distinct ccod)::int as holders
        from source.customer_vector, unnest(${column}) item
        where snapshot_month = '2025-12-01' group by 1
      )
      select name, holders, (
        select count(*)::int from analytics.user_recommendation
        where snapshot_month = '2025-12-01' and name in (${places})) as recommended
      from held order by recommended desc, name collate "C"`);
    expect(found.items).toMatchObject(items);
    expect(found.itemsKnown).toBe(items.length);
    expect(found.itemsRecommended).toBe(items.filter(({ recommended }) => recommended > 0).length);
    expect(found.gini).toBe(gini(items.map(({ recommended }) => recommended)));
  });

/** Precision@3 in the sources' own rows: nothing of the report's is used but the stored clusters. */
const precisionInSql = (owned: boolean): string => `
  with bought as (
    select distinct customer_code as ccod, item_name as item, purchase_date >= '2025-12-01' as during
    from bidb.purchases
    where purchase_date between '2025-01-01' and '2025-12-31' and purchase_date not like '%-02-30'
  ), member as (
    select ccod, user_cluster as cluster, coalesce(business_type, '') as trade
    from analytics.user_recommendation join source.customer_vector using (ccod, snapshot_month)
    where snapshot_month = '2025-12-01'
  ), earlier as (select ccod, cluster, trade, item from bought join member using (ccod) where not during
  ), known as (select item, count(*) as holders from earlier group by 1
  ), buyer as (
    select ccod, cluster, trade, array_agg(item) as truth from bought join member using (ccod)
    where during group by 1, 2, 3
  ), inside as (select cluster, item, count(*) as holders from earlier group by 1, 2
  ), same as (select trade, item, count(*) as holders from earlier group by 1, 2
  ), candidate as (
    select buyer.ccod, item, known.holders, item = any (truth) as hit,
      coalesce(inside.holders, 0) as inside, coalesce(same.holders, 0) as same
    from buyer cross join known
    left join inside using (cluster, item)
    left join same using (trade, item)
    left join earlier own using (ccod, item)
    where ${owned} or own.item is null
  ), ranked as (
    select ccod, hit,
      row_number() over (partition by ccod order by inside desc, item collate "C") <= 3
        and inside > 0 as by_segment,
      row_number() over (partition by ccod order by same desc, item collate "C") <= 3
        and same > 0 as by_trade,
      row_number() over (partition by ccod order by holders desc, item collate "C") <= 3 as by_popularity
    from candidate
  ), one as (
    select ccod, count(*) filter (where hit and by_segment) as segment,
      count(*) filter (where hit and by_trade) as trade,
      count(*) filter (where hit and by_popularity) as popularity,
      count(*) filter (where hit)::float8 / count(*) as chance,
      least(3, count(*) filter (where hit)) as best
    from ranked group by 1
  )
  select (select count(*)::int from buyer) as evaluated, (select count(*)::int from known) as known,
    avg(segment)::float8 / 3 as segment, avg((segment > 0)::int)::float8 as segment_any,
    avg(trade)::float8 / 3 as trade, avg(popularity)::float8 / 3 as popularity, avg((popularity > 0)::int)::float8 as popularity_any,
    avg(chance) as chance, avg(best)::float8 / 3 as best
  from one`;

for (const owned of [false, true])
  test(`precision@3 is that of plain SQL over the sources, owned ${owned ? 'may come' : 'left out'}`, async () => {
    const [expected] = await rowsOf<Record<string, number>>(precisionInSql(owned));
    const variant = report.holdOut.variants.find((one) => one.owned === owned);
    expect(expected.evaluated).toBeGreaterThan(300);
    expect(report.holdOut).toMatchObject({
      evaluated: expected.evaluated,
      itemsKnown: expected.known,
    });
    expect(variant?.segment.precision).toBeCloseTo(expected.segment, 12);
    expect(variant?.segment.hitRate).toBeCloseTo(expected.segment_any, 12);
    expect(variant?.trade.precision).toBeCloseTo(expected.trade, 12);
    expect(variant?.popularity.precision).toBeCloseTo(expected.popularity, 12);
    expect(variant?.popularity.hitRate).toBeCloseTo(expected.popularity_any, 12);
    expect(variant?.chance.precision).toBeCloseTo(expected.chance, 12);
    expect(variant?.best.precision).toBeCloseTo(expected.best, 12);
  });

test('migration is that of plain SQL', async () => {
  const months = (joined: string): string => `
    (select ccod, user_cluster as before from analytics.user_recommendation_2025_11) b ${joined}
    (select ccod, user_cluster as now from analytics.user_recommendation_2025_12) n using (ccod)`;
  const moves = await rowsOf<{ before: number; now: number; customers: number }>(
    `select before, now, count(*)::int as customers from ${months('join')} group by 1, 2`,
  );
  expect(earlier?.matrix.flat().filter((customers) => customers > 0)).toHaveLength(moves.length);
  for (const { before, now, customers } of moves)
    expect(earlier?.matrix[before][now]).toBe(customers);
  const [totals] = await rowsOf(`
    select count(before)::int as customers, count(*) filter (where before is null)::int as joined,
      count(*) filter (where now is null)::int as left,
      count(*) filter (where before is not null and now is not null)::int as both,
      count(*) filter (where before <> now)::int as changed
    from ${months('full join')}`);
  expect(earlier).toMatchObject({ month: BEFORE, ...totals });
});

/** Last month's customers in this month's space, averaged by the segments they were stored with. */
async function centresBefore(): Promise<number[][]> {
  const rows = await rowsNow('2025-11-01');
  const labels = await rowsOf<{ cluster: number }>(`
    select user_cluster as cluster from analytics.user_recommendation
    where snapshot_month = '2025-11-01' order by ccod`);
  return report.segments.map((_, c) => {
    const own = [...labels.keys()].filter((row) => labels[row].cluster === c);
    return Array.from(
      { length: DIMS },
      (_unused, d) => own.reduce((sum, row) => sum + rows[row * DIMS + d], 0) / own.length,
    );
  });
}

test("drift: the sido's index is that of plain SQL, centres are told from those of last month's customers", async () => {
  const [sido] = await rowsOf<{ psi: number; bins: number }>(`
    with share as (
      select sido,
        greatest(1e-4, count(*) filter (where snapshot_month = '2025-11-01')::float8
          / sum(count(*) filter (where snapshot_month = '2025-11-01')) over ()) as before,
        greatest(1e-4, count(*) filter (where snapshot_month = '2025-12-01')::float8
          / sum(count(*) filter (where snapshot_month = '2025-12-01')) over ()) as now
      from source.customer_vector where snapshot_month in ('2025-11-01', '2025-12-01') group by sido
    )
    select sum((now - before) * ln(now / before)) as psi, count(*)::int as bins from share`);
  const found = earlier?.features.find(({ name }) => name === '시도_encoded');
  expect(found?.bins).toBe(sido.bins);
  expect(found?.psi).toBeCloseTo(sido.psi, 12);
  const [then, now] = [BEFORE, NOW].map((month) => loadModel(modelPath(month, modelsDir)));
  expect(earlier?.model).toBe(then.hash);
  const before = await centresBefore();
  for (const [c, distance] of (earlier?.centres?.distances ?? []).entries())
    expect(distance).toBeCloseTo(
      Math.hypot(...now.centres[c].map((value, d) => value - before[c][d])),
      9,
    );
  expect(earlier?.centres?.distances).toHaveLength(10);
});

test("the earlier month's centres are tried on this month's customers", async () => {
  const rows = await rowsNow();
  const now = loadModel(modelPath(NOW, modelsDir));
  const before = await centresBefore();
  let inertia = 0;
  for (let at = 0; at < rows.length; at += DIMS) {
    const squares = before.map((centre) =>
      centre.reduce((sum, value, d) => sum + (rows[at + d] - value) ** 2, 0),
    );
    inertia += Math.min(...squares);
  }
  expect(earlier?.centres?.inertiaRatio).toBeCloseTo(inertia / now.inertia, 9);
});

test('one thread and two, and another time, give one report', async () => {
  const { seconds: _, secondsByPhase: __, memoryMiB: ___, generatedAt: ____, ...figures } = report;
  const again = await reportMonth(url, { ...OPTIONS, threads: 2 });
  expect(again.report).toMatchObject(figures);
});

test('a sample comes near all, draws the same customers of both months, and keeps the counts', async () => {
  const { report: some } = await reportMonth(url, { ...OPTIONS, sample: 1_000 });
  expect(some.sampled).toBeWithin(850, 1_150);
  expect(some.contracts).toEqual(report.contracts);
  expect(some.products).toEqual(report.products);
  expect(some.earlier?.matrix).toEqual(earlier?.matrix ?? []);
  expect(some.earlier?.centres?.distances).toHaveLength(10);
  expect(some.segments.map(({ customers }) => customers)).toEqual(
    report.segments.map(({ customers }) => customers),
  );
  // Segments of up to a thousand are drawn whole for the silhouette, however small the sample.
  expect(some.silhouette).toEqual(report.silhouette);
  const [{ both }] = await rowsOf<{ both: number }>(`
    select count(*)::int as both from analytics.user_recommendation_2025_11
    join analytics.user_recommendation_2025_12 using (ccod)`);
  expect(earlier?.both).toBe(both);
  const { before = 0, now = 0 } = some.earlier?.sampled ?? {};
  expect(Math.abs(before - now)).toBeLessThan(60); // two independent draws would differ by some 30 to 100
  const [all] = report.holdOut.variants;
  const [found] = some.holdOut.variants;
  expect(Math.abs(found.chance.precision - all.chance.precision)).toBeLessThan(0.01);
});

test('the first month has nothing before it and says so', async () => {
  const first = await reportMonth(url, { ...OPTIONS, month: BEFORE });
  expect(first.report.earlier).toBeNull();
  expect(readFileSync(first.paths[0], 'utf8')).toContain('No earlier month is published');
});

test("without the earlier month's model the report is the same", async () => {
  const last = modelPath(BEFORE, modelsDir);
  const both = [last, keptModelPath(BEFORE, loadModel(last).hash, modelsDir)];
  for (const path of both) renameSync(path, `${path}.away`);
  try {
    const { report: without } = await reportMonth(url, OPTIONS);
    expect(without.earlier).toEqual(earlier);
  } finally {
    for (const path of both) renameSync(`${path}.away`, path);
  }
});

test('where the earlier month has a segment more, or one that nobody is in, centres are not told', async () => {
  const month = 'analytics.user_recommendation_2025_11';
  await client.query(`create temp table kept as select ccod, user_cluster from ${month}`);
  for (const cluster of [10, 8]) {
    await client.query(`update ${month} set user_cluster = $1 where user_cluster = 9`, [cluster]);
    const { report: other } = await reportMonth(url, { ...OPTIONS, sample: 1_000 });
    await client.query(`update ${month} r set user_cluster = k.user_cluster
      from kept k where k.ccod = r.ccod`);
    expect(other.earlier?.matrix).toHaveLength(cluster === 10 ? 11 : 10);
    expect(other.earlier?.centres).toBeNull();
  }
});

test('the command prints the report as JSON, writes where it is told, and leaves nothing else', async () => {
  const out = join(modelsDir, 'told.html');
  const words = ['recommend', 'report', '--month', NOW, '--model', modelPath(NOW, modelsDir)];
  const child = Bun.spawn(
    [process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), ...words, '--out', out, '--json'],
    {
      env: childEnvironment({ DATABASE_URL: url }),
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    },
  );
  const [stdout] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(await child.exited).toBe(0);
  const { paths: written, ...printed } = v.parse(
    v.looseObject({ paths: v.array(v.string()) }),
    JSON.parse(stdout),
  );
  const parsed = v.parse(QualityReportShape, printed);
  expect(parsed.holdOut).toEqual(report.holdOut);
  expect(written).toEqual([join(modelsDir, '2025-12.report.html'), out]);
  expect(readFileSync(out, 'utf8')).toBe(readFileSync(written[0], 'utf8'));
  expect(readFileSync(out, 'utf8')).toContain('millrace recommend report --month 2025-12');
  expect(readdirSync(modelsDir).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('what cannot be reported on is refused, with what to do', async () => {
  const refusal = (options: object): Promise<unknown> =>
    reportMonth(url, { ...OPTIONS, ...options }).catch((cause: unknown) => cause);
  expect(await refusal({ month: '2025-13' })).toMatchObject({ code: 'USAGE' });
  expect(await refusal({ month: '2026-05' })).toMatchObject({ code: 'USAGE' }); // no model
  expect(await refusal({ model: modelPath(BEFORE, modelsDir) })).toMatchObject({
    code: 'RUN_CONFLICT',
  });
  expect(await refusal({ month: '2026-05', model: modelPath(NOW, modelsDir) })).toMatchObject({
    code: 'RUN_CONFLICT',
    message: expect.stringContaining('nothing was'),
  });
  expect(await refusal({ out: join(modelsDir, '2025-12.json', 'x.html') })).toMatchObject({
    code: 'USAGE',
  });
  const stop = AbortSignal.abort();
  expect(await refusal({ signal: stop })).toMatchObject({ code: 'INTERRUPTED' });
});

test('a login that may do what the batch role may is enough; a customer who is gone is noticed', async () => {
  await withBatchLogin(client, url, 'report', async (as) => {
    const { report: same } = await reportMonth(as, OPTIONS);
    expect(same.holdOut).toEqual(report.holdOut);
  });
  await client.query(`
    delete from source.customer_vector where ccod = (
      select min(ccod) from source.customer_vector where snapshot_month = '2025-12-01')
    and snapshot_month = '2025-12-01'`);
  const refused = await reportMonth(url, OPTIONS).catch((cause: unknown) => cause);
  expect(refused).toMatchObject({
    code: 'RUN_CONFLICT',
    message: expect.stringContaining('ingested again'),
  });
});
