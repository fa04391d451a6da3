import { Option, type Command } from 'commander';

import {
  DAY_MS,
  monotonicMs,
  secondsSince,
  seoulDate,
  seoulTime,
  wallClock,
} from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { abortOnSignal, pause } from '../base/shutdown.ts';
import { count, say } from '../base/terminal.ts';
import { GRADE_PRESET_NAMES, gradePreset, type GradePresetName } from '../model/grade.ts';
import { connect, type Client } from '../store/client.ts';
import { ordersInWindow, passGrades, type GradePass } from '../store/grades.ts';
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
      const window = { asOfMs: asOfMs ?? wallClock(), windowMonths: settings.grades.windowMonths };
      const { demotion } = settings.grades;
      const pass = await passGrades(client, { ...window, preset, rules, demotion });
      const line = (): string => passLine(pass, number, wallClock(), asOfMs);
      if (options.once) {
        const seconds = secondsSince(started);
        await hintAtWindow(client, window);
        result(options, { ...pass, seconds }, line);
        return;
      }
      say(line());
      await pause(options.interval * 1_000, signal);
    }
    if (options.json) result(options, { stopped: true }, () => '');
  } finally {
    await client.end().catch(() => undefined); // already gone: nothing is left to close
  }
}

/** The updater's line (seed 001): total, promoted, demoted, kept; then who holds what. */
export function passLine(
  pass: GradePass,
  number: number,
  nowMs: number,
  asOfMs?: number, // if it is not now
): string {
  const { VIP, GOLD, SILVER, BRONZE } = pass.distribution;
  const asOf = asOfMs === undefined ? '' : ` as of ${seoulTime(asOfMs)}`;
  return `${seoulTime(nowMs)} - grade pass #${number} done${asOf} - ${count(pass.total)} users | promoted ${count(pass.promoted)} | demoted ${count(pass.demoted)} | kept ${count(pass.kept)}
  grades: VIP ${count(VIP)} | GOLD ${count(GOLD)} | SILVER ${count(SILVER)} | BRONZE ${count(BRONZE)}`;
}

/** A history lies in the past, so a pass as of now may find nobody who ordered. */
async function hintAtWindow(
  client: Client,
  window: { asOfMs: number; windowMonths: number },
): Promise<void> {
  const found = await ordersInWindow(client, window);
  if (found.any) return;
  const none = `hint: no order lies in the ${window.windowMonths} months before ${seoulDate(window.asOfMs)}`;
  if (found.newestMs === null) {
    say(`${none}, nor anywhere; \`bun run millrace backfill\` makes some`);
    return;
  }
  const after = seoulDate(found.newestMs + DAY_MS);
  say(`${none}; the newest is of ${seoulDate(found.newestMs)}: try --as-of ${after}`);
}

function dayStart(text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00+09:00`) : Number.NaN;
  if (!Number.isNaN(ms) && seoulDate(ms) === text) return ms; // 2026-02-31 would be 3 March
  throw new PipelineError('USAGE', `day '${text}': write it as YYYY-MM-DD, like 2026-01-01`);
}
