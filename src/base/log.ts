import { seoulTime, wallClock, type Clock } from './clock.ts';
import { redactUrl, setting } from './config.ts';
import { PipelineError } from './errors.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];

/** What a line says besides its message. No payloads, and no lists that grow. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** One line a batch or an event, never one a row. */
export type Log = Readonly<Record<Level, (message: string, fields?: LogFields) => void>>;

type LogOptions = {
  level: Level | 'off';
  people: boolean; // a short line for a terminal instead of JSON
  write: (line: string) => void;
  clock: Clock;
};

const TEXT_MAX = 2_000; // characters of one value: a server's complaint may quote a whole row

/**
 * Writes lines of a part to stderr: JSON objects, or short lines on a terminal. MILLRACE_LOG sets the
 * lowest level (debug, info, warn, error, or off). Passwords in URLs are replaced wherever they stand.
 */
export function logger(part: string, options: Partial<LogOptions> = {}): Log {
  const {
    level = levelSet(),
    people = process.stderr.isTTY,
    write = toStderr,
    clock = wallClock,
  } = options;
  const lowest = level === 'off' ? LEVELS.length : LEVELS.indexOf(level);
  const at =
    (index: number) =>
    (message: string, fields: LogFields = {}) => {
      if (index < lowest) return;
      const line = people ? shortLine : jsonLine;
      write(line(clock(), LEVELS[index], part, safe(message), safeFields(fields)));
    };
  return { debug: at(0), info: at(1), warn: at(2), error: at(3) };
}

/** What a line says about an error: its code and message, its stack if it is a defect of ours. */
export function errorFields(cause: unknown): LogFields {
  if (cause instanceof PipelineError) return { code: cause.code, error: cause.message };
  if (!(cause instanceof Error)) return { code: 'DEFECT', error: String(cause) };
  return { code: 'DEFECT', error: cause.message, stack: cause.stack };
}

function levelSet(): Level | 'off' {
  const text = setting('MILLRACE_LOG') ?? 'info';
  if (text === 'off') return text;
  const level = LEVELS.find((name) => name === text);
  if (level !== undefined) return level;
  throw new PipelineError('USAGE', `MILLRACE_LOG is '${text}': use ${LEVELS.join(', ')} or off`);
}

function toStderr(line: string): void {
  process.stderr.write(line);
}

function jsonLine(ms: number, level: Level, part: string, msg: string, fields: LogFields): string {
  return `${JSON.stringify({ time: new Date(ms).toISOString(), level, part, msg, ...fields })}\n`;
}

function shortLine(ms: number, level: Level, part: string, msg: string, fields: LogFields): string {
  const time = seoulTime(ms).slice(11);
  const mark = level === 'info' ? '' : `${level.toUpperCase()} `;
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name}=${String(value)}`);
  return `${time} ${part.padEnd(18)} ${mark}${msg}${rest.join('')}\n`;
}

function safeFields(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' ? safe(value) : value,
    ]),
  );
}

function safe(text: string): string {
  const short = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
  return short.replaceAll(/\S+:\/\/\S+/g, redactUrl);
}
