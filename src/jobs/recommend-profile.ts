import { PipelineError } from '../base/errors.ts';
import type { ClusterProfile } from '../model/cluster-profile.ts';
import { fieldText, type CustomerTable } from '../recommend/customers.ts';
import { describeClusters } from '../recommend/profile.ts';
import { sharedBytes } from '../recommend/rows.ts';
import { countUsage } from '../recommend/usage.ts';
import { enterProfiles } from '../store/cluster-profile.ts';
import { readClusters } from '../store/customer-vectors.ts';
import { beginMonth, publishedNote, publishMonth } from '../store/publish.ts';
import { beginRecommendRun, finishRecommendRun } from '../store/recommend-runs.ts';
import { parseNote, refuseOtherIngest } from './published-model.ts';
import { inLedger, MonthWork, sumOf, type MonthOptions } from './recommend-month.ts';

export type ProfileResult = { run: number; month: string; clusters: number; seconds: number };

/** Makes the profiles of a published month anew. */
export async function profileMonth(
  databaseUrl: string,
  options: MonthOptions,
): Promise<ProfileResult> {
  return await MonthWork.with(databaseUrl, options, async (work) => {
    const { client, first, month } = work;
    const note = await publishedNote(client, first);
    if (note === null) {
      throw new PipelineError(
        'RUN_CONFLICT',
        `nothing was recommended for ${month}; do so with \`millrace recommend run\``,
      );
    }
    await refuseOtherIngest(client, month, parseNote(note));
    const run = await beginRecommendRun(client, 'profile', first, {});
    return await inLedger(work, run, async () => {
      const table = await work.table();
      work.begin('profile');
      const { labels, clusters } = await publishedClusters(work, table);
      const profiles = describeClusters(table, labels, {
        contracts: countUsage(table.contracts, labels, clusters),
        products: countUsage(table.products, labels, clusters),
      });
      return await publishMonth(client, first, ['analytics.cluster_profile'], {
        fill: () => updateClusterInfo(work, profiles),
        note,
        keep: false, // the profiles of the recommendations before stay beside them
        publishing: () => work.begin('publish'),
        last: async () => {
          work.end();
          const checksum = sumOf([JSON.stringify(profiles)]);
          await finishRecommendRun(client, run, { rows: profiles.length, checksum, result: {} });
          const seconds = work.secondsSoFar();
          return { run, month: first, clusters: profiles.length, seconds };
        },
      });
    });
  });
}

/** Stores the clusters' profiles in a table of their own, in the transaction that publishes it. */
export async function updateClusterInfo(
  { client, first }: MonthWork,
  profiles: readonly ClusterProfile[],
): Promise<void> {
  await beginMonth(client, first, 'analytics.cluster_profile', 'filled in one transaction');
  await enterProfiles(client, first, profiles);
}

/** The cluster that each of the month's customers was published with. */
async function publishedClusters(
  { client, first, month }: MonthWork,
  table: CustomerTable,
): Promise<{ labels: Uint8Array; clusters: number }> {
  const labels = sharedBytes(table.count);
  const rows = await readClusters(client, first);
  const others = new PipelineError(
    'RUN_CONFLICT',
    `${month} was recommended to other customers than were ingested since; \`millrace recommend run\` is due`,
  );
  let row = 0;
  let clusters = 0;
  for (; await rows.next(); row++) {
    const code = Buffer.from(rows.bytes.subarray(rows.starts[0], rows.starts[0] + rows.lengths[0]));
    if (row >= table.count || code.toString() !== fieldText(table.codes, row)) throw others;
    labels[row] = rows.view.getInt32(rows.starts[1]);
    clusters = Math.max(clusters, labels[row] + 1);
  }
  if (row < table.count) throw others;
  return { labels, clusters };
}
