#!/usr/bin/env bun
import { Command, CommanderError } from 'commander';

import { EXIT_CODES, PipelineError } from './base/errors.ts';
import { answer, say } from './base/terminal.ts';
import { backfillCommand } from './cli/backfill.ts';
import { demoCommand } from './cli/demo.ts';
import { gradesCommand } from './cli/grades.ts';
import { reportCommand } from './cli/report.ts';
import { seedCommand } from './cli/seed.ts';
import { settingsCommand } from './cli/settings.ts';
import { downCommand, migrateCommand, statusCommand, upCommand } from './cli/stack.ts';

const program = new Command('millrace')
  .description('A believable shop, made by rules, stored fast, and checked')
  .version('0.1.0');

for (const make of [
  demoCommand,
  upCommand,
  downCommand,
  statusCommand,
  migrateCommand,
  seedCommand,
  backfillCommand,
  gradesCommand,
  reportCommand,
  settingsCommand,
]) {
  program.addCommand(exitByThrow(make()));
}

/** Commander ends the process itself otherwise, and with a code that says nothing. */
function exitByThrow(command: Command): Command {
  for (const child of command.commands) exitByThrow(child);
  return command.exitOverride();
}

try {
  await program.exitOverride().parseAsync();
} catch (cause) {
  process.exitCode = fail(cause);
}
await flushed(process.stdout);
// Whatever a signal handler or a half-closed socket still holds must not keep a finished command.
process.exit();

/** A pipe takes 64 KiB at a time; ending before it has taken the rest would cut the answer. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

/** One line to people, one object to scripts, and the exit code. */
function fail(cause: unknown): number {
  if (cause instanceof CommanderError) {
    if (cause.exitCode === 0) return 0; // --help and --version
    answerError('USAGE', cause.message.replace(/^error: /, ''));
    return EXIT_CODES.USAGE;
  }
  const known = cause instanceof PipelineError ? cause : null;
  const message = known?.message ?? `this is a defect of Millrace: ${String(cause)}`;
  say(`millrace: ${message}`);
  if (!known && cause instanceof Error && cause.stack) say(cause.stack);
  answerError(known?.code ?? 'DEFECT', message);
  return known?.exitCode ?? 1;
}

function answerError(code: string, message: string): void {
  if (process.argv.includes('--json')) answer(JSON.stringify({ error: { code, message } }));
}
