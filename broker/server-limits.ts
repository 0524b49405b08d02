/**
 * Numbers of a broker that is a server of its own: what the generated configurations set, in one place. Memory of the
 * broker stays below {@link ServerLimits.memoryBytesMax} whatever the queues would still take.
 */
import { BATCH_BYTES_MAX } from '#contracts/batch.ts';

export interface ServerLimits {
  readonly connectionsMax: number;
  /** Largest packet, fixed header and topic included. */
  readonly packetBytesMax: number;
  /** QoS 1 messages on their way to one client without its acknowledgement. */
  readonly inflightMax: number;
  /** QoS 1 messages that wait for one client beyond those; what comes then is dropped. */
  readonly queuedMax: number;
  readonly queuedBytesMax: number;
  /** Memory of the whole broker, where it can be bounded. */
  readonly memoryBytesMax: number;
  readonly keepAliveSecondsMax: number;
  /** Connections that are accepted each second, and messages and bytes taken from one device, where it can be bounded. */
  readonly connectionsPerSecond: number;
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
}

/**
 * For 2,000 validators: after an outage each offers up to four batches at once, so 8,000 messages may wait for ingest;
 * the queue takes more than twice that.
 */
export const SERVER_LIMITS: ServerLimits = {
  connectionsMax: 10_000,
  packetBytesMax: BATCH_BYTES_MAX + 1024,
  inflightMax: 1_000,
  queuedMax: 20_000,
  queuedBytesMax: 256 * 1024 * 1024,
  memoryBytesMax: 1024 * 1024 * 1024,
  keepAliveSecondsMax: 300,
  connectionsPerSecond: 500,
  messagesPerSecond: 500,
  bytesPerSecond: 4 * 1024 * 1024,
};
