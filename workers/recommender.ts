import { host } from '../src/suite/host.ts';
import { recommender } from '../src/suite/parts/recommender.ts';

await host(recommender);
