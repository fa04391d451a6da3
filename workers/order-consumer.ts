import { host } from '../src/suite/host.ts';
import { consumer } from '../src/suite/parts/consumer.ts';

await host(consumer('orders'));
