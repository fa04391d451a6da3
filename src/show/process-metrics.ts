import { collectDefaultMetrics, Registry } from 'prom-client';

/** What prom-client can say about a process that means something in Bun. */
const KEPT = /^(process_|nodejs_eventloop_lag_(seconds|p99_seconds|max_seconds)$)/;

/** Processor time, memory, open files and event loop lag of this process, read when asked for. */
export function processMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const { name } of registry.getMetricsAsArray()) {
    if (!KEPT.test(name)) registry.removeSingleMetric(name);
  }
  return registry;
}
