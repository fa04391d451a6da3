import type { StreamDriver } from '../port.ts';
import { platformaticConsumer } from './platformatic-consumer.ts';
import { platformaticProducer } from './platformatic-producer.ts';

/**
 * `@platformatic/kafka`: no native part. Its connections (TLS, SASL) and its codec of the protocol
 * are used; batching, retrying and membership are in this folder, for the reasons given there.
 */
export const platformatic: StreamDriver = {
  name: 'platformatic',
  producer: platformaticProducer,
  consumer: platformaticConsumer,
};
