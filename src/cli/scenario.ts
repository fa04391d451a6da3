import { Argument, Option, type Command } from 'commander';

import { withRedis } from '../cache/client.ts';
import {
  chooseScenario,
  currentScenario,
  SCENARIO_MINUTES_MAX,
  type CurrentScenario,
} from '../cache/scenario.ts';
import { seoulIso, wallClock } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { SCENARIOS } from '../model/scenario.ts';
import { command, redisOf, result, wholeNumber, type Common } from './common.ts';

type Options = Common & { minutes?: number; redisUrl?: string };

const NUMBER_MAX = SCENARIOS.length - 1;

/** Switches what kind of day the running shops have, without a restart. */
export function scenarioCommand(): Command {
  return command('scenario', 'choose the scenario of the running shop, or show it')
    .addArgument(
      new Argument(
        '[number]',
        `0 to ${NUMBER_MAX}, as \`bun run millrace settings --scenarios\` lists them; 0 ends one`,
      ).argParser(wholeNumber(0, NUMBER_MAX)),
    )
    .option(
      '--minutes <number>',
      "how long it lasts (default: the scenario's own time, about 10,000 orders)",
      wholeNumber(1, SCENARIO_MINUTES_MAX),
    )
    .addOption(
      new Option(
        '--redis-url <url>',
        'Redis to use (default: REDIS_URL, or the one `bun run millrace up` started)',
      ),
    )
    .action(run);
}

async function run(number: number | undefined, options: Options): Promise<void> {
  if (number === undefined && options.minutes !== undefined) {
    throw new PipelineError(
      'USAGE',
      '--minutes goes with a number: `bun run millrace scenario 3 --minutes 10`',
    );
  }
  const url = await redisOf(options);
  await withRedis(url, async (redis) => {
    const atMs = wallClock();
    if (number === undefined) {
      const current = await currentScenario(redis, atMs);
      result(options, report(current), () => sentence(current));
      return;
    }
    const { minutes } = options;
    const chosen = await chooseScenario(redis, number, {
      atMs,
      ...(minutes !== undefined && { minutes }),
    });
    result(options, report(chosen), () => sentence(chosen));
  });
}

/** What a script gets: null where nothing is chosen. */
function report(current: CurrentScenario | null): Record<string, string | number | null> {
  return {
    scenario: current?.number ?? null,
    name: current === null ? null : SCENARIOS[current.number].name,
    chosenAt: time(current?.atMs ?? null),
    until: time(current?.untilMs ?? null),
  };
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

function sentence(current: CurrentScenario | null): string {
  if (current === null) {
    return "No scenario is chosen: the shop has its ordinary day, or its hour's own scenario.";
  }
  const { number, untilMs } = current;
  if (number === 0) return 'Scenario 0: back to the ordinary day.';
  const until = untilMs === null ? '' : ` until ${seoulIso(untilMs)}`;
  return `Scenario ${number}, ${SCENARIOS[number].name},${until || ' written by hand, without an end'}.`;
}
