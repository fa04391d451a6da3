#!/usr/bin/env bun
import { Command, CommanderError } from 'commander';

import { EXIT_CODES, PipelineError, Unfinished } from './base/errors.ts';
import { answer, say } from './base/terminal.ts';

const program = new Command('millrace')
  .enablePositionalOptions()
  .description('A believable shop, made by rules, stored fast, and checked')
  .version('0.1.0');

/** Each in a file of its own, read when it is called: one must not wait for what another needs. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  demo: async () => (await import('./cli/demo.ts')).demoCommand(),
  up: async () => (await import('./cli/stack.ts')).upCommand(),
  down: async () => (await import('./cli/stack.ts')).downCommand(),
  status: async () => (await import('./cli/stack.ts')).statusCommand(),
  migrate: async () => (await import('./cli/stack.ts')).migrateCommand(),
  topics: async () => (await import('./cli/topics.ts')).topicsCommand(),
  seed: async () => (await import('./cli/seed.ts')).seedCommand(),
  backfill: async () => (await import('./cli/backfill.ts')).backfillCommand(),
  customers: async () => (await import('./cli/customers.ts')).customersCommand(),
  recommend: async () => (await import('./cli/recommend.ts')).recommendCommand(),
  jobs: async () => (await import('./cli/jobs.ts')).jobsCommand(),
  grades: async () => (await import('./cli/grades.ts')).gradesCommand(),
  workers: async () => (await import('./cli/workers.ts')).workersCommand(),
  scenario: async () => (await import('./cli/scenario.ts')).scenarioCommand(),
  audit: async () => (await import('./cli/audit.ts')).auditCommand(),
  dlq: async () => (await import('./cli/dlq.ts')).dlqCommand(),
  drill: async () => (await import('./cli/drill.ts')).drillCommand(),
  report: async () => (await import('./cli/report.ts')).reportCommand(),
  settings: async () => (await import('./cli/settings.ts')).settingsCommand(),
};

const named = process.argv[2] ?? '';
// Help, and a name that is mistyped, need them all.
const loaded = COMMANDS[named] ? [named] : Object.keys(COMMANDS);
for (const name of loaded) program.addCommand(exitByThrow(await COMMANDS[name]()));

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
function fail(thrown: unknown): number {
  const answers = thrown instanceof Unfinished ? thrown.answers : {};
  const cause = thrown instanceof Unfinished ? thrown.cause : thrown;
  if (cause instanceof CommanderError) {
    if (cause.exitCode === 0) return 0; // --help and --version
    answerError('USAGE', cause.message.replace(/^error: /, ''));
    return EXIT_CODES.USAGE;
  }
  const known = cause instanceof PipelineError ? cause : null;
  const message = known?.message ?? `this is a defect of Millrace: ${String(cause)}`;
  say(`millrace: ${message}`);
  if (!known && cause instanceof Error && cause.stack) say(cause.stack);
  answerError(known?.code ?? 'DEFECT', message, answers);
  return known?.exitCode ?? 1;
}

function answerError(code: string, message: string, answers: Unfinished['answers'] = {}): void {
  const error = { code, message };
  if (process.argv.includes('--json')) answer(JSON.stringify({ ...answers, error }));
}
