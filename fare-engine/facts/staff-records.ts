/** From an inspector's and an issuing station's records to the facts that are stored. Pure. */
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

/** An act with a card as it is stored. */
export interface StoredCardAct extends Stored, Pick<CardActBody, 'act' | 'tokenId' | 'cardKind' | 'staffId'> {
  readonly keyVersion: number;
  readonly replacesTokenId: string | null;
  readonly batch: string | null;
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

/**
 * An act's row. Where its device was a station, by what is known of that, a lost card's account goes over to its successor,
 * and a card that was given up is denied (`facts/media-book.ts`, the view `fare.card_denial`).
 */
export function storedCardAct(record: Static<typeof CardActRecord>, times: Times): StoredCardAct {
  const { act, tokenId, cardKind, staffId, replacesTokenId, keyVersion, batch } = record.body;
  return {
    ...identityOf(record, times),
    act,
    tokenId,
    cardKind,
    staffId,
    keyVersion,
    replacesTokenId: replacesTokenId ?? null,
    batch: batch ?? null,
  };
}

function identityOf({ deviceId, seq }: { deviceId: string; seq: number }, times: Times): Stored {
  const { epoch, atMs, receivedAtMs } = times;
  return { recordId: recordId(deviceId, epoch, seq), deviceId, atMs, receivedAtMs };
}
