import { monotonicMs, wallClock } from '../../base/clock.ts';
import { metrics } from '../../base/metrics.ts';
import { retry } from '../../base/retry.ts';
import { repeat } from '../../base/schedule.ts';
import { REAL_TIME } from '../../base/time.ts';
import { gradePreset } from '../../model/grade.ts';
import { withClient } from '../../store/client.ts';
import { passGrades, type GradePass } from '../../store/grades.ts';
import { databaseOf } from '../config.ts';
import { unlessStopped, type Part } from '../part.ts';

const EVERY_MS = 600_000; // seed 002
const PASS_MS_MAX = 900_000;
const JOB = 'grade-updater';

/** Grades all customers by what they bought in six months: at once, and then every ten minutes. */
export const gradeUpdater: Part = {
  name: 'grade-updater',
  async run({ config, signal, log, heartbeat, progress, check }) {
    const url = databaseOf(config);
    const { live, presets, windowMonths, demotion } = config.settings.grades;
    const rules = gradePreset(live, presets);
    const pass = async (): Promise<GradePass> =>
      await unlessStopped(
        signal,
        withClient(url, (client) =>
          passGrades(client, { asOfMs: wallClock(), windowMonths, preset: live, rules, demotion }),
        ),
      );
    const onSkipped = (turns: number): void =>
      log.warn('a pass took longer than its turn', { turns });
    await repeat({ everyMs: EVERY_MS, signal, onSkipped }, async () => {
      heartbeat(PASS_MS_MAX);
      const startedMs = monotonicMs();
      metrics.jobRunning.set({ job: JOB }, 1);
      try {
        const { total, promoted, demoted, kept, distribution } = await retry(
          {
            what: JOB,
            time: REAL_TIME,
            signal,
            onRetry: ({ message }) => check('postgres', message),
          },
          pass,
        );
        check('postgres', null);
        log.info('graded', { users: total, promoted, demoted, kept, ...distribution });
        metrics.jobRows.inc({ job: JOB }, promoted + demoted);
        metrics.jobSeconds.observe({ job: JOB }, (monotonicMs() - startedMs) / 1_000);
        metrics.jobLastSuccess.setToCurrentTime({ job: JOB });
        progress();
      } finally {
        metrics.jobRunning.set({ job: JOB }, 0);
      }
      heartbeat(EVERY_MS + PASS_MS_MAX);
    });
  },
};
