import { EXIT_CODES } from '../base/errors.ts';
import { logger } from '../base/log.ts';
import { registry } from '../base/metrics.ts';
import { abortOnSignal } from '../base/shutdown.ts';
import { say } from '../base/terminal.ts';
import { MetricsBoard } from '../show/board.ts';
import { processMetrics } from '../show/process-metrics.ts';
import { healthApp, serve, type Check, type HttpServer } from '../show/server.ts';
import { zeroMetrics } from '../show/zero.ts';
import { configFromEnvironment, httpAddress, type HttpAddress } from './config.ts';
import { DRAIN_MS_MAX, START_MS_MAX, runPart, type Part, type PartFailure } from './part.ts';
import { Roster } from './roster.ts';
import { StreamWatch, watchedFor } from './watch.ts';
import { Watchdog, watchFromThread } from './watchdog.ts';

/** Runs one part as this process: its own signals, its own health and metrics. Returns the exit code. */
export async function runProcess(part: Part): Promise<number> {
  const { name } = part;
  const address = httpAddress();
  const config = configFromEnvironment();
  const log = logger(name);
  const roster = new Roster([name]);
  let watch: StreamWatch | null = null;
  const ready = (): Check[] => [...roster.ready(), ...(watch?.checks() ?? [])];
  const server = serveHealth(roster, ready, address);
  log.info('started', { http: server.url });
  const stop = stopOnSignal(name, roster);
  watch = new StreamWatch(config, watchedFor([name]), log);
  roster.enter(name, 'running');
  const watchdog = new Watchdog(roster);
  watchFromThread(roster, name);
  const wiring = { name, config, vitals: roster.vitals, slot: 0, log };
  const onCheck = (check: Check): void => roster.note(name, check);
  const failure = await runPart(part, { ...wiring, onCheck }, stop);
  watchdog.stop();
  await watch.stop();
  await server.stop();
  if (failure !== null) return exitCodeOf(failure);
  log.info('ended');
  return 0;
}

function serveHealth(roster: Roster, ready: () => Check[], address: HttpAddress): HttpServer {
  zeroMetrics();
  const board = new MetricsBoard([registry, processMetrics()]);
  const app = healthApp({
    live: () => roster.live(),
    ready,
    metrics: (openMetrics) => board.render(openMetrics),
  });
  return serve(app, address);
}

/** What stops the part: the signal, or an error of its own. From then on its time is limited. */
function stopOnSignal(name: string, roster: Roster): AbortController {
  const stop = new AbortController();
  stop.signal.addEventListener('abort', () => {
    roster.drain();
    setTimeout(() => roster.starting(name) && leaveUnbegun(name), START_MS_MAX).unref();
    setTimeout(() => giveUp(name), DRAIN_MS_MAX).unref();
  });
  abortOnSignal().addEventListener('abort', () => stop.abort());
  return stop;
}

function exitCodeOf({ code }: PartFailure): number {
  const codes: Readonly<Record<string, number>> = EXIT_CODES;
  return codes[code] ?? 1;
}

/** Nothing has begun, so there is nothing to finish; loading may take long on a busy machine. */
function leaveUnbegun(name: string): never {
  say(`${name}: stopped while it was starting`);
  process.exit(0);
}

/** Waiting longer would only mean being killed; what is in flight has not been committed. */
function giveUp(name: string): never {
  say(`${name}: not done after ${DRAIN_MS_MAX / 1_000} s; what is unfinished is undone`);
  process.exit(1);
}
