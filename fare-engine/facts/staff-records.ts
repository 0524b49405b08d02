/** From an inspector's and an issuing station's records to the facts that are stored. Pure. */
import { createHash } from 'node:crypto';
import type { Static } from 'typebox';
import { recordId } from '#contracts/ids.ts';
import type { CardActBody, CardActRecord, CheckBody, CheckRecord } from '#contracts/record.ts';

/** When and where a record is from, as it is stored. */
interface Stored {
  readonly recordId: string;
  readonly deviceId: string;
  readonly atMs: number;
  readonly receivedAtMs: number;
}

/** A check as it is stored, flat. */
export interface StoredCheck extends Stored, Pick<CheckBody, 'result' | 'evidence' | 'staffId'> {
  readonly reason: string | null;
  readonly tokenId: string | null;
  readonly mediumKind: string | null;
  readonly vehicleId: string | null;
  readonly routeId: string | null;
  readonly stopId: string | null;
  readonly ride: NonNullable<CheckBody['ride']> | null;
  readonly validators: NonNullable<CheckBody['validators']> | null;
  readonly protocol: NonNullable<CheckBody['protocol']> | null;
}

/** A command that follows from an act, for the office's own inbox. */
export interface FollowingCommand {
  readonly commandId: string;
  readonly kind: 'replace-medium' | 'deny-medium';
  readonly payload: object;
}

/** An act with a card as it is stored. */
export interface StoredCardAct extends Stored, Pick<CardActBody, 'act' | 'tokenId' | 'cardKind' | 'staffId'> {
  readonly keyVersion: number;
  readonly replacesTokenId: string | null;
  readonly batch: string | null;
  /** Obeyed only where the device is an issuing station. */
  readonly command: FollowingCommand | null;
}

type Times = { readonly epoch: string; readonly atMs: number; readonly receivedAtMs: number };

/** A check's row. */
export function storedCheck(record: Static<typeof CheckRecord>, times: Times): StoredCheck {
  const { body } = record;
  const { vehicleId, routeId, stopId } = body.where;
  return {
    ...identityOf(record, times),
    result: body.result,
    reason: body.reason ?? null,
    evidence: body.evidence,
    tokenId: body.tokenId ?? null,
    mediumKind: body.mediumKind ?? null,
    vehicleId: vehicleId ?? null,
    routeId: routeId ?? null,
    stopId: stopId ?? null,
    staffId: body.staffId,
    ride: body.ride ?? null,
    validators: body.validators ?? null,
    protocol: body.protocol ?? null,
  };
}

/** An act's row, with what follows from it: a lost card's account goes over to its successor, a card given up is denied. */
export function storedCardAct(record: Static<typeof CardActRecord>, times: Times): StoredCardAct {
  const { act, tokenId, cardKind, staffId, replacesTokenId, keyVersion, batch } = record.body;
  const identity = identityOf(record, times);
  return {
    ...identity,
    act,
    tokenId,
    cardKind,
    staffId,
    keyVersion,
    replacesTokenId: replacesTokenId ?? null,
    batch: batch ?? null,
    command: commandOf(record.body, identity),
  };
}

function commandOf(
  { act, tokenId, replacesTokenId }: CardActBody,
  { recordId: id, atMs }: Stored,
): FollowingCommand | null {
  const commandId = uuidOf(id);
  if (act === 'issued' && replacesTokenId !== undefined) {
    const payload = { tokenId, replacesTokenId, validFromMs: atMs };
    return { commandId, kind: 'replace-medium', payload };
  }
  if (act !== 'given-up') return null;
  const payload = { tokenId, reason: 'lost', scope: 'all', validFromMs: atMs, validUntilMs: null };
  return { commandId, kind: 'deny-medium', payload };
}

function identityOf({ deviceId, seq }: { deviceId: string; seq: number }, times: Times): Stored {
  const { epoch, atMs, receivedAtMs } = times;
  return { recordId: recordId(deviceId, epoch, seq), deviceId, atMs, receivedAtMs };
}

/** The same record gives the same command, however often it comes. */
function uuidOf(id: string): string {
  const hex = createHash('sha256').update(`kvytok command of ${id}`).digest('hex');
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
