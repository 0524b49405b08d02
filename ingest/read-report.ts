/**
 * Reads what a device says of itself. Only the last word of each counts, and only of devices that are known.
 */
import {
  type DeviceHealth,
  type DeviceStatus,
  parseHealth,
  parseStatus,
  REPORT_BYTES_MAX,
} from '#contracts/device-report.ts';
import type { RejectionCode } from '#contracts/reason-codes.ts';
import { parseDeviceTopic } from '#contracts/topics.ts';
import type { Arrival } from './model.ts';

/** A report that was read, or why not. */
export type ReadReport =
  | { readonly kind: 'status'; readonly atMs: number; readonly report: DeviceStatus }
  | { readonly kind: 'health'; readonly atMs: number; readonly report: DeviceHealth }
  | { readonly kind: 'refused'; readonly reason: RejectionCode };

/** Reads an arrival on a status or health topic. */
export function readReport(arrival: Arrival, knows: (deviceId: string) => boolean): ReadReport {
  const address = parseDeviceTopic(arrival.topic);
  if (!address || (address.channel !== 'status' && address.channel !== 'health')) {
    return { kind: 'refused', reason: 'INGEST_WRONG_TOPIC' };
  }
  if (arrival.payload.byteLength > REPORT_BYTES_MAX) return { kind: 'refused', reason: 'INGEST_TOO_LARGE' };
  if (!knows(address.deviceId)) return { kind: 'refused', reason: 'INGEST_UNKNOWN_DEVICE' };
  const atMs = arrival.receivedAtMs;
  if (address.channel === 'status') {
    const status = parseStatus(arrival.payload);
    if (!status.ok) return { kind: 'refused', reason: 'INGEST_MALFORMED' };
    if (status.value.deviceId !== address.deviceId) return { kind: 'refused', reason: 'INGEST_WRONG_TOPIC' };
    return { kind: 'status', atMs, report: status.value };
  }
  const health = parseHealth(arrival.payload);
  if (!health.ok) return { kind: 'refused', reason: 'INGEST_MALFORMED' };
  if (health.value.deviceId !== address.deviceId) return { kind: 'refused', reason: 'INGEST_WRONG_TOPIC' };
  return { kind: 'health', atMs, report: health.value };
}

/** Reports that wait for their device to become known, at most. */
const WAITING_MAX = 1000;

/**
 * Makes a listener that reads reports and hands them on in the order of their arrival. A device enrolled a moment ago
 * may say only once that it is online: its reports wait for one look into the registry.
 */
export function reportReader(
  registry: { knows(deviceId: string): boolean; learn(deviceIds: readonly string[]): Promise<void> },
  take: (read: ReadReport) => void,
): (arrival: Arrival) => void {
  const waiting = new Map<string, Arrival[]>();
  let count = 0;
  const release = (deviceId: string): void => {
    const arrivals = waiting.get(deviceId) ?? [];
    waiting.delete(deviceId);
    count -= arrivals.length;
    for (const arrival of arrivals) take(readReport(arrival, registry.knows));
  };
  return (arrival) => {
    const deviceId = parseDeviceTopic(arrival.topic)?.deviceId;
    const before = deviceId === undefined ? undefined : waiting.get(deviceId);
    if (deviceId === undefined || (!before && registry.knows(deviceId)) || count >= WAITING_MAX) {
      take(readReport(arrival, registry.knows));
      return;
    }
    count += 1;
    if (before) before.push(arrival);
    else {
      waiting.set(deviceId, [arrival]);
      void registry.learn([deviceId]).then(() => release(deviceId));
    }
  };
}
