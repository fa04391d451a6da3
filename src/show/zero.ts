import { metrics } from '../base/metrics.ts';
import { GROUPS, REJECT_REASONS, TOPICS, type Topic } from '../model/event.ts';

const PHASES = ['copy', 'merge', 'commit'] as const;
const OUTCOMES = ['acked', 'failed', 'unknown'] as const;
const REDIS_COMMANDS = ['connect', 'load', 'swap', 'read', 'scenario', 'monitor'] as const;
const REFRESHES_SKIPPED = ['slow', 'redis_away', 'empty'] as const;
const REBALANCES = ['assigned', 'revoked'] as const;

/**
 * Lets the counters and histograms of topics begin at 0, so that the first event is a step that a
 * rate can see, and an alert on a counter that never moved is not an alert on a missing one.
 */
export function zeroMetrics(topics: readonly Topic[] = TOPICS): void {
  for (const topic of topics) {
    const group = GROUPS[topic];
    metrics.consumed.inc({ group, topic }, 0);
    metrics.duplicates.inc({ group, topic }, 0);
    for (const reason of REJECT_REASONS) {
      metrics.rejected.inc({ group, topic, reason }, 0);
      metrics.deadLetters.inc({ topic, reason }, 0);
    }
    metrics.deadLettersPublished.inc({ topic }, 0);
    metrics.missing.inc({ group, topic }, 0);
    for (const kind of REBALANCES) metrics.rebalances.inc({ group, kind }, 0);
    metrics.commitFailures.inc({ group }, 0);
    for (const outcome of OUTCOMES) metrics.produced.inc({ topic, outcome }, 0);
    metrics.copied.inc({ table: topic }, 0);
    metrics.inserted.inc({ table: topic }, 0);
    for (const phase of PHASES) metrics.batchSeconds.zero({ table: topic, phase });
    metrics.batchRows.zero({ table: topic });
    metrics.eventAge.zero({ topic });
  }
  for (const command of REDIS_COMMANDS) metrics.redisErrors.inc({ command }, 0);
  for (const reason of REFRESHES_SKIPPED) metrics.cacheSkipped.inc({ reason }, 0);
}

/** Lets the restarts of parts begin at 0: those that are nobody's fault but ours. */
export function zeroRestarts(workers: readonly string[]): void {
  for (const worker of workers) {
    for (const reason of ['DEFECT', 'EXITED']) metrics.workerRestarts.inc({ worker, reason }, 0);
  }
}
