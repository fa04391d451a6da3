/* oxlint-disable oxc/no-barrel-file -- it stands for one five times as large */
/**
 * What is used of `@platformatic/kafka`: connections (TLS, SASL) and the codec of the protocol. Its one
 * entrance loads its clients and schema registries as well, which takes every thread twice the time
 * to start; so the files are named here, and here alone. `node_modules` must be beside `src`.
 */
export * as createTopicsV7 from '../../../node_modules/@platformatic/kafka/dist/apis/admin/create-topics-v7.js';
export * as fetchV12 from '../../../node_modules/@platformatic/kafka/dist/apis/consumer/fetch-v12.js';
export * as heartbeatV4 from '../../../node_modules/@platformatic/kafka/dist/apis/consumer/heartbeat-v4.js';
export * as joinGroupV9 from '../../../node_modules/@platformatic/kafka/dist/apis/consumer/join-group-v9.js';
export * as leaveGroupV5 from '../../../node_modules/@platformatic/kafka/dist/apis/consumer/leave-group-v5.js';
export * as listOffsetsV7 from '../../../node_modules/@platformatic/kafka/dist/apis/consumer/list-offsets-v7.js';
export * as offsetCommitV8 from '../../../node_modules/@platformatic/kafka/dist/apis/consumer/offset-commit-v8.js';
export * as offsetFetchV8 from '../../../node_modules/@platformatic/kafka/dist/apis/consumer/offset-fetch-v8.js';
export * as syncGroupV5 from '../../../node_modules/@platformatic/kafka/dist/apis/consumer/sync-group-v5.js';
export * as findCoordinatorV4 from '../../../node_modules/@platformatic/kafka/dist/apis/metadata/find-coordinator-v4.js';
export * as metadataV12 from '../../../node_modules/@platformatic/kafka/dist/apis/metadata/metadata-v12.js';
export * as initProducerIdV4 from '../../../node_modules/@platformatic/kafka/dist/apis/producer/init-producer-id-v4.js';
export * as produceV9 from '../../../node_modules/@platformatic/kafka/dist/apis/producer/produce-v9.js';
export {
  FindCoordinatorKeyTypes,
  ListOffsetTimestamps,
  ProduceAcks,
} from '../../../node_modules/@platformatic/kafka/dist/apis/enumerations.js';
export {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
} from '../../../node_modules/@platformatic/kafka/dist/clients/consumer/consumer-protocol.js';
export { ResponseError } from '../../../node_modules/@platformatic/kafka/dist/errors.js';
export { Connection } from '../../../node_modules/@platformatic/kafka/dist/network/connection.js';
export { compressionsAlgorithms } from '../../../node_modules/@platformatic/kafka/dist/protocol/compression.js';
export { crc32c } from '../../../node_modules/@platformatic/kafka/dist/protocol/crc32c.js';
export { protocolErrorsCodesById } from '../../../node_modules/@platformatic/kafka/dist/protocol/errors.js';
export type { Reader } from '../../../node_modules/@platformatic/kafka/dist/protocol/reader.js';
export { Writer } from '../../../node_modules/@platformatic/kafka/dist/protocol/writer.js';
