import { Option, type Command } from 'commander';

import { monotonicMs, seoulDate, seoulTime, wallClock } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { abortOnSignal, pause } from '../base/shutdown.ts';
import { count, say } from '../base/terminal.ts';
import { GRADE_PRESET_NAMES, gradePreset, type GradePresetName } from '../model/grade.ts';
import { connect } from '../store/client.ts';
import { passGrades, type GradePass } from '../store/grades.ts';
import { command, databaseOf, result, settingsOf, wholeNumber, type Common } from './common.ts';

type Options = Common & {
  once?: boolean;
  interval: number;
  preset?: GradePresetName;
  asOf?: string;
  settings?: string;
};

export function gradesCommand(): Command {
  return command('grades', 'grade customers by what they bought in the last six months')
    .option('--once', 'one pass, then stop')
    .option('--interval <seconds>', 'seconds from pass to pass', wholeNumber(1, 86_400), 600)
    .addOption(
      new Option('--preset <name>', 'what a grade asks for (default: live)').choices(
        GRADE_PRESET_NAMES,
      ),
    )
    .option(
      '--as-of <day>',
      'grade as of the start of a day in Seoul, like 2026-01-01 (default: now)',
    )
    .option('--settings <file>', 'JSON with any part of what `bun run millrace settings` prints')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const settings = settingsOf(options.settings);
  const preset = options.preset ?? settings.grades.live;
  const rules = gradePreset(preset, settings.grades.presets);
  const asOfMs = options.asOf === undefined ? undefined : dayStart(options.asOf);
  const signal = abortOnSignal();
  const client = await connect(await databaseOf(options), 'millrace grades');
  try {
    for (let number = 1; !signal.aborted; number++) {
      const started = monotonicMs();
      const pass = await passGrades(client, {
        asOfMs: asOfMs ?? wallClock(),
        windowMonths: settings.grades.windowMonths,
        preset,
        rules,
        demotion: settings.grades.demotion,
      });
      if (options.once) {
        const seconds = (monotonicMs() - started) / 1_000;
        result(options, { ...pass, seconds }, () => passLine(pass, number, wallClock()));
        return;
      }
      say(passLine(pass, number, wallClock()));
      await pause(options.interval * 1_000, signal);
    }
    if (options.json) result(options, { stopped: true }, () => '');
  } finally {
    await client.end().catch(() => undefined); // already gone: nothing is left to close
  }
}

/** The updater's line (seed 001): total, promoted, demoted, kept; then who holds what. */
export function passLine(pass: GradePass, number: number, nowMs: number): string {
  const { VIP, GOLD, SILVER, BRONZE } = pass.distribution;
  return `${seoulTime(nowMs)} - grade pass #${number} done - ${count(pass.total)} users | promoted ${count(pass.promoted)} | demoted ${count(pass.demoted)} | kept ${count(pass.kept)}
  grades: VIP ${count(VIP)} | GOLD ${count(GOLD)} | SILVER ${count(SILVER)} | BRONZE ${count(BRONZE)}`;
}

function dayStart(text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00+09:00`) : Number.NaN;
  if (!Number.isNaN(ms) && seoulDate(ms) === text) return ms; // 2026-02-31 would be 3 March
  throw new PipelineError('USAGE', `day '${text}': write it as YYYY-MM-DD, like 2026-01-01`);
}
