import { host } from '../src/suite/host.ts';
import { userSeeder } from '../src/suite/parts/user-seeder.ts';

await host(userSeeder);
