/** From a record's bytes, as ingest accepted them, to the fact that is stored. */

import type { Static } from 'typebox';
import { recordId } from '#contracts/ids.ts';
import { describeProblems } from '#contracts/parse.ts';
import {
  type ClockEvidence,
  type JournalRecord,
  parseRecordText,
  type RefusedRecord,
  type ShiftRecord,
  type TapRecord,
} from '#contracts/record.ts';
import { type StoredBreakdown, storedBreakdown } from './breakdowns.ts';
import type { FareDays, ShiftEvent, StoredTap } from './facts.ts';
import { type ClockRules, fareAt } from './fare-at.ts';
import { type StoredCardAct, type StoredCheck, storedCardAct, storedCheck } from './staff-records.ts';
import { isUnsure, type StoredSync, type UnsureTap } from './tap-time.ts';

/** A row of the inbox (`fare.record_inbox`). */
export interface InboxRow {
  readonly inboxId: bigint;
  /** Epoch under which ingest accepted it: the record's own, or a branch where a copied journal has its number too. */
  readonly epoch: string;
  /** SHA-256 of the record, hex. */
  readonly hash: string;
  /** The record's exact bytes as text. */
  readonly record: string;
  readonly flags: readonly string[];
  readonly receivedAtMs: number;
}

export interface StoredRefusal {
  readonly recordId: string;
  readonly deviceId: string;
  readonly reason: string;
  readonly tokenId: string | null;
  readonly mediumKind: string | null;
  readonly routeId: string | null;
  readonly stopId: string | null;
  readonly atMs: number;
  readonly receivedAtMs: number;
}

/** What a bank card proved at a tap, and the data of its later authorisation, sealed for the acquirer. */
export interface StoredBankTap {
  readonly tapId: string;
  readonly tokenId: string;
  readonly fareDay: string;
  readonly par: string | null;
  readonly parProven: boolean;
  readonly oda: string;
  readonly authorisation: string;
  readonly acquirerKeyId: string;
  readonly fareAtMs: number;
  readonly receivedAtMs: number;
}

/** A shift with the vehicle on which the device believed itself to be; whose shift it is, assignments say. */
export interface StoredShift extends ShiftEvent {
  readonly vehicleId: string | null;
}

/** What a record becomes. Of clock and epoch records only the sync is kept here: the rest stays with ingest. */
export type RecordFact =
  | {
      readonly kind: 'tap';
      readonly tap: StoredTap;
      readonly unsure: UnsureTap | null;
      readonly bank: StoredBankTap | null;
    }
  | { readonly kind: 'refused'; readonly refused: StoredRefusal }
  | { readonly kind: 'shift'; readonly shift: StoredShift; readonly sync: StoredSync | null }
  | { readonly kind: 'check'; readonly check: StoredCheck; readonly sync: StoredSync | null }
  | { readonly kind: 'card-act'; readonly cardAct: StoredCardAct; readonly sync: StoredSync | null }
  | { readonly kind: 'breakdown'; readonly breakdown: StoredBreakdown; readonly sync: StoredSync | null }
  | { readonly kind: 'none'; readonly sync: StoredSync | null };

export interface RecordContext {
  readonly clock: ClockRules;
  readonly days: FareDays;
  /** Seconds after a fare day's end beyond which no tariff charges a tap of a closed day: it is marked LATE. */
  readonly lateTapAcceptS: number;
  /** From this confidence on a stop counts like one that was told, whole percent (`city.yaml`, stops). */
  readonly stopCountsFromPct: number;
}

/** Whether a tap of this day came later than any tariff charges one of a closed day. */
export function isLate(
  fareDay: string,
  receivedAtMs: number,
  { days, lateTapAcceptS }: Pick<RecordContext, 'days' | 'lateTapAcceptS'>,
): boolean {
  return receivedAtMs >= days.endOfMs(fareDay) + lateTapAcceptS * 1000;
}

/** @throws Error when the text is not a record: ingest has checked it, so this is a bug and the row is set aside. */
export function factOfRecord(row: InboxRow, context: RecordContext): RecordFact {
  const parsed = parseRecordText(row.record);
  if (!parsed.ok) throw new Error(`not a record: ${describeProblems(parsed.problems)}`);
  const record = parsed.value;
  if (record.kind === 'tap') {
    const tap = storedTap(record, row, context);
    return {
      kind: 'tap',
      tap,
      unsure: isUnsure(tap, context.clock) ? unsureTap(tap, record.at, context.clock) : null,
      bank: bankTap(tap, record),
    };
  }
  if (record.kind === 'refused') return { kind: 'refused', refused: storedRefusal(record, row, context) };
  const sync = syncOf(record, row);
  if (record.kind === 'shift') return { kind: 'shift', shift: storedShift(record, row, context), sync };
  if (record.kind === 'check' || record.kind === 'card-act') {
    const { fareAtMs: atMs } = fareAt(record.at, row.receivedAtMs, context.clock);
    const times = { epoch: row.epoch, atMs, receivedAtMs: row.receivedAtMs };
    return record.kind === 'check'
      ? { kind: 'check', check: storedCheck(record, times), sync }
      : { kind: 'card-act', cardAct: storedCardAct(record, times), sync };
  }
  if (record.kind === 'breakdown') {
    const time = breakdownTimeOf(record, row, context);
    const origin = { epoch: row.epoch, recordSha256: row.hash, receivedAtMs: row.receivedAtMs };
    return { kind: 'breakdown', breakdown: storedBreakdown(record, origin, time), sync };
  }
  return { kind: 'none', sync };
}

/** By the record's own evidence, with the city's number by which it is settled where that leaves it open. */
function breakdownTimeOf({ at }: JournalRecord, { receivedAtMs }: InboxRow, { clock, days }: RecordContext) {
  const instant = fareAt(at, receivedAtMs, clock);
  const { fareAtMs: atMs, uncertaintyMs } = instant;
  const driftPpm = isUnsure(instant, clock) ? clock.driftPpm : null;
  return { fareDay: days.fareDayOf(atMs), atMs, uncertaintyMs, driftPpm };
}

function unsureTap(
  { tapId, deviceId, epoch, seq }: StoredTap,
  evidence: ClockEvidence,
  { driftPpm }: ClockRules,
): UnsureTap {
  return { tapId, deviceId, epoch, seq, evidence, driftPpm };
}

/** The sync that a record carries, if it is of the record's own boot. */
function syncOf({ deviceId, seq, at }: JournalRecord, row: InboxRow): StoredSync | null {
  const { sync, bootId, monoMs } = at;
  if (sync === undefined || sync.bootId !== bootId) return null;
  return {
    recordId: recordId(deviceId, row.epoch, seq),
    deviceId,
    epoch: row.epoch,
    seq,
    bootId,
    monoMs,
    syncMonoMs: sync.monoMs,
    serverMs: sync.serverMs,
    rttMs: sync.rttMs,
    receivedAtMs: row.receivedAtMs,
  };
}

function storedTap(record: Static<typeof TapRecord>, row: InboxRow, context: RecordContext): StoredTap {
  const { deviceId, seq, body } = record;
  const { epoch } = row;
  const instant = fareAt(record.at, row.receivedAtMs, context.clock);
  const fareDay = context.days.fareDayOf(instant.fareAtMs);
  const { stopId, stopConfidencePct = null } = body.where;
  const unsure = stopConfidencePct !== null && stopConfidencePct < context.stopCountsFromPct;
  const stopUnsure = stopId !== undefined && unsure;
  const late = isLate(fareDay, row.receivedAtMs, context);
  return {
    tapId: recordId(deviceId, epoch, seq),
    deviceId,
    epoch,
    seq,
    recordSha256: row.hash,
    tokenId: body.tokenId,
    formerTokenId: body.formerTokenId ?? null,
    mediumKind: body.mediumKind,
    direction: body.direction ?? null,
    companions: body.companions,
    bags: body.bags ?? 0,
    fareDay,
    fareAtMs: instant.fareAtMs,
    uncertaintyMs: instant.uncertaintyMs,
    belief: {
      vehicleId: body.where.vehicleId ?? null,
      routeId: body.where.routeId ?? null,
      tripId: body.where.tripId ?? null,
      directionId: body.where.directionId ?? null,
    },
    stopId: body.where.stopId ?? null,
    stopConfidencePct,
    stopSource: body.where.stopSource ?? null,
    stopUnsure,
    passBackOf: repeatedTap(record),
    flags: [
      ...new Set([
        ...row.flags,
        ...instant.flags,
        ...(late ? ['LATE'] : []),
        ...(stopUnsure ? ['STOP_UNSURE'] : []),
      ]),
    ].sort(),
    receivedAtMs: row.receivedAtMs,
  };
}

function bankTap(tap: StoredTap, { body }: Static<typeof TapRecord>): StoredBankTap | null {
  if (body.bank === undefined) return null;
  const { tapId, tokenId, fareDay, fareAtMs, receivedAtMs } = tap;
  const { par = null, parProven = false, oda, authorisation, acquirerKeyId } = body.bank;
  const proof = { par, parProven, oda, authorisation, acquirerKeyId };
  return { tapId, tokenId, fareDay, ...proof, fareAtMs, receivedAtMs };
}

/** Only an earlier record of the same epoch can have been repeated; it is named as its device wrote it. */
function repeatedTap({ deviceId, epoch, seq, body }: Static<typeof TapRecord>): string | null {
  const { passBackOfSeq } = body;
  return passBackOfSeq === undefined || passBackOfSeq >= seq
    ? null
    : recordId(deviceId, epoch, passBackOfSeq);
}

function storedRefusal(
  record: Static<typeof RefusedRecord>,
  row: InboxRow,
  context: RecordContext,
): StoredRefusal {
  const { body } = record;
  return {
    recordId: recordId(record.deviceId, row.epoch, record.seq),
    deviceId: record.deviceId,
    reason: body.reason,
    tokenId: body.tokenId ?? null,
    mediumKind: body.mediumKind ?? null,
    routeId: body.where.routeId ?? null,
    stopId: body.where.stopId ?? null,
    atMs: fareAt(record.at, row.receivedAtMs, context.clock).fareAtMs,
    receivedAtMs: row.receivedAtMs,
  };
}

function storedShift(record: Static<typeof ShiftRecord>, row: InboxRow, context: RecordContext): StoredShift {
  const { body } = record;
  const { fareAtMs } = fareAt(record.at, row.receivedAtMs, context.clock);
  return {
    recordId: recordId(record.deviceId, row.epoch, record.seq),
    deviceId: record.deviceId,
    action: body.action,
    source: body.source,
    vehicleId: body.where.vehicleId ?? null,
    routeId: body.where.routeId ?? null,
    tripId: body.where.tripId ?? null,
    directionId: body.where.directionId ?? null,
    fareDay: context.days.fareDayOf(fareAtMs),
    atMs: fareAtMs,
    receivedAtMs: row.receivedAtMs,
  };
}
