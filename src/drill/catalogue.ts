import { COMMIT_FAULTS } from './fault-commits.ts';
import { LINK_FAULTS } from './fault-links.ts';
import { POSTGRES_FAULTS } from './fault-postgres.ts';
import { PROCESS_FAULTS } from './fault-processes.ts';
import { RECORD_FAULTS } from './fault-records.ts';
import { SERVICE_FAULTS } from './fault-services.ts';
import { BACKFILL_KILL } from './job-backfill.ts';
import { TWICE_AT_ONCE } from './job-twice.ts';
import type { Fault, JobDrill } from './drill.ts';

/** Every fault of the stream, in the order of the table. */
export const FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...COMMIT_FAULTS,
  ...POSTGRES_FAULTS,
  ...LINK_FAULTS,
  ...SERVICE_FAULTS,
  ...RECORD_FAULTS,
];

/** Drills of jobs. */
export const JOBS: readonly JobDrill[] = [BACKFILL_KILL, TWICE_AT_ONCE];
