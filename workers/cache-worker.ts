import { host } from '../src/suite/host.ts';
import { cacheWorker } from '../src/suite/parts/cache-worker.ts';

await host(cacheWorker);
