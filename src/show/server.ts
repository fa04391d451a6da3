import { Hono } from 'hono';

import { PipelineError } from '../base/errors.ts';
import { OPENMETRICS_TYPE, TEXT_TYPE } from './board.ts';

/** One thing that was looked at. `failure` says what is wrong; null: nothing. */
export type Check = {
  name: string;
  failure: string | null;
  degrades?: boolean; // worth telling, but the process can do its work
};

/** What the answers are made of; all of it is known beforehand, nothing is asked over a network. */
export type Health = {
  /** Can this process do work at all? A failure means: restart it. */
  live(): Check[];
  /** Is it doing its work? A failure means: wait, and look at the reason. */
  ready(): Check[];
  /** The text of a scrape. */
  metrics(openMetrics: boolean): Promise<string>;
};

export type HttpServer = { port: number; url: string; stop(): Promise<void> };

const BODY_BYTES_MAX = 1_024; // nobody has anything to send
const IDLE_SECONDS_MAX = 10;

/** `/livez`, `/healthz` (its older name), `/readyz` and `/metrics`; add `?verbose` for every check. */
export function healthApp(health: Health): Hono {
  const app = new Hono();
  const live = ({ req }: { req: { query(name: string): string | undefined } }): Response =>
    answer(health.live(), req.query('verbose') !== undefined);
  app.get('/livez', live);
  app.get('/healthz', live);
  app.get('/readyz', ({ req }) => answer(health.ready(), req.query('verbose') !== undefined));
  app.get('/metrics', async ({ req }) => {
    const openMetrics = (req.header('accept') ?? '').includes('application/openmetrics-text');
    const type = openMetrics ? OPENMETRICS_TYPE : TEXT_TYPE;
    return new Response(await health.metrics(openMetrics), { headers: { 'content-type': type } });
  });
  return app;
}

/** Serves an app on one address. `port` 0 takes any that is free. */
export function serve(
  app: { fetch: (request: Request) => Response | Promise<Response> },
  { host, port }: { host: string; port: number },
): HttpServer {
  try {
    const server = Bun.serve({
      hostname: host,
      port,
      fetch: (request) => app.fetch(request),
      development: false,
      reusePort: false, // which development: false turns on: two processes would share the port
      idleTimeout: IDLE_SECONDS_MAX,
      maxRequestBodySize: BODY_BYTES_MAX,
    });
    return {
      port: server.port ?? port,
      url: `http://${server.hostname}:${server.port}`,
      stop: async () => await server.stop(true),
    };
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') throw cause;
    const why = code === 'EADDRINUSE' ? 'is in use' : 'may not be used';
    throw new PipelineError(
      'PORT_IN_USE',
      `port ${port} of ${host} ${why}; set MILLRACE_HTTP_PORT to another, or to 0 for any`,
      { cause },
    );
  }
}

/** 503 when something fails; the reasons either way, and with `verbose` all that was looked at. */
function answer(checks: Check[], verbose: boolean): Response {
  const reasons = checks.filter(({ failure }) => failure !== null);
  const failed = reasons.filter(({ degrades }) => !degrades).map(text);
  const degraded = reasons.filter(({ degrades }) => degrades).map(text);
  const ok = failed.length === 0;
  const body = { status: ok ? 'ok' : 'failing', reasons: failed, degraded };
  return Response.json(verbose ? { ...body, checks: checks.map(plain) } : body, {
    status: ok ? 200 : 503,
  });
}

function text({ name, failure }: Check): string {
  return `${name}: ${failure}`;
}

function plain({ name, failure, degrades }: Check): object {
  return { name, ok: failure === null, failure, degrades: degrades ?? false };
}
