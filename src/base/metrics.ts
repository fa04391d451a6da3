import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * Every metric of Millrace, by the names dashboards expect (Prometheus naming rules: one prefix,
 * base units, `_total` for counters). Labels come from closed lists; batches are counted, not rows.
 * One registry a thread; the supervisor adds the threads' registries up for /metrics.
 */
export const registry = new Registry();

const registers = [registry];
const counter = (name: string, help: string, labelNames: string[] = []): Counter =>
  new Counter({ name, help, labelNames, registers });
const gauge = (
  name: string,
  help: string,
  labelNames: string[] = [],
  aggregator: 'sum' | 'max' = 'sum',
): Gauge => new Gauge({ name, help, labelNames, registers, aggregator });
const histogram = (
  name: string,
  help: string,
  labelNames: string[],
  buckets: number[],
): Histogram => new Histogram({ name, help, labelNames, buckets, registers });

const FAST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const AGE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 15, 60, 300, 3_600];
const ROWS = [1, 10, 100, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000];

export const metrics = {
  consumed: counter('millrace_kafka_records_consumed_total', 'Records taken from Kafka', [
    'group',
    'topic',
  ]),
  duplicates: counter(
    'millrace_kafka_records_duplicate_total',
    'Records that were stored before, by offset or by id',
    ['group', 'topic'],
  ),
  rejected: counter('millrace_kafka_records_rejected_total', 'Records refused', [
    'group',
    'topic',
    'reason',
  ]),
  deadLetters: counter('millrace_dead_letters_total', 'Dead letters stored', ['topic', 'reason']),
  deadLettersOpen: gauge(
    'millrace_dead_letters_open',
    'Dead letters neither redriven nor dismissed',
    ['topic'],
    'max',
  ),
  deadLettersPublished: counter(
    'millrace_dead_letters_published_total',
    'Dead letters sent to their dead-letter topic',
    ['topic'],
  ),
  deadLettersUnpublished: gauge(
    'millrace_dead_letters_unpublished',
    'Dead letters not in their dead-letter topic yet',
    ['topic'],
    'max',
  ),
  missing: counter(
    'millrace_kafka_records_missing_total',
    'Offsets that Kafka no longer had when they were to be read',
    ['group', 'topic'],
  ),
  rebalances: counter('millrace_kafka_rebalances_total', 'Changes of the partitions held', [
    'group',
    'kind',
  ]),
  commitFailures: counter(
    'millrace_kafka_commit_failures_total',
    'Kafka commits refused; they are hints, nothing is lost',
    ['group'],
  ),
  produced: counter('millrace_kafka_producer_records_total', 'Records sent, by outcome', [
    'topic',
    'outcome',
  ]),
  copied: counter('millrace_postgres_rows_copied_total', 'Rows sent by COPY', ['table']),
  inserted: counter('millrace_postgres_rows_inserted_total', 'Rows that went in', ['table']),
  batchSeconds: histogram(
    'millrace_postgres_batch_duration_seconds',
    'Time of a batch by phase',
    ['table', 'phase'],
    FAST_SECONDS,
  ),
  batchRows: histogram('millrace_postgres_batch_rows', 'Rows of a batch', ['table'], ROWS),
  retries: counter('millrace_retries_total', 'Attempts repeated', ['what', 'code']),
  eventAge: histogram(
    'millrace_event_age_seconds',
    'Commit time minus event time',
    ['topic'],
    AGE_SECONDS,
  ),
  effectsPending: gauge(
    'millrace_order_effects_pending',
    'Stored batches whose effect on users and products waits',
    [],
    'max',
  ),
  effectsAge: gauge(
    'millrace_order_effects_age_seconds',
    'Age of the oldest effect that waits',
    [],
    'max',
  ),
  brokerUp: gauge(
    'millrace_kafka_broker_up',
    '1 while the other brokers have this one among them; the sum is how many are up',
    ['broker'],
    'max',
  ),
  lag: gauge(
    'kafka_consumergroup_lag',
    'End offset minus the next offset to store',
    ['consumergroup', 'topic', 'partition'],
    'max',
  ),
  lagSeconds: gauge(
    'kafka_consumergroup_lag_seconds',
    'Age of the oldest record not stored yet',
    ['consumergroup', 'topic', 'partition'],
    'max',
  ),
  currentOffset: gauge(
    'kafka_consumergroup_current_offset',
    'Next offset to store',
    ['consumergroup', 'topic', 'partition'],
    'max',
  ),
  lagCollected: gauge(
    'millrace_lag_collection_success',
    '1 when lag was read in the last round',
    [],
    'max',
  ),
  redisUp: gauge('millrace_redis_up', '1 when Redis answered last', [], 'max'),
  redisErrors: counter('millrace_redis_errors_total', 'Replies that were errors', ['command']),
  cacheAge: gauge('millrace_cache_age_seconds', 'Age of the pool in use', ['pool'], 'max'),
  cacheEntries: gauge('millrace_cache_entries', 'Entries of the pool in use', ['pool'], 'max'),
  cacheRefreshSeconds: histogram(
    'millrace_cache_refresh_duration_seconds',
    'Time of a refresh by phase',
    ['phase'],
    FAST_SECONDS,
  ),
  cacheSkipped: counter('millrace_cache_refresh_skipped_total', 'Refreshes not begun, by why', [
    'reason',
  ]),
  workerUp: gauge('millrace_worker_up', '1 while a part runs', ['worker'], 'max'),
  workerRestarts: counter('millrace_worker_restarts_total', 'Parts started again', [
    'worker',
    'reason',
  ]),
  workerProgress: gauge(
    'millrace_worker_last_progress_timestamp_seconds',
    'When a part last got something done',
    ['worker'],
    'max',
  ),
  jobLastSuccess: gauge(
    'millrace_job_last_success_timestamp_seconds',
    'When a job last ended well',
    ['job'],
    'max',
  ),
  jobSeconds: histogram(
    'millrace_job_duration_seconds',
    'Time of a job',
    ['job'],
    [...FAST_SECONDS, 30, 60, 300, 900],
  ),
  jobRows: counter('millrace_job_rows_total', 'Rows a job made or changed', ['job']),
  jobLastSeconds: gauge(
    'millrace_job_last_duration_seconds',
    'Time of the last run that ended well',
    ['job'],
    'max',
  ),
  jobRuns: counter('millrace_job_runs_total', 'Turns of a job, by outcome', ['job', 'outcome']),
  jobNextDue: gauge(
    'millrace_job_next_due_timestamp_seconds',
    'When a job is to be begun next',
    ['job'],
    'max',
  ),
  jobRunning: gauge('millrace_job_running', '1 while a job runs', ['job'], 'max'),
  scenario: gauge('millrace_scenario', 'The preset in force, 0 being everyday', [], 'max'),
  buildInfo: gauge(
    'millrace_build_info',
    'Always 1; the labels say what runs',
    ['version', 'bun_version'],
    'max',
  ),
} as const;
