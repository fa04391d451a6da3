import { Argument, Command, InvalidArgumentError, Option } from 'commander';

import { seoulIso } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { columns, count } from '../base/terminal.ts';
import {
  parsePlace,
  placeText,
  REDRIVE_HEADER,
  REJECT_REASONS,
  TOPICS,
  type Place,
} from '../model/event.ts';
import { withClient, type Client } from '../store/client.ts';
import {
  closeDeadLetters,
  countDeadLetters,
  DEAD_LETTER_STATES,
  findDeadLetters,
  readDeadLetter,
  redrivenAs,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterHead,
} from '../store/dead-letters.ts';
import { connectionSettings } from '../stream/connection.ts';
import { DEFAULT_DRIVER, streamDriver } from '../stream/drivers.ts';
import type { OutgoingRecord, Producer } from '../stream/port.ts';
import { command, databaseOf, kafkaOf, result, wholeNumber, type Common } from './common.ts';

type Filters = Common & DeadLetterFilter;

const LIST_MAX = 1_000;
const LIST_DEFAULT = 50;
const PRODUCER_OPTIONS = {
  lingerMs: 5,
  compression: 'none',
  inFlightMax: 1_000,
  deliveryMsMax: 30_000,
} as const;

export function dlqCommand(): Command {
  return new Command('dlq')
    .description('dead letters: records that could not be stored, byte for byte')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(redriveCommand())
    .addCommand(dismissCommand());
}

function listCommand(): Command {
  return filtered(command('list', 'what lies there, and why'))
    .option('--limit <count>', 'at most so many', wholeNumber(1, LIST_MAX), LIST_DEFAULT)
    .addOption(
      new Option('--state <state>', 'only those in this state').choices(DEAD_LETTER_STATES),
    )
    .action(async (options: Filters) => {
      await withClient(await databaseOf(options), async (client) => {
        const letters = await findDeadLetters(client, options);
        const counts = await countDeadLetters(client);
        result(options, { letters, counts }, () => listText(letters, counts));
      });
    });
}

function showCommand(): Command {
  return command('show', 'one dead letter whole')
    .addArgument(placeArgument())
    .option('--raw', 'print the value as it came, and nothing else')
    .action(async (place: Place, options: Common & { raw?: boolean }) => {
      await withClient(await databaseOf(options), async (client) => {
        const letter = await letterAt(client, place);
        const cameBackAs = await redrivenAs(client, place);
        if (options.raw) process.stdout.write(letter.record.value ?? new Uint8Array(0));
        else result(options, printable(letter, cameBackAs), () => showText(letter, cameBackAs));
      });
    });
}

function redriveCommand(): Command {
  return filtered(
    command('redrive', 'send dead letters to their topic again, once they can be stored'),
  )
    .addArgument(placeArgument().argOptional())
    .option('--all', 'all that are open (and match --topic, --reason)')
    .addOption(new Option('--kafka-brokers <list>', 'Kafka to use (default: KAFKA_BROKERS)'))
    .action(async (place: Place | undefined, options: Filters & Redrive) => {
      await withClient(await databaseOf(options), async (client) => {
        const places = await openPlaces(client, place, options);
        const driver = await streamDriver(DEFAULT_DRIVER); // the one that keeps headers as they are
        const settings = connectionSettings('millrace dlq', await kafkaOf(options));
        const producer = await driver.producer(settings, PRODUCER_OPTIONS);
        try {
          const redriven = await redrive(client, producer, places);
          result(options, { redriven }, () => `${count(redriven)} sent to their topics again`);
        } finally {
          await producer.close();
        }
      });
    });
}

function dismissCommand(): Command {
  return filtered(command('dismiss', 'mark dead letters as not worth it; they stay readable'))
    .addArgument(placeArgument().argOptional())
    .option('--all', 'all that are open (and match --topic, --reason)')
    .action(async (place: Place | undefined, options: Filters & Redrive) => {
      await withClient(await databaseOf(options), async (client) => {
        const places = await openPlaces(client, place, options);
        const dismissed = await closeDeadLetters(client, places, 'dismissed');
        const answer = { dismissed: dismissed.length };
        result(options, answer, () => `${count(dismissed.length)} dismissed`);
      });
    });
}

type Redrive = { all?: boolean; kafkaBrokers?: string };

function filtered(made: Command): Command {
  return made
    .addOption(new Option('--topic <topic>', 'only those of this topic').choices(TOPICS))
    .addOption(new Option('--reason <reason>', 'only for this reason').choices(REJECT_REASONS));
}

function placeArgument(): Argument {
  return new Argument('<place>', 'topic:partition:offset, like orders:2:1041').argParser(
    (text): Place => {
      const place = parsePlace(text);
      if (place === null) throw new InvalidArgumentError('Write it as orders:2:1041.');
      return place;
    },
  );
}

async function letterAt(client: Client, place: Place): Promise<DeadLetter> {
  const letter = await readDeadLetter(client, place);
  if (letter !== null) return letter;
  throw new PipelineError(
    'USAGE',
    `there is no dead letter at ${placeText(place)}; see \`dlq list\``,
  );
}

/** The one that was named, or with --all every open one that matches. */
async function openPlaces(
  client: Client,
  place: Place | undefined,
  { all, topic, reason }: Filters & Redrive,
): Promise<Place[]> {
  if ((place === undefined) === (all === undefined)) {
    throw new PipelineError('USAGE', 'name one dead letter (orders:2:1041), or give --all');
  }
  if (place !== undefined) {
    const { state } = await letterAt(client, place);
    if (state === 'open') return [place];
    throw new PipelineError('USAGE', `${placeText(place)} is ${state} already`);
  }
  const filter: DeadLetterFilter = {
    state: 'open',
    ...(topic !== undefined && { topic }),
    ...(reason !== undefined && { reason }),
  };
  const places: Place[] = [];
  for (let after: Place | undefined; ;) {
    const page = await findDeadLetters(client, after ? { ...filter, after } : filter);
    places.push(...page);
    after = page.at(-1);
    if (after === undefined) return places;
  }
}

/**
 * Sends first and marks then: one that is sent twice, because the mark was lost, is stored once all
 * the same, and one that is marked was certainly sent.
 */
async function redrive(client: Client, producer: Producer, places: Place[]): Promise<number> {
  let redriven = 0;
  for (const place of places) {
    const letter = await letterAt(client, place);
    const { acked, error } = await producer.send([outgoing(letter)]);
    if (acked !== 1) {
      throw new PipelineError(
        'KAFKA_FAILED',
        `${placeText(place)} was not sent: ${error?.message ?? 'no answer'}; ${redriven} were`,
        { cause: error },
      );
    }
    redriven += (await closeDeadLetters(client, [place], 'redriven')).length;
  }
  return redriven;
}

/** The record as it came, and where from: it may become a dead letter again. */
function outgoing({ record }: DeadLetter): OutgoingRecord {
  const { topic, key, value } = record;
  const headers = record.headers.filter(([name]) => name !== REDRIVE_HEADER);
  const place = new TextEncoder().encode(placeText(record));
  return { topic, key, value, headers: [...headers, [REDRIVE_HEADER, place]] };
}

type Counts = Awaited<ReturnType<typeof countDeadLetters>>;

function listText(letters: readonly DeadLetterHead[], counts: Counts): string {
  if (counts.length === 0) return 'there are no dead letters';
  const rows = letters.map((letter) => [
    placeText(letter),
    letter.reason,
    letter.state,
    seoulIso(letter.firstSeenMs),
    letter.redriveOf === null ? letter.message : `again, of ${letter.redriveOf}: ${letter.message}`,
  ]);
  const sums = counts.map(({ topic, reason, state, count: number }) => [
    topic,
    reason,
    state,
    count(number),
  ]);
  return `${columns([['place', 'reason', 'state', 'first seen', 'message'], ...rows])}\n\n${columns(sums, [3])}`;
}

function showText(letter: DeadLetter, cameBackAs: readonly Place[]): string {
  const { redriveOf, redrivenAtMs, publishedAtMs } = letter;
  const { key, value, headers } = letter.record;
  const published = publishedAtMs === null ? 'not yet' : `at ${seoulIso(publishedAtMs)}`;
  const lines = [
    [placeText(letter), `${letter.reason}: ${letter.message}`],
    ['first seen', `${seoulIso(letter.firstSeenMs)}, ${letter.state}`],
    ['published', published],
    ...(redriveOf === null ? [] : [['sent again of', redriveOf]]),
    ...(redrivenAtMs === null ? [] : [['redriven', seoulIso(redrivenAtMs)]]),
    ...cameBackAs.map((place) => ['came back as', placeText(place)]),
    ['key', readable(key)],
    ...headers.map(([name, bytes]) => [`header ${name}`, readable(bytes)]),
    ['value', readable(value)],
  ];
  return columns(lines);
}

const SHOWN_BYTES_MAX = 4_096;

/** Bytes as text where they are text that a terminal can bear; as hex otherwise. */
function readable(bytes: Uint8Array | null): string {
  if (bytes === null) return '(none)';
  const shown = bytes.subarray(0, SHOWN_BYTES_MAX);
  const rest =
    bytes.length > shown.length ? ` … (${count(bytes.length)} bytes; --raw has all)` : '';
  const text = new TextDecoder().decode(shown);
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  const plain = !/[\u0000-\u0008\u000b-\u001f\u007f\ufffd]/.test(text);
  return (plain ? text : `hex ${shown.toHex()}`) + rest;
}

/** For scripts: bytes in base64. */
function printable(letter: DeadLetter, cameBackAs: readonly Place[]): unknown {
  const { record, ...head } = letter;
  return {
    ...head,
    cameBackAs: cameBackAs.map(placeText),
    key: base64(record.key),
    value: base64(record.value),
    headers: record.headers.map(([name, bytes]) => [name, base64(bytes)]),
  };
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes && bytes.toBase64();
}
