import { writeSync } from 'node:fs';

let hideDrawing: (() => void) | null = null;

/** Names what takes a drawing (a bar) off the terminal, so that a line said meanwhile stays whole. */
export function drawingHiddenBy(hide: (() => void) | null): void {
  hideDrawing = hide;
}

/** What a command says to people: on stderr, so that stdout is left to results. */
export function say(line = ''): void {
  hideDrawing?.();
  process.stderr.write(`${line}\n`);
}

let answersTo: number | null = null; // a file descriptor; null: stdout

/** Names the file descriptor that stdout has become, because others write to the usual one. */
export function answersGoTo(descriptor: number): void {
  answersTo = descriptor;
}

/** What a command answers: on stdout. */
export function answer(line: string): void {
  if (answersTo === null) process.stdout.write(`${line}\n`);
  else writeWhole(answersTo, `${line}\n`);
}

function writeWhole(descriptor: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (cause) {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'EAGAIN')) throw cause;
      Bun.sleepSync(1); // a pipe that is full
    }
  }
}

/** Columns under each other; widths as the terminal shows them, Korean being two cells wide. */
export function columns(
  rows: readonly (readonly string[])[],
  alignRight: readonly number[] = [],
): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) {
      widths[i] = Math.max(widths[i] ?? 0, Bun.stringWidth(cell));
    }
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) => pad(cell, widths[i], alignRight.includes(i)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function pad(cell: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - Bun.stringWidth(cell)));
  return right ? space + cell : cell + space;
}

/** `1,234,567` */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** `0.94 s`, `2 min 05 s` */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}
