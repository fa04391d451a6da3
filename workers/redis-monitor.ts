import { host } from '../src/suite/host.ts';
import { redisMonitor } from '../src/suite/parts/redis-monitor.ts';

await host(redisMonitor);
