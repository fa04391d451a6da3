import {
  fetchV12,
  listOffsetsV7,
  ListOffsetTimestamps,
  offsetFetchV8,
  protocolErrorsCodesById,
  type Connection,
  type Reader,
} from './protocol.ts';

import { PipelineError } from '../../base/errors.ts';
import { RecordCursor } from './record-batch.ts';

const FETCH_KEY = 1;
const NO_SESSION = -1; // a fetch session saves naming partitions, and here each request names one
const READ_UNCOMMITTED = 0; // nobody writes in transactions here

export type FetchOptions = { waitMs: number; bytesMax: number };

/** What a broker has of a partition from an offset on; `code` is its own name for what is wrong. */
export type Fetched = { code: string | undefined; cursor: RecordCursor };

export async function fetchRecords(
  connection: Connection,
  topic: string,
  partition: number,
  from: number,
  { waitMs, bytesMax }: FetchOptions,
): Promise<Fetched> {
  const { promise, resolve, reject } = Promise.withResolvers<Fetched>();
  const wanted = {
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: BigInt(from),
    lastFetchedEpoch: -1,
    partitionMaxBytes: bytesMax,
  };
  connection.send<Fetched>(
    FETCH_KEY,
    fetchV12.api.version,
    () =>
      fetchV12.createRequest(
        waitMs,
        1,
        bytesMax,
        READ_UNCOMMITTED,
        0,
        NO_SESSION,
        [{ topicId: topic, partitions: [wanted] }],
        [],
        '',
      ),
    (_correlation, _key, _version, reader) => readFetched(reader, topic, partition, from),
    true,
    true,
    (error, fetched) => (fetched ? resolve(fetched) : reject(error)),
  );
  return await promise;
}

/** The response to a request for one partition. The client's parser makes many objects a record. */
function readFetched(reader: Reader, topic: string, partition: number, from: number): Fetched {
  reader.readInt32(); // throttle time
  let errorCode = reader.readInt16();
  reader.readInt32(); // session
  let records: Buffer = NOTHING;
  const topics = reader.readUnsignedVarInt() - 1;
  if (topics > 0) {
    reader.readString();
    reader.readUnsignedVarInt(); // one partition
    reader.readInt32();
    errorCode ||= reader.readInt16();
    reader.skip(OFFSETS_BYTES);
    const aborted = reader.readUnsignedVarInt() - 1;
    for (let index = 0; index < aborted; index++) {
      reader.skip(ABORTED_BYTES);
      reader.readTaggedFields();
    }
    reader.readInt32(); // preferred replica
    const size = reader.readUnsignedVarInt() - 1;
    if (size > 0) records = reader.buffer.slice(reader.position, reader.position + size);
  }
  const code: string | undefined = errorCode === 0 ? undefined : errorName(errorCode);
  return { code, cursor: new RecordCursor(records, topic, partition, from) };
}

const NOTHING = Buffer.alloc(0);
const OFFSETS_BYTES = 24; // high watermark, last stable offset, log start
const ABORTED_BYTES = 16; // producer id, first offset

function errorName(code: number): string {
  const names: Record<string, string> = protocolErrorsCodesById;
  return names[code] ?? `error ${code}`;
}

/** Where a partition begins or ends: its first offset, or the one behind its last record. */
export async function edgeOffset(
  connection: Connection,
  topic: string,
  partition: number,
  edge: 'first' | 'end',
): Promise<number> {
  const timestamp = edge === 'first' ? ListOffsetTimestamps.EARLIEST : ListOffsetTimestamps.LATEST;
  const { topics } = await listOffsetsV7.api.async(connection, -1, READ_UNCOMMITTED, [
    { name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }] },
  ]);
  const offset = topics[0]?.partitions[0]?.offset;
  if (offset !== undefined && offset >= 0n) return Number(offset);
  throw new PipelineError('KAFKA_FAILED', `Kafka does not say where ${topic} ${partition} ends`);
}

/** The committed offsets of a group, by partition; one without a commit is not in the map. */
export async function committedOffsets(
  coordinator: Connection,
  group: string,
  topic: string,
  partitions: readonly number[],
): Promise<Map<number, number>> {
  const { groups } = await offsetFetchV8.api.async(
    coordinator,
    [
      {
        groupId: group,
        memberEpoch: -1,
        topics: [{ name: topic, partitionIndexes: [...partitions] }],
      },
    ],
    true,
  );
  const committed = new Map<number, number>();
  for (const { partitionIndex, committedOffset } of groups[0]?.topics[0]?.partitions ?? []) {
    if (committedOffset >= 0n) committed.set(partitionIndex, Number(committedOffset));
  }
  return committed;
}
