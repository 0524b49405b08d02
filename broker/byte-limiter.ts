/**
 * A limit in front of the parser. It follows the frames of MQTT 3.1.1 by their fixed headers alone (one byte of
 * type, one to four of remaining length, §2.2), so a packet that announces 268 MB is refused after five bytes.
 *
 * Pure: bytes and the time go in, a verdict comes out. The connection around it acts on the verdict.
 */
import { createTokenBucket } from './token-bucket.ts';

export interface ByteLimits {
  /** Largest packet from a client that has logged in, fixed header included. */
  readonly packetBytesMax: number;
  /** Largest CONNECT. */
  readonly connectBytesMax: number;
  /** Most bytes that a client may send before its login is answered. */
  readonly loginBytesMax: number;
  /** Bytes per second that a device may send for long; beyond it its connection is read more slowly. */
  readonly deviceBytesPerSecond: number;
  /** Bytes that a device may send at once. */
  readonly deviceBurstBytes: number;
  /** The same for packets: small ones cost the broker as much as large ones. */
  readonly devicePacketsPerSecond: number;
  readonly deviceBurstPackets: number;
}

/** Why a client is dropped. */
export type ByteRefusal = 'PACKET_TOO_LARGE' | 'NOT_MQTT' | 'CONNECT_TOO_LARGE' | 'TOO_MUCH_BEFORE_LOGIN';

/** `waitMs`: how long to leave the socket unread before the next chunk. */
export type ByteVerdict =
  | { readonly ok: true; readonly waitMs: number }
  | { readonly ok: false; readonly reason: ByteRefusal };

export interface ByteLimiter {
  /** Judges the next bytes of the stream. `monotonicMs` must not go back. */
  accept(chunk: Uint8Array, monotonicMs: number): ByteVerdict;
  /** The login held: packets of full size from now on, at a device's rate or unmetered for the city's services. */
  loggedIn(metered: boolean): void;
  /** The first packet has come whole. */
  readonly connectSeen: boolean;
}

/** First byte of a CONNECT: type 1, its flags are always 0. */
const CONNECT = 0x10;
const LENGTH_BYTES_MAX = 4;

/** Makes a limiter for one connection. */
export function createByteLimiter(limits: ByteLimits): ByteLimiter {
  let login = false;
  let metered = true;
  let total = 0;
  let packets = 0;
  // State of the frame: bytes of the body still to come, or the header being read.
  let bodyLeft = 0;
  let headerBytes = 0;
  let remaining = 0;
  const bytes = createTokenBucket(limits.deviceBytesPerSecond, limits.deviceBurstBytes);
  const messages = createTokenBucket(limits.devicePacketsPerSecond, limits.deviceBurstPackets);

  function startPacket(byte: number): ByteRefusal | undefined {
    const type = byte >> 4;
    if (type === 0 || type === 15) return 'NOT_MQTT';
    if (packets === 0 && byte !== CONNECT) return 'NOT_MQTT';
    headerBytes = 1;
    remaining = 0;
    return undefined;
  }

  function readLength(byte: number): ByteRefusal | undefined {
    remaining += (byte & 0x7f) * 128 ** (headerBytes - 1);
    headerBytes += 1;
    const size = headerBytes + remaining;
    if (size > limits.packetBytesMax) return 'PACKET_TOO_LARGE';
    if (packets === 0 && size > limits.connectBytesMax) return 'CONNECT_TOO_LARGE';
    if ((byte & 0x80) !== 0) return headerBytes > LENGTH_BYTES_MAX ? 'NOT_MQTT' : undefined;
    bodyLeft = remaining;
    headerBytes = 0;
    if (bodyLeft === 0) packets += 1;
    return undefined;
  }

  function scan(chunk: Uint8Array): ByteRefusal | undefined {
    for (let i = 0; i < chunk.length; ) {
      if (bodyLeft > 0) {
        const step = Math.min(bodyLeft, chunk.length - i);
        bodyLeft -= step;
        i += step;
        if (bodyLeft === 0) packets += 1;
        continue;
      }
      const byte = chunk[i++] as number;
      const refusal = headerBytes === 0 ? startPacket(byte) : readLength(byte);
      if (refusal) return refusal;
    }
    return undefined;
  }

  return {
    accept(chunk, monotonicMs) {
      const before = packets;
      const refusal = scan(chunk);
      if (refusal) return { ok: false, reason: refusal };
      total += chunk.length;
      if (!login && total > limits.loginBytesMax) return { ok: false, reason: 'TOO_MUCH_BEFORE_LOGIN' };
      if (!metered) return { ok: true, waitMs: 0 };
      const waits = [bytes.take(chunk.length, monotonicMs), messages.take(packets - before, monotonicMs)];
      return { ok: true, waitMs: Math.max(...waits) };
    },
    loggedIn(isMetered) {
      login = true;
      metered = isMetered;
    },
    get connectSeen() {
      return packets > 0;
    },
  };
}
