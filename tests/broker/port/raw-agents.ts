/**
 * Two thousand validators as the broker sees them: sockets with MQTT by hand, light enough for one process, that come
 * back by the product's own waits.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { backoffMs } from '#platform/backoff.ts';
import { FLEET_BACKOFF } from '../../../edge-agent/adapters/mqtt-uplink.ts';
import { connectPacket } from '../harness.ts';

const CONNACK = 2;
const PUBACK = 4;
const KEEP_ALIVE_S = 300;

export interface RawFleet {
  /** Agents whose login the broker has accepted. */
  up(): number;
  /** Connections opened since the start. */
  attempts(): number;
  /** Messages that the broker has acknowledged. */
  acknowledged(): number;
  /** Each agent that is connected publishes one batch of so many bytes with QoS 1. */
  publishAll(payloadBytes: number): void;
  stop(): void;
}

/** Starts them; the first connections are spread like those after a loss. */
export function startRawFleet(port: number, clientIds: readonly string[], chance: () => number): RawFleet {
  const sockets = new Map<string, Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const online = new Set<string>();
  const counts = { attempts: 0, acknowledged: 0 };
  let stopped = false;

  const later = (clientId: string, failures: number): void => {
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        open(clientId, failures);
      },
      backoffMs(FLEET_BACKOFF, failures, chance()),
    );
    timers.add(timer);
  };

  function open(clientId: string, failures: number): void {
    counts.attempts++;
    const socket = connectTcp(port, '127.0.0.1', () => {
      socket.write(connectPacket(clientId, undefined, KEEP_ALIVE_S));
    });
    sockets.set(clientId, socket);
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      // Both answers have four bytes, and these agents are sent nothing else.
      for (let at = 0; at + 4 <= bytes.length; at += 4) {
        const type = (bytes[at] as number) >> 4;
        if (type === CONNACK && bytes[at + 3] === 0) online.add(clientId);
        if (type === PUBACK) counts.acknowledged++;
      }
    });
    socket.on('close', () => {
      const wasOnline = online.delete(clientId);
      if (!stopped) later(clientId, wasOnline ? 1 : failures + 1);
    });
  }

  for (const clientId of clientIds) later(clientId, 1);
  return {
    up: () => online.size,
    attempts: () => counts.attempts,
    acknowledged: () => counts.acknowledged,
    publishAll(payloadBytes) {
      for (const clientId of online) sockets.get(clientId)?.write(publishPacket(clientId, payloadBytes));
    },
    stop() {
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets.values()) socket.destroy();
    },
  };
}

/** PUBLISH, QoS 1, packet 1 (MQTT 3.1.1, §3.3). */
function publishPacket(clientId: string, payloadBytes: number): Buffer {
  const topic = Buffer.from(`kvytok/v1/${clientId}/taps`);
  const length = 2 + topic.length + 2 + payloadBytes;
  const header = [0x32];
  for (let rest = length; rest > 0 || header.length === 1; rest = Math.floor(rest / 128)) {
    header.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
  }
  const id = Buffer.from([0, 1]);
  const topicLength = Buffer.from([topic.length >> 8, topic.length & 0xff]);
  return Buffer.concat([Buffer.from(header), topicLength, topic, id, Buffer.alloc(payloadBytes, 0x78)]);
}
