import { host } from '../src/suite/host.ts';
import { initialSeeder } from '../src/suite/parts/initial-seeder.ts';

await host(initialSeeder);
