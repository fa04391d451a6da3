import { host } from '../src/suite/host.ts';
import { gradeUpdater } from '../src/suite/parts/grade-updater.ts';

await host(gradeUpdater);
