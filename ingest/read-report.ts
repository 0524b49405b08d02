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
