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
// Whatever a signal handler or a half-closed socket still holds must not keep a finished command.
process.exit();

/** One line to people, one object to scripts, and the exit code. */
function fail(cause: unknown): number {
  if (cause instanceof CommanderError) return cause.exitCode === 0 ? 0 : EXIT_CODES.USAGE;
  const known = cause instanceof PipelineError ? cause : null;
  const message = known?.message ?? `this is a defect of Millrace: ${String(cause)}`;
  say(`millrace: ${message}`);
  if (!known && cause instanceof Error && cause.stack) say(cause.stack);
  if (process.argv.includes('--json')) {
    answer(JSON.stringify({ error: { code: known?.code ?? 'DEFECT', message } }));
  }
  return known?.exitCode ?? 1;
}
