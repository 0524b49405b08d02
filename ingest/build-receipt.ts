/**
 * From what one commit made durable to the receipts that say so: one per device, ranges as long as they can be.
 */

import type { RejectionCode } from '#contracts/reason-codes.ts';
import type { Receipt, ReceiptRange } from '#contracts/receipt.ts';

/** What a device is told of one record that is durably held. */
export interface HeldRecord {
  readonly deviceId: string;
  readonly epoch: string;
  readonly seq: number;
  /** Hash of the held bytes. */
  readonly hash: string;
  /** Why it is in quarantine; `null` when accepted. */
  readonly reason: RejectionCode | null;
}

/** What every receipt of a commit shares. */
export interface ReceiptFrame {
  readonly incarnation: string;
  readonly backupWatermarkMs: number | null;
  readonly issuedAtMs: number;
}

/** Most ranges in one receipt; a device with more of them gets a further receipt. */
export const RANGES_MAX = 256;

/** Makes the receipts. The order of `held` does not matter; a record named twice is told once. */
export function buildReceipts(held: readonly HeldRecord[], frame: ReceiptFrame): Receipt[] {
  const byDevice = Map.groupBy(held, (record) => record.deviceId);
  return [...byDevice].flatMap(([deviceId, records]) => {
    const ranges = rangesOf(records);
    const receipts: Receipt[] = [];
    for (let i = 0; i < ranges.length; i += RANGES_MAX) {
      receipts.push({ v: 1, deviceId, ...frame, ranges: ranges.slice(i, i + RANGES_MAX) });
    }
    return receipts;
  });
}

function rangesOf(records: readonly HeldRecord[]): ReceiptRange[] {
  const ranges: ReceiptRange[] = [];
  let last: HeldRecord | undefined;
  for (const record of [...records].sort(inOrder)) {
    const range = ranges.at(-1);
    if (last && range && sameFate(last, record)) {
      if (record.seq === last.seq && record.hash === last.hash) continue;
      if (record.seq === last.seq + 1) {
        ranges[ranges.length - 1] = { ...range, toSeq: record.seq, head: record.hash };
        last = record;
        continue;
      }
    }
    ranges.push(rangeOf(record));
    last = record;
  }
  return ranges;
}

function rangeOf({ epoch, seq, hash, reason }: HeldRecord): ReceiptRange {
  const range = { epoch, fromSeq: seq, toSeq: seq, head: hash };
  return reason === null ? { ...range, status: 'accepted' } : { ...range, status: 'quarantined', reason };
}

function sameFate(a: HeldRecord, b: HeldRecord): boolean {
  return a.epoch === b.epoch && a.reason === b.reason;
}

/** By epoch, then fate, then number: so the same number accepted and in conflict does not tear a range apart. */
function inOrder(a: HeldRecord, b: HeldRecord): number {
  return (
    compareTexts(a.epoch, b.epoch) ||
    compareTexts(a.reason ?? '', b.reason ?? '') ||
    a.seq - b.seq ||
    compareTexts(a.hash, b.hash)
  );
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
