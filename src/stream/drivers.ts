import { PipelineError } from '../base/errors.ts';
import type { StreamDriver } from './port.ts';

const DRIVERS: Record<string, () => Promise<StreamDriver>> = {
  librdkafka: async () => (await import('./drivers/librdkafka.ts')).librdkafka,
  platformatic: async () => (await import('./drivers/platformatic.ts')).platformatic,
};

export const DRIVER_NAMES = Object.keys(DRIVERS);

/**
 * Both pass the conformance suite; this one alone keeps headers as they are (librdkafka's addon hands
 * them over as a map), acknowledges at once, says nothing on stdout, and takes less processor time.
 */
export const DEFAULT_DRIVER = 'platformatic';

/** The driver of a name, the value of KAFKA_DRIVER; only that one is loaded. */
export async function streamDriver(name: string = DEFAULT_DRIVER): Promise<StreamDriver> {
  const load = DRIVERS[name];
  if (load) return await load();
  throw new PipelineError(
    'USAGE',
    `KAFKA_DRIVER '${name}': choose one of ${DRIVER_NAMES.join(', ')}`,
  );
}
