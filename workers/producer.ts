import { host } from '../src/suite/host.ts';
import { producer } from '../src/suite/parts/producer.ts';

await host(producer);
