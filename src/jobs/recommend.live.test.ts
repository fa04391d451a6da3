import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { Random } from '../base/random.ts';
import { fieldText, readCustomers, VECTOR_FIELDS } from '../recommend/customers.ts';
import { prepareFeatures } from '../recommend/features.ts';
import { keptModelPath, loadModel, modelPath } from '../recommend/model.ts';
import { DIMS } from '../recommend/rows.ts';
import { withPool } from '../recommend/testing.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect, withClient, type Client } from '../store/client.ts';
import { countVectors, readVectors } from '../store/customer-vectors.ts';
import { migrate } from '../store/migrate.ts';
import { publishedNote, rollbackMonth } from '../store/publish.ts';
import { beginRecommendRun } from '../store/recommend-runs.ts';
import { fillCustomers } from './customers.ts';
import { explain } from './explain.ts';
import { ingest } from './ingest.ts';
import { profileMonth } from './recommend-profile.ts';
import { PROFILES_IN_SQL, PROFILES_STORED, withBatchLogin } from './testing.ts';
import { analyzeCurrentUser, recommendMonth, rollbackPublished, trainMonth } from './recommend.ts';

setDefaultTimeout(60_000);

const modelsDir = mkdtempSync(join(tmpdir(), 'millrace-models-'));
const MONTH = '2025-12';
const FIRST = '2025-12-01';
const OPTIONS = { month: MONTH, threads: 1, seed: 42, modelsDir };

const { url, drop } = await testDatabase('recommend');
const client = await connect(url);
await migrate(client);
await fillCustomers(url, { count: 3_000, seed: 42, existing: 'refuse' });
const made = await analyzeCurrentUser(url, OPTIONS);

afterAll(async () => {
  await client.end();
  await drop();
  rmSync(modelsDir, { recursive: true });
});

/** Rows in which two queries differ. */
async function differences(one: string, other: string): Promise<unknown[]> {
  const { rows } = await client.query(
    `(select 'only one' as side, * from ((${one}) except all (${other})) a)
     union all (select 'only other', * from ((${other}) except all (${one})) b) limit 5`,
  );
  return rows;
}

/** All that is read of the month, ids and times aside. */
async function md5(month = FIRST): Promise<string> {
  const { rows } = await client.query<{ md5: string }>(
    `select md5(concat(
      (select string_agg((to_jsonb(r) - 'id' - 'created_at')::text, '' order by ccod)
        from analytics.user_recommendation r where snapshot_month = $1),
      (select string_agg((to_jsonb(p) - 'id' - 'created_at')::text, '' order by cluster_id)
        from analytics.cluster_profile p where snapshot_month = $1))) as md5`,
    [month],
  );
  return rows[0].md5;
}

test('every customer with a vector has one row, and nobody else', async () => {
  expect(
    await differences(
      'select ccod, snapshot_month from source.customer_vector',
      'select ccod, snapshot_month from analytics.user_recommendation',
    ),
  ).toEqual([]);
  expect(made.run.customers).toBe(made.ingest.active);
  expect(made.run.clusters).toHaveLength(10);
  expect(made.run.clusters.every((customers) => customers > 0)).toBe(true);
  const { rows } = await client.query(`
    select count(distinct id)::int as ids, count(*) filter (where created_at > now() - interval '1 hour')::int as fresh
    from analytics.user_recommendation`);
  expect(rows).toEqual([{ ids: made.run.customers, fresh: made.run.customers }]);
});

/** Top-3 in plain SQL, of the stored clusters. */
const topInSql = (items: string, kind: string, ending: string, includeOwned = false): string => `
  with member as (
    select v.*, user_cluster from source.customer_vector v
    join analytics.user_recommendation r using (ccod, snapshot_month)
  ), share as (
    select user_cluster, item, count(*) as holders,
      (select count(*) from member m where m.user_cluster = member.user_cluster) as customers
    from member cross join unnest(${items}) item group by 1, 2
  ), ranked as (
    select ccod, item, '고객 세그먼트 내 ' || round(100.0 * holders / customers, 1) || '%가 ${ending}' as reason,
      row_number() over (partition by ccod order by holders desc, item collate "C") as place
    from member join share using (user_cluster)
    where ${includeOwned} or item <> all (${items})
  )
  select ccod, ${[1, 2, 3]
    .map(
      (place) => `max(item) filter (where place = ${place}) as rec_${kind}_${place},
        max(reason) filter (where place = ${place}) as rec_${kind}_${place}_reason`,
    )
    .join()}
  from member left join ranked using (ccod) group by 1`;

const topStored = (kind: string): string => `
  select ccod, ${[1, 2, 3].map((place) => `rec_${kind}_${place}::text, rec_${kind}_${place}_reason`).join()}
  from analytics.user_recommendation`;

test('the three contracts and products with their reasons are those of plain SQL', async () => {
  expect(
    await differences(topInSql('contracts', 'contract', '이용중'), topStored('contract')),
  ).toEqual([]);
  expect(
    await differences(topInSql('products', 'product', '구매함'), topStored('product')),
  ).toEqual([]);
});

/** Rows by the stored model, and what is stored of each. */
async function stored() {
  return await withClient(url, async (reader) => {
    const count = await countVectors(reader, FIRST);
    const table = await readCustomers(await readVectors(reader, FIRST, VECTOR_FIELDS), count);
    const model = loadModel(modelPath(MONTH, modelsDir));
    const { rows } = await withPool(1, (pool) => prepareFeatures(pool, table, model));
    const { rows: found } = await client.query<{
      ccod: string;
      user_cluster: number;
      cluster_similarity: number;
      sim_ccod: string | null;
    }>(
      `select ccod, user_cluster, cluster_similarity, sim_ccod from analytics.user_recommendation
       where snapshot_month = $1 order by ccod`,
      [FIRST],
    );
    return { table, model, rows, found };
  });
}

const apart = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number => {
  let square = 0;
  for (let d = 0; d < DIMS; d++) square += (a[i * DIMS + d] - b[j * DIMS + d]) ** 2;
  return Math.sqrt(square);
};

test('cluster, similarity and similar customer are those of a search by definition', async () => {
  const { table, model, rows, found } = await stored();
  const centres = model.centres.flat();
  const clusterOf = found.map((_, row) => {
    const distances = model.centres.map((_centre, c) => apart(rows, row, centres, c));
    return distances.indexOf(Math.min(...distances));
  });
  expect(found.map(({ user_cluster }) => user_cluster)).toEqual(clusterOf);
  const own = clusterOf.map((c, row) => apart(rows, row, centres, c));
  const farthest = model.centres.map((_, c) =>
    Math.max(...own.filter((_distance, row) => clusterOf[row] === c)),
  );
  for (const [row, { cluster_similarity, sim_ccod }] of found.entries()) {
    expect(cluster_similarity).toBeCloseTo(1 - own[row] / farthest[clusterOf[row]], 12);
    let nearest = -1;
    let least = Infinity;
    for (let other = 0; other < table.count; other++) {
      if (other === row || clusterOf[other] !== clusterOf[row]) continue;
      const distance = apart(rows, row, rows, other);
      if (distance >= least) continue;
      least = distance;
      nearest = other;
    }
    expect(sim_ccod).toBe(nearest < 0 ? null : fieldText(table.codes, nearest));
  }
});

test('the similar customer comes with his name, contracts and products', async () => {
  expect(
    await differences(
      `select r.ccod, v.name::text, to_jsonb(v.contracts), to_jsonb(v.products)
       from analytics.user_recommendation r
       left join source.customer_vector v on v.ccod = r.sim_ccod and v.snapshot_month = r.snapshot_month`,
      `select ccod, sim_user_name::text, sim_user_contracts, sim_user_products
       from analytics.user_recommendation`,
    ),
  ).toEqual([]);
});

test('profiles of clusters are those of plain SQL', async () => {
  expect(await differences(PROFILES_IN_SQL, PROFILES_STORED)).toEqual([]);
  const { rows } = await client.query('select * from analytics.cluster_profile');
  expect(rows).toHaveLength(10);
  expect(Object.keys(rows[0])).toHaveLength(13);
  const again = await profileMonth(url, OPTIONS);
  expect(again.clusters).toBe(10);
  expect(await differences(PROFILES_IN_SQL, PROFILES_STORED)).toEqual([]);
});

test('the same rows and model at one thread and at two, trained anew or not', async () => {
  const sum = await md5();
  const bytes = readFileSync(modelPath(MONTH, modelsDir));
  const trained = await trainMonth(url, { ...OPTIONS, threads: 2 });
  expect(trained.model).toBe(made.train.model);
  expect(readFileSync(modelPath(MONTH, modelsDir))).toEqual(bytes);
  const two = await recommendMonth(url, { ...OPTIONS, threads: 2 });
  expect(two.checksum).toBe(made.run.checksum);
  expect(await md5()).toBe(sum);
  const { rows } = await client.query(
    `select state, row_count::int as rows, checksum,
       (select sum(row_count)::int from analytics.recommend_chunks k where k.run_id = r.run_id) as chunks
     from analytics.recommend_runs r where run_id = $1`,
    [two.run],
  );
  const { customers, checksum } = made.run;
  expect(rows).toEqual([{ state: 'finished', rows: customers, checksum, chunks: customers }]);
});

test('rolled back, the month is what it was before, and rolled back again, what it became', async () => {
  const sum = await md5();
  const other = await recommendMonth(url, { ...OPTIONS, includeOwned: true });
  expect(other.checksum).not.toBe(made.run.checksum);
  expect(
    await differences(topInSql('products', 'product', '구매함', true), topStored('product')),
  ).toEqual([]);
  const changed = await md5();
  expect(changed).not.toBe(sum);
  await profileMonth(url, OPTIONS); // which is no publication to go back from
  expect(await md5()).toBe(changed);
  expect(JSON.parse(await rollbackPublished(url, MONTH))).toMatchObject({ includeOwned: false });
  expect(await md5()).toBe(sum);
  expect(JSON.parse(await rollbackPublished(url, MONTH))).toMatchObject({ run: other.run });
  expect(await md5()).toBe(changed);
  await rollbackPublished(url, MONTH);
  const failure = await rollbackPublished(url, '2024-01').catch((cause: unknown) => cause);
  expect(failure).toMatchObject({ code: 'RUN_CONFLICT' });
});

test('trained anew, the month keeps the model of what is published, and of what it goes back to', async () => {
  const bytes = readFileSync(modelPath(MONTH, modelsDir));
  const { rows } = await client.query<{ ccod: string }>(
    'select min(ccod) as ccod from analytics.user_recommendation where snapshot_month = $1',
    [FIRST],
  );
  const modelShown = async (): Promise<string> =>
    (await explain(url, rows[0].ccod, { month: MONTH, modelsDir })).model;
  const other = await trainMonth(url, { ...OPTIONS, seed: 7 });
  expect(other.model).not.toBe(made.train.model);
  expect(await modelShown()).toBe(made.train.model);
  await recommendMonth(url, OPTIONS);
  expect(await modelShown()).toBe(other.model);
  await rollbackPublished(url, MONTH);
  expect(await modelShown()).toBe(made.train.model);
  expect(readFileSync(keptModelPath(MONTH, made.train.model, modelsDir))).toEqual(bytes);
  await trainMonth(url, OPTIONS);
  expect(readFileSync(modelPath(MONTH, modelsDir))).toEqual(bytes);
});

test('rolled back while an ingest is unfinished, but not for ever behind a reader', async () => {
  const sum = await md5();
  const published = await recommendMonth(url, { ...OPTIONS, includeOwned: true });
  const unfinished = await beginRecommendRun(client, 'ingest', FIRST, {});
  await client.query('begin; select from analytics.user_recommendation limit 1');
  const kept = await withClient(url, async (other) => await rollbackMonth(other, FIRST, 200)).catch(
    (cause: unknown) => cause,
  );
  await client.query('rollback');
  expect(kept).toMatchObject({ code: 'DATABASE_BUSY' });
  expect(JSON.parse((await publishedNote(client, FIRST)) ?? '')).toMatchObject({
    run: published.run,
  });
  expect(JSON.parse(await rollbackPublished(url, MONTH))).toMatchObject({ includeOwned: false });
  expect(await md5()).toBe(sum);
  await client.query('delete from analytics.recommend_runs where run_id = $1', [unfinished]);
});

test('the published partition has the keys of its parent', async () => {
  const { rows } = await client.query(`
    select i.indisunique, i.indisvalid, pg_get_indexdef(i.indexrelid) ~ 'ccod' as by_code
    from pg_index i where indrelid = 'analytics.user_recommendation_2025_12'::regclass
      and exists (select from pg_inherits where inhrelid = i.indexrelid) order by by_code`);
  expect(rows).toEqual([
    { indisunique: true, indisvalid: true, by_code: false },
    { indisunique: true, indisvalid: true, by_code: true },
  ]);
});

const SCRIPT = `
  const { recommendMonth } = await import(${JSON.stringify(join(PROJECT_ROOT, 'src/jobs/recommend.ts'))});
  const [url, modelsDir, phase] = process.argv.slice(1);
  await recommendMonth(url, { month: '2025-12', threads: 1, modelsDir, includeOwned: true,
    onProgress: (done, total, at) => at === phase && process.kill(process.pid, 'SIGKILL') });`;

test('killed at any phase, it leaves the month as it was, and the next run is as if undisturbed', async () => {
  const sum = await md5();
  for (const phase of ['neighbours', 'store', 'profile', 'publish']) {
    const child = Bun.spawn([process.execPath, '-e', SCRIPT, url, modelsDir, phase], {
      env: childEnvironment(),
      stderr: 'inherit',
    });
    expect(await child.exited).toBe(137);
    expect(await md5()).toBe(sum);
  }
  expect((await recommendMonth(url, OPTIONS)).checksum).toBe(made.run.checksum);
  expect(await md5()).toBe(sum);
  const { rows } = await client.query(`
    select to_regclass('analytics.user_recommendation_2025_12_new') as left,
      (select count(*)::int from analytics.recommend_runs where state = 'running') as running`);
  expect(rows).toEqual([{ left: null, running: 0 }]);
});

const KILLED = `
  const { recommendMonth } = await import(${JSON.stringify(join(PROJECT_ROOT, 'src/jobs/recommend.ts'))});
  const [url, modelsDir, sizes] = process.argv.slice(1);
  await recommendMonth(url, { month: '2025-12', threads: 2, modelsDir, includeOwned: true,
    sizes: JSON.parse(sizes) });`;

/** What the ledger has of the run that is at work or was killed. */
async function storedChunks(): Promise<{ chunks: number; customers: number }> {
  const { rows } = await client.query<{ chunks: number; customers: number }>(`
    select count(*)::int as chunks, coalesce(sum(k.row_count), 0)::int as customers
    from analytics.recommend_chunks k join analytics.recommend_runs r using (run_id)
    where r.state = 'running' and r.phase = 'run'`);
  return rows[0];
}

test('killed at random moments while it stores, it goes on with what is stored, to an equal month', async () => {
  const before = await md5();
  const sizes = { chunk: 20, group: 2 };
  const options = { ...OPTIONS, includeOwned: true, sizes };
  const undisturbed = await recommendMonth(url, options);
  const after = await md5();
  expect(after).not.toBe(before);
  await rollbackPublished(url, MONTH);
  const random = new Random(7, 'sample').at(0);
  let kept = 0; // chunks, by the ledger
  const kills = 6;
  for (let kill = 0; kill < kills; kill++) {
    const child = Bun.spawn(
      [process.execPath, '-e', KILLED, url, modelsDir, JSON.stringify(sizes)],
      { env: childEnvironment(), stderr: 'inherit' },
    );
    const wanted = kept + 1 + random.below(12);
    while ((await storedChunks()).chunks < wanted) await Bun.sleep(1);
    await Bun.sleep(random.between(0, 5));
    child.kill('SIGKILL');
    expect(await child.exited).toBe(137);
    expect(await md5()).toBe(before);
    const ledger = await storedChunks();
    expect(ledger.chunks).toBeGreaterThanOrEqual(wanted);
    const { rows } = await client.query<{ count: number }>(
      'select count(*)::int from analytics.user_recommendation_2025_12_new',
    );
    expect(rows).toEqual([{ count: ledger.customers }]);
    kept = ledger.chunks;
  }
  const last = await recommendMonth(url, options);
  expect(last.resumedChunks).toBe(kept);
  expect(last.checksum).toBe(undisturbed.checksum);
  expect(await md5()).toBe(after);
  await rollbackPublished(url, MONTH);
  expect(await md5()).toBe(before);
});

test('what would make other rows is not gone on with', async () => {
  const sum = await md5();
  const sizes = { chunk: 100, group: 1 };
  const stopInStore = async (options: object): Promise<void> => {
    const stop = new AbortController();
    const stopped = await recommendMonth(url, {
      ...OPTIONS,
      sizes,
      ...options,
      signal: stop.signal,
      onProgress: (done, _total, phase) => phase === 'store' && done > 1_500 && stop.abort(),
    }).catch((cause: unknown) => cause);
    expect(stopped).toMatchObject({ code: 'INTERRUPTED' });
  };
  await stopInStore({});
  const same = await recommendMonth(url, { ...OPTIONS, sizes });
  expect(same.resumedChunks).toBeGreaterThan(0);
  expect(await md5()).toBe(sum);
  await stopInStore({ includeOwned: true });
  expect((await recommendMonth(url, { ...OPTIONS, sizes })).resumedChunks).toBe(0);
  await stopInStore({});
  const name = `update source.customer_vector set name = $1 where snapshot_month = $2 and ccod = $3`;
  const { rows } = await client.query<{ ccod: string; name: string }>(
    `select v.ccod, name from source.customer_vector v join analytics.user_recommendation r
     on v.ccod = sim_ccod and r.snapshot_month = v.snapshot_month where v.snapshot_month = $1 limit 1`,
    [FIRST],
  );
  await client.query(name, ['다른 이름', FIRST, rows[0].ccod]);
  const renamed = await recommendMonth(url, { ...OPTIONS, sizes });
  expect(renamed.resumedChunks).toBe(0);
  expect(await md5()).not.toBe(sum);
  await client.query(name, [rows[0].name, FIRST, rows[0].ccod]);
  await stopInStore({});
  await client.query(`drop table analytics.user_recommendation_2025_12_new`);
  expect((await recommendMonth(url, { ...OPTIONS, sizes })).resumedChunks).toBe(0);
  expect(await md5()).toBe(sum);
});

test('rows that were stored twice are not published, and not gone on with', async () => {
  const sum = await md5();
  const sizes = { chunk: 100, group: 1 };
  const stop = new AbortController();
  const stopped = await recommendMonth(url, {
    ...OPTIONS,
    sizes,
    signal: stop.signal,
    onProgress: (done, _total, phase) => phase === 'store' && done > 500 && stop.abort(),
  }).catch((cause: unknown) => cause);
  expect(stopped).toMatchObject({ code: 'INTERRUPTED' });
  const { rowCount } = await client.query(`insert into analytics.user_recommendation_2025_12_new
    select * from analytics.user_recommendation_2025_12_new limit 1`);
  expect(rowCount).toBe(1);
  const refused = await recommendMonth(url, { ...OPTIONS, sizes }).catch((cause: unknown) => cause);
  expect(refused).toMatchObject({ code: 'CHECK_FAILED' });
  expect(await md5()).toBe(sum);
  expect((await recommendMonth(url, { ...OPTIONS, sizes })).resumedChunks).toBe(0);
  expect(await md5()).toBe(sum);
});

test('stopped, it says so, changes nothing, and goes on as the same run', async () => {
  const sum = await md5();
  for (const at of ['read', 'neighbours', 'store']) {
    const stop = new AbortController();
    const stopped = await recommendMonth(url, {
      ...OPTIONS,
      signal: stop.signal,
      onProgress: (done, _total, phase) => phase === at && done > 0 && stop.abort(),
    }).catch((cause: unknown) => cause);
    expect(stopped).toMatchObject({ code: 'INTERRUPTED' });
    expect(await md5()).toBe(sum);
  }
  const { rows } = await client.query<{ run: string }>(
    `select run_id as run from analytics.recommend_runs
     where state = 'failed' order by run_id desc limit 1`,
  );
  const { run, checksum } = await recommendMonth(url, OPTIONS);
  expect({ run, checksum }).toEqual({ run: Number(rows[0].run), checksum: made.run.checksum });
  expect(await md5()).toBe(sum);
});

test('the whole month, stopped behind its ingest, says which command goes on, and that does', async () => {
  const sum = await md5();
  const stopAt = async (at: string): Promise<unknown> => {
    const stop = new AbortController();
    return await analyzeCurrentUser(url, {
      ...OPTIONS,
      signal: stop.signal,
      onProgress: (done, _total, phase) => phase === at && done > 0 && stop.abort(),
    }).catch((cause: unknown) => cause);
  };
  expect(await stopAt('read')).toMatchObject({
    code: 'INTERRUPTED',
    message: expect.stringContaining('and `millrace recommend train`, then `run`, go on'),
  });
  expect(await stopAt('store')).toMatchObject({
    code: 'INTERRUPTED',
    message: expect.stringContaining('and `millrace recommend run` goes on'),
  });
  const { rows } = await client.query<{ run: string }>(`select run_id as run
    from analytics.recommend_runs where state = 'failed' order by run_id desc limit 1`);
  const { run, checksum } = await recommendMonth(url, OPTIONS);
  expect({ run, checksum }).toEqual({ run: Number(rows[0].run), checksum: made.run.checksum });
  expect(await md5()).toBe(sum);
});

test('a lost connection leaves the month as it was', async () => {
  const sum = await md5();
  let cut: Promise<{ rowCount: number | null }> | undefined;
  const lost = await recommendMonth(url, {
    ...OPTIONS,
    sizes: { chunk: 100, group: 1 },
    onProgress: (done, _total, phase) => {
      if (phase !== 'store' || done === 0) return;
      cut ??= client.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'millrace recommend' and datname = current_database()`);
    },
  }).catch((cause: unknown) => cause);
  expect((await cut)?.rowCount).toBeGreaterThan(0);
  expect(lost).toMatchObject({ code: 'DATABASE_LOST' });
  expect(await md5()).toBe(sum);
  expect((await recommendMonth(url, OPTIONS)).checksum).toBe(made.run.checksum);
});

test('never two at once', async () => {
  const sum = await md5();
  await withClient(url, async (holder) => {
    await holder.query('select pg_advisory_lock(4711011)');
    const refused = await recommendMonth(url, OPTIONS).catch((cause: unknown) => cause);
    expect(refused).toMatchObject({ code: 'RUN_CONFLICT' });
  });
  const both = await Promise.allSettled([recommendMonth(url, OPTIONS), trainMonth(url, OPTIONS)]);
  // The second waits a moment for the first, which may be over by then.
  for (const one of both)
    if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'RUN_CONFLICT' });
  expect(both.some(({ status }) => status === 'fulfilled')).toBe(true);
  expect(await md5()).toBe(sum);
});

test('a customer is explained by what is stored of him', async () => {
  const { rows } = await client.query<Record<string, string> & { cluster_similarity: number }>(
    `select * from analytics.user_recommendation where snapshot_month = $1 order by ccod offset 77 limit 1`,
    [FIRST],
  );
  const [row] = rows;
  const found = await explain(url, row.ccod, { month: MONTH, modelsDir });
  expect(found).toMatchObject({
    ccod: row.ccod,
    model: made.train.model,
    similar: { ccod: row.sim_ccod, name: row.sim_user_name },
  });
  expect(found.features).toHaveLength(DIMS);
  expect(found.recommendedContracts[0]).toEqual({
    name: row.rec_contract_1,
    reason: row.rec_contract_1_reason,
  });
  const { rows: vectors } = await client.query<{ latitude: number | null; contracts: string[] }>(
    'select latitude, contracts from source.customer_vector where ccod = $1 and snapshot_month = $2',
    [row.ccod, FIRST],
  );
  if (vectors[0].latitude !== null)
    expect(found.features[0].value).toBeCloseTo(vectors[0].latitude, 9);
  expect(found.contracts).toEqual(vectors[0].contracts);
  const nobody = await explain(url, 'nobody', { month: MONTH, modelsDir }).catch(
    (cause: unknown) => cause,
  );
  expect(nobody).toMatchObject({ code: 'USAGE' });
});

test('a month that was ingested again is not taken for the one that is published', async () => {
  await recommendMonth(url, OPTIONS);
  const { rows } = await client.query<{ ccod: string }>(
    'select min(ccod) as ccod from analytics.user_recommendation where snapshot_month = $1',
    [FIRST],
  );
  const shown = async (): Promise<unknown[]> => {
    const settled = await Promise.allSettled([
      explain(url, rows[0].ccod, { month: MONTH, modelsDir }),
      profileMonth(url, OPTIONS),
    ]);
    return settled.map((one) => (one.status === 'rejected' ? one.reason : 'shown'));
  };
  expect(await shown()).toEqual(['shown', 'shown']);
  const stop = new AbortController();
  const stopped = await recommendMonth(url, {
    ...OPTIONS,
    sizes: { chunk: 100, group: 1 },
    signal: stop.signal,
    onProgress: (done, _total, phase) => phase === 'store' && done > 500 && stop.abort(),
  }).catch((cause: unknown) => cause);
  expect(stopped).toMatchObject({ code: 'INTERRUPTED' });
  await ingest(url, { month: MONTH, restart: true }); // of equal codes
  const again = { code: 'RUN_CONFLICT', message: expect.stringContaining('ingested again') };
  expect(await shown()).toMatchObject([again, again]);
  // The run that is gone on with was begun before the ingest that it reads.
  const resumed = await recommendMonth(url, { ...OPTIONS, sizes: { chunk: 100, group: 1 } });
  expect(resumed.resumedChunks).toBeGreaterThan(0);
  expect(await shown()).toEqual(['shown', 'shown']);
  await rollbackPublished(url, MONTH);
  expect(await shown()).toMatchObject([again, again]);
  await recommendMonth(url, OPTIONS);
});

test('a model that was changed, is none, or is missing is refused', async () => {
  const text = readFileSync(modelPath(MONTH, modelsDir), 'utf8');
  const path = join(modelsDir, 'other.json');
  for (const [content, code] of [
    [text.replace('"seed":42', '"seed":43'), 'CHECK_FAILED'],
    [text.slice(0, 1_000), 'CHECK_FAILED'],
    [text.replace('"iterations"', '"iteration"'), 'CHECK_FAILED'],
    ['{}', 'CHECK_FAILED'],
  ] as const) {
    writeFileSync(path, content);
    const failure = await recommendMonth(url, { ...OPTIONS, model: path }).catch(
      (cause: unknown) => cause,
    );
    expect(failure).toMatchObject({ code });
  }
  const missing = await recommendMonth(url, { ...OPTIONS, model: join(modelsDir, 'none') }).catch(
    (cause: unknown) => cause,
  );
  expect(missing).toMatchObject({ code: 'USAGE' });
});

test('a login that may do what the batch role may is enough', async () => {
  await withBatchLogin(client, url, 'recommend', async (as, login) => {
    await trainMonth(as, OPTIONS);
    expect((await recommendMonth(as, OPTIONS)).checksum).toBe(made.run.checksum);
    await profileMonth(as, OPTIONS);
    await rollbackPublished(as, MONTH);
    const { rows } = await client.query(
      `
      select relowner <> $1::regrole as owned_by_another,
        has_table_privilege('millrace_grafana', oid, 'select') as shown
      from pg_class where oid = 'analytics.user_recommendation_2025_12'::regclass`,
      [login],
    );
    expect(rows).toEqual([{ owned_by_another: true, shown: true }]);
  });
});

test("the next month keeps the clusters' ids, and months do not touch each other", async () => {
  const sum = await md5();
  await copyVectors(client, '2026-01-01', '');
  const trained = await trainMonth(url, { ...OPTIONS, month: '2026-01', seed: 7 });
  expect(trained.matchedTo).toBe(made.train.model);
  await recommendMonth(url, { ...OPTIONS, month: '2026-01' });
  const { rows } = await client.query<{ stayed: number }>(`
    select avg((a.user_cluster = b.user_cluster)::int)::float8 as stayed
    from analytics.user_recommendation_2025_12 a join analytics.user_recommendation_2026_01 b using (ccod)`);
  expect(rows[0].stayed).toBeGreaterThan(0.9);
  expect(await md5()).toBe(sum);
});

async function copyVectors(to: Client, month: string, where: string): Promise<void> {
  await to.query(`select source.month_partition('source.customer_vector', '${month}')`);
  await to.query(`
    insert into source.customer_vector
    select (jsonb_populate_record(v, jsonb_build_object('snapshot_month', '${month}'))).*
    from source.customer_vector v where snapshot_month = '${FIRST}' ${where}`);
}

test('few customers, equal customers, none, and a month half ingested', async () => {
  await copyVectors(client, '2026-02-01', `order by ccod limit 1`);
  const month = '2026-02';
  await trainMonth(url, { ...OPTIONS, month });
  const one = await recommendMonth(url, { ...OPTIONS, month });
  expect(one).toMatchObject({ customers: 1, withoutNeighbour: 1, clusters: [1] });
  const { rows } = await client.query(`
    select cluster_similarity, sim_ccod, sim_user_name, sim_user_contracts, rec_contract_1, rec_product_1
    from analytics.user_recommendation where snapshot_month = '2026-02-01'`);
  expect(rows).toEqual([
    {
      cluster_similarity: 1,
      sim_ccod: null,
      sim_user_name: null,
      sim_user_contracts: null,
      rec_contract_1: null,
      rec_product_1: null,
    },
  ]);
  await client.query(`
    insert into source.customer_vector (snapshot_month, ccod, sido, contracts, products)
    select '2026-02-01', 'ZZ' || n, -1, '{}', '{}' from generate_series(1, 9) n`);
  await trainMonth(url, { ...OPTIONS, month });
  const bare = await recommendMonth(url, { ...OPTIONS, month });
  expect(bare.customers).toBe(10);
  expect(bare.filled).toMatchObject({ positionByDefault: 9 });
  const { rows: profiles } = await client.query(`
    select sum(cluster_size)::int as customers, sum((purchase_distribution ->> '0')::int)::int as bare,
      max(avg_contracts_num) > 0 as contracts
    from analytics.cluster_profile where snapshot_month = '2026-02-01'`);
  expect(profiles).toEqual([{ customers: 10, bare: 10, contracts: true }]);
  expect(bare.filled.codes.sigungu.missing).toBeGreaterThanOrEqual(9);
  const none = await trainMonth(url, { ...OPTIONS, month: '2026-03' }).catch(
    (cause: unknown) => cause,
  );
  expect(none).toMatchObject({ code: 'BASE_TOO_SMALL' });
  await beginRecommendRun(client, 'ingest', '2026-02-01', {});
  const half = await trainMonth(url, { ...OPTIONS, month }).catch((cause: unknown) => cause);
  expect(half).toMatchObject({ code: 'RUN_CONFLICT' });
});
