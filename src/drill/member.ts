import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { monotonicMs } from '../base/clock.ts';
import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { EXIT_CODES, PipelineError } from '../base/errors.ts';
import { boundTo, sendSignal, spawnServer } from '../stack/processes.ts';
import type { FaultProxy } from './proxy.ts';

export type MemberOptions = {
  name: string;
  words: readonly string[]; // of its command line, after the program
  environment: Record<string, string>;
  httpPort: number; // kept over restarts, so that Kafka knows its consumers again
  folder: string; // for its log
  proxy: FaultProxy | null; // in front of its PostgreSQL
};

/** How a process ended that nobody had ended, and the last line of its log. */
export type Surprise = { member: string; code: number; lastWords: string };

const STOP_MS_MAX = 10_000;
const AGAIN_MS = 300;
const ANSWER_MS_MAX = 5_000;
const START_MS_MAX = 15_000; // in which a start finds a server away, or loses it
const LAST_WORDS_MAX = 300; // characters
const DEFECT = '"code":"DEFECT"';

/** A start without a server says so and ends with one of these, to be made again. */
const AWAY_CODES = new Set<number>([
  EXIT_CODES.DATABASE_LOST,
  EXIT_CODES.DATABASE_UNREACHABLE,
  EXIT_CODES.KAFKA_UNREACHABLE,
  EXIT_CODES.REDIS_UNREACHABLE,
]);

/**
 * A process of the shop that a drill may kill. One that ends by itself is started again, as what runs
 * it in earnest would, and remembered as a surprise.
 */
export class Member {
  readonly name: string;
  readonly proxy: FaultProxy | null;
  readonly surprises: Surprise[] = [];
  starts = 0;
  refusedStarts = 0; // of them, those that found a server away
  readonly #options: MemberOptions;
  #child: Bun.Subprocess | null = null;
  #startedMs = -Infinity;
  #ending = false; // we have ended it, or are about to

  constructor(options: MemberOptions) {
    this.#options = options;
    this.name = options.name;
    this.proxy = options.proxy;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Since its last start. */
  get upMs(): number {
    return this.#child === null ? 0 : monotonicMs() - this.#startedMs;
  }

  /** Whether it runs and nobody has told it to end. */
  get steady(): boolean {
    return this.#child !== null && !this.#ending;
  }

  start(): void {
    const { words, environment, httpPort } = this.#options;
    this.#ending = false;
    this.starts++;
    this.#startedMs = monotonicMs();
    const child = spawnServer({
      argv: boundTo('process', 'KILL', [process.execPath, ...words]),
      cwd: PROJECT_ROOT,
      log: this.#log,
      env: childEnvironment({ ...environment, MILLRACE_HTTP_PORT: `${httpPort}` }),
    });
    this.#child = child;
    void this.#startAgain(child); // never rejects
  }

  /** `kill -9`, at once; `gone` waits for the end. */
  kill(): void {
    this.#ending = true;
    if (this.#child) sendSignal(this.#child.pid, 'SIGKILL');
  }

  async gone(): Promise<void> {
    await this.#child?.exited;
    this.#child = null;
  }

  async killAndStart(): Promise<void> {
    this.kill();
    await this.gone();
    this.start();
  }

  /** SIGTERM; its exit code and how long that took. Null: it did not run. */
  async stop(): Promise<{ code: number; ms: number } | null> {
    this.#ending = true;
    const child = this.#child;
    if (!child) return null;
    const from = monotonicMs();
    sendSignal(child.pid, 'SIGTERM');
    const late = setTimeout(() => sendSignal(child.pid, 'SIGKILL'), STOP_MS_MAX);
    const code = await child.exited;
    clearTimeout(late);
    this.#child = null;
    return { code, ms: monotonicMs() - from };
  }

  freeze(): void {
    if (this.#child) sendSignal(this.#child.pid, 'SIGSTOP');
  }

  thaw(): void {
    if (this.#child) sendSignal(this.#child.pid, 'SIGCONT');
  }

  /** Once this one has ended by itself. */
  async #startAgain(child: Bun.Subprocess): Promise<void> {
    const code = await child.exited;
    if (this.#ending || this.#child !== child) return;
    this.#child = null;
    // Somebody's connection may have been given the port; it lets go of it in a moment.
    if (code !== EXIT_CODES.PORT_IN_USE) this.#note(code);
    await Bun.sleep(AGAIN_MS);
    if (!this.#ending && this.#child === null) this.start();
  }

  #note(code: number): void {
    const refused = AWAY_CODES.has(code) && monotonicMs() - this.#startedMs < START_MS_MAX;
    if (refused) this.refusedStarts++;
    else this.surprises.push({ member: this.name, code, lastWords: this.lastWords() });
  }

  /** The last line of its log, where it says why it ended. */
  lastWords(): string {
    const lines = readFileSync(this.#log, 'utf8').trimEnd().split('\n');
    return (lines.at(-1) ?? '').slice(0, LAST_WORDS_MAX);
  }

  /** What it has logged as a mistake of its own, which no fault of the world excuses; one text each. */
  defects(): string[] {
    if (!existsSync(this.#log)) return [];
    const lines = readFileSync(this.#log, 'utf8').split('\n');
    return lines
      .filter((line) => line.includes(DEFECT))
      .map((line) => line.slice(0, LAST_WORDS_MAX));
  }

  get #log(): string {
    return join(this.#options.folder, `${this.name}.log`);
  }

  /** A path of its health server; status 0: it does not answer. */
  async get(path: string): Promise<{ status: number; text: string }> {
    const url = `http://127.0.0.1:${this.#options.httpPort}${path}`;
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
      return { status: answer.status, text: await answer.text() };
    } catch {
      return { status: 0, text: '' };
    }
  }

  /** Memory in bytes and open files, by the system; null where it does not run or /proc is missing. */
  vitals(): { memoryBytes: number; files: number } | null {
    if (this.pid === undefined) return null;
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
      const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
      if (kib === undefined) return null;
      return {
        memoryBytes: Number(kib) * 1_024,
        files: readdirSync(`/proc/${this.pid}/fd`).length,
      };
    } catch {
      return null; // ended meanwhile
    }
  }

  /** The database URL as this process is to see it. */
  static through(databaseUrl: string, { port }: FaultProxy): string {
    const url = new URL(databaseUrl);
    url.port = `${port}`;
    return url.href;
  }
}

/** Waits until all answer that they are ready. */
export async function untilReady(
  members: readonly Member[],
  msMax: number,
  signal: AbortSignal,
): Promise<void> {
  const end = monotonicMs() + msMax;
  for (const member of members) {
    while ((await member.get('/readyz')).status !== 200) {
      if (signal.aborted) throw new PipelineError('INTERRUPTED', 'the drill was stopped');
      if (monotonicMs() > end) {
        throw new PipelineError(
          'CHECK_FAILED',
          `${member.name} is not ready after ${msMax / 1_000} s`,
        );
      }
      await Bun.sleep(AGAIN_MS);
    }
  }
}
