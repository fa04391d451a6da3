import {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV5,
  offsetCommitV8,
  syncGroupV5,
  type Connection,
} from './protocol.ts';

import { monotonicMs } from '../../base/clock.ts';
import { PipelineError } from '../../base/errors.ts';
import { pause } from '../../base/shutdown.ts';
import { kafkaFailure } from '../failure.ts';
import type { ConsumerOptions } from '../port.ts';
import { within } from '../wait.ts';
import { brokerCode, type Cluster } from './cluster.ts';
import { committedOffsets } from './fetch.ts';

const JOIN_MARGIN_MS = 5_000;
const HEARTBEAT_MS_MAX = 3_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 2_000;
const LEAVE_MS_MAX = 700;
const END_MS_MAX = 300;
const ASSIGNOR = 'range'; // also librdkafka's first choice, so that both can be in one group
const PROTOCOL_TYPE = 'consumer';

/** Who this member is to the group; a rebalance makes a new generation. */
type Standing = { coordinator: Connection; memberId: string; generation: number };

export type MembershipEvents = {
  /** The partitions held from now on, and where to begin to read each. */
  assigned(positions: ReadonlyMap<number, number>): void;
  /** Nothing is held any more. Told before another member can get what was held. */
  revoked(): void;
  /** There is no going on. */
  failed(error: PipelineError): void;
};

/**
 * Membership of a group by the classic protocol: join, learn the partitions, send heartbeats until
 * the group changes, begin again. It outlives any absence of the coordinator. Nothing is held while
 * the group rebalances, or once no heartbeat has come through for a session.
 *
 * A static member that is fenced has a successor under its instance id, and ends. But it may have fenced
 * itself, by a join whose answer was lost, or the coordinator that knew its last join has died: once
 * after each of these it joins anew.
 */
export class Membership {
  #cluster: Cluster;
  #options: ConsumerOptions;
  #events: MembershipEvents;
  #memberId = '';
  #standing: Standing | undefined;
  #joining: Connection | undefined;
  #joinedAt = ''; // the coordinator's address
  #ownFence = false; // being fenced may be the work of a join of ours
  #stop = new AbortController();
  #running: Promise<void>;

  constructor(cluster: Cluster, options: ConsumerOptions, events: MembershipEvents) {
    this.#cluster = cluster;
    this.#options = options;
    this.#events = events;
    this.#running = this.#run();
  }

  /** Commits in the name of the present generation; an older one is refused by the coordinator. */
  async commit(positions: readonly { partition: number; next: number }[]): Promise<void> {
    const { group, topic, instanceId } = this.#options;
    const standing = this.#standing;
    if (!standing) {
      throw new PipelineError(
        'KAFKA_FAILED',
        `${group} is being rebalanced; nothing to commit to`,
        {
          retryable: true,
        },
      );
    }
    const partitions = positions.map(({ partition, next }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(next),
      committedLeaderEpoch: -1,
    }));
    try {
      await offsetCommitV8.api.async(
        standing.coordinator,
        group,
        standing.generation,
        standing.memberId,
        instanceId ?? null,
        [{ name: topic, partitions }],
      );
    } catch (cause) {
      throw kafkaFailure(cause, `committing offsets of ${group}`);
    }
  }

  /** Leaves, so that the others need not wait for the session to end. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#leave();
    // The reply to a join may be long in coming; what is still asked for ends with the cluster's
    // connections, and tells nobody.
    const over = Promise.all([this.#joining?.close(), this.#running]);
    await within(over, END_MS_MAX).catch(() => undefined);
  }

  async #run(): Promise<void> {
    let waitMs = RETRY_MS_MIN;
    while (!this.#stop.signal.aborted) {
      try {
        const standing = await this.#join();
        waitMs = RETRY_MS_MIN;
        await this.#stay(standing);
      } catch (cause) {
        if (this.#stop.signal.aborted) break;
        const error = kafkaFailure(cause, `joining ${this.#options.group}`);
        if (!this.#mayRetry(error, brokerCode(cause))) {
          this.#events.failed(error);
          break;
        }
        await pause(waitMs, this.#stop.signal);
        waitMs = Math.min(RETRY_MS_MAX, waitMs * 2);
      }
    }
  }

  #mayRetry(error: PipelineError, code: string | undefined): boolean {
    if (code === 'UNKNOWN_MEMBER_ID') this.#memberId = '';
    if (code === 'FENCED_INSTANCE_ID' && this.#ownFence) {
      this.#ownFence = false;
      this.#memberId = '';
      return true;
    }
    if (code !== undefined && FINAL.has(code)) return false;
    return error.code !== 'KAFKA_DENIED';
  }

  /** Joins, and in the one member that the coordinator picks, deals the partitions. */
  async #join(): Promise<Standing> {
    const { group, topic, instanceId, sessionMsMax } = this.#options;
    const address = await this.#coordinatorOf(group);
    // The answer waits for the other members, for a session at most: joining again is all they do.
    const connection = await this.#cluster.open(address, sessionMsMax + JOIN_MARGIN_MS);
    this.#joining = connection;
    try {
      this.#stop.signal.throwIfAborted();
      const protocols = [
        {
          name: ASSIGNOR,
          metadata: encodeConsumerProtocolSubscription({ version: 1, topics: [topic] }),
        },
      ];
      const join = async (): Promise<JoinResponse> =>
        await joinGroupV9.api.async(
          connection,
          group,
          sessionMsMax,
          sessionMsMax,
          this.#memberId,
          instanceId ?? null,
          PROTOCOL_TYPE,
          protocols,
          null,
        );
      const joined = await join().catch(async (cause: unknown) => {
        if (brokerCode(cause) === undefined) this.#ownFence = true; // it may have been heard
        const given = memberIdOf(cause);
        if (given === undefined) throw cause;
        this.#memberId = given; // the coordinator gives an id first, and wants to hear it
        return await join();
      });
      this.#memberId = joined.memberId;
      const dealt = joined.leader === joined.memberId ? await this.#deal(joined) : [];
      const { assignment } = await syncGroupV5.api.async(
        connection,
        group,
        joined.generationId,
        joined.memberId,
        instanceId ?? null,
        PROTOCOL_TYPE,
        ASSIGNOR,
        dealt,
      );
      const held = decodeConsumerProtocolAssignment(assignment)
        .assignedPartitions.filter((part) => part.topic === topic)
        .flatMap(({ partitions }) => partitions);
      const coordinator = await this.#cluster.to(address);
      const committed = await committedOffsets(coordinator, group, topic, held);
      const standing = {
        coordinator,
        memberId: joined.memberId,
        generation: joined.generationId,
      };
      if (!this.#stop.signal.aborted) {
        this.#standing = standing;
        this.#events.assigned(
          new Map(held.map((partition) => [partition, committed.get(partition) ?? 0])),
        );
      }
      return standing;
    } finally {
      this.#joining = undefined;
      await connection.close();
    }
  }

  /** Where the group's coordinator is; one that took over may not know of our last join. */
  async #coordinatorOf(group: string): Promise<string> {
    const address = await this.#cluster.coordinator(group);
    if (this.#joinedAt !== '' && this.#joinedAt !== address) this.#ownFence = true;
    this.#joinedAt = address;
    return address;
  }

  async #deal({ members }: JoinResponse): Promise<Dealt> {
    const subscribed = members.map(({ memberId, groupInstanceId, metadata }) => ({
      memberId,
      order: groupInstanceId ?? memberId,
      topics: decodeConsumerProtocolSubscription(metadata).topics,
    }));
    const topics = [...new Set(subscribed.flatMap((member) => member.topics))];
    const counts = new Map<string, number>();
    for (const topic of topics) counts.set(topic, await this.#cluster.partitions(topic));
    return dealRanges(subscribed, counts).map(({ memberId, parts }) => ({
      memberId,
      assignment: encodeConsumerProtocolAssignment({ version: 0, assignedPartitions: parts }),
    }));
  }

  /** Sends heartbeats until the group changes or this member is no longer heard. */
  async #stay({ coordinator, memberId, generation }: Standing): Promise<void> {
    const { group, instanceId, sessionMsMax } = this.#options;
    const beatMs = Math.min(HEARTBEAT_MS_MAX, sessionMsMax / 3);
    let connection = coordinator;
    let heardMs = monotonicMs();
    try {
      for (;;) {
        await pause(beatMs, this.#stop.signal);
        if (this.#stop.signal.aborted) return;
        try {
          const beat = heartbeatV4.api.async(
            connection,
            group,
            generation,
            memberId,
            instanceId ?? null,
          );
          await within(beat, Math.max(beatMs, sessionMsMax - (monotonicMs() - heardMs)));
          heardMs = monotonicMs();
        } catch (cause) {
          const code = brokerCode(cause);
          if (code === 'REBALANCE_IN_PROGRESS') return;
          if (code === 'ILLEGAL_GENERATION') return;
          if (code !== undefined && GONE.has(code)) throw cause;
          if (monotonicMs() - heardMs > sessionMsMax) return; // by now another may hold ours
          connection = await this.#coordinatorAnew(connection);
          if (this.#standing) this.#standing = { coordinator: connection, memberId, generation };
        }
      }
    } finally {
      this.#standing = undefined;
      this.#events.revoked();
    }
  }

  /** The coordinator may have moved, or come back. */
  async #coordinatorAnew(last: Connection): Promise<Connection> {
    try {
      return await this.#cluster.to(await this.#coordinatorOf(this.#options.group));
    } catch {
      return last; // the next heartbeat asks again
    }
  }

  async #leave(): Promise<void> {
    const { group, instanceId } = this.#options;
    // A static member is expected back; the session's end tells the group when it is not.
    if (this.#memberId === '' || instanceId !== undefined) return;
    const left = (async () => {
      const coordinator =
        this.#standing?.coordinator ??
        (await this.#cluster.to(await this.#cluster.coordinator(group)));
      await leaveGroupV5.api.async(coordinator, group, [{ memberId: this.#memberId }]);
    })();
    // With the coordinator away, or having forgotten us, the session's end does the same.
    await within(left, LEAVE_MS_MAX).catch(() => undefined);
  }
}

type JoinResponse = ReturnType<typeof joinGroupV9.parseResponse>;
type Dealt = { memberId: string; assignment: Buffer }[];
type Part = { topic: string; partitions: number[] };
type Subscribed = { memberId: string; order: string; topics: string[] };

/** Answers that make this member a stranger to the group: it has to join as a new one, or not at all. */
const GONE = new Set(['UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID']);

/** Answers that no repetition changes. FENCED_INSTANCE_ID: another one runs under our instance id. */
const FINAL = new Set([
  'FENCED_INSTANCE_ID',
  'GROUP_AUTHORIZATION_FAILED',
  'TOPIC_AUTHORIZATION_FAILED',
  'INCONSISTENT_GROUP_PROTOCOL',
  'INVALID_SESSION_TIMEOUT',
  'INVALID_GROUP_ID',
  'GROUP_MAX_SIZE_REACHED',
]);

function memberIdOf(cause: unknown): string | undefined {
  if (brokerCode(cause) !== 'MEMBER_ID_REQUIRED' || !(cause instanceof Error)) return undefined;
  const response: unknown = Reflect.get(cause, 'response');
  if (!(response instanceof Object) || !('memberId' in response)) return undefined;
  return typeof response.memberId === 'string' ? response.memberId : undefined;
}

/** Kafka's range assignment: of every topic, neighbours to each member in order, the first ones more. */
export function dealRanges(
  members: readonly Subscribed[],
  counts: ReadonlyMap<string, number>,
): { memberId: string; parts: Part[] }[] {
  const dealt = members
    .toSorted((a, b) => (a.order < b.order ? -1 : 1))
    .map(({ memberId, topics }) => ({ memberId, topics, parts: new Array<Part>() }));
  for (const [topic, count] of counts) {
    const takers = dealt.filter((member) => member.topics.includes(topic));
    let next = 0;
    for (const [index, taker] of takers.entries()) {
      const share = Math.floor(count / takers.length) + (index < count % takers.length ? 1 : 0);
      const first = next;
      next += share;
      if (share === 0) continue;
      taker.parts.push({ topic, partitions: Array.from({ length: share }, (_, i) => first + i) });
    }
  }
  return dealt.map(({ memberId, parts }) => ({ memberId, parts }));
}
