/** What a failure on a DESFire card means to a passenger: the table of docs/CARD-LAYOUT.md. */
import type { RefusalCode } from '#contracts/reason-codes.ts';
import { isCheckingError } from '../apdu.ts';
import { type DesfireFailure, STATUS } from '../desfire/status.ts';

/** The card, its application or a file has closed itself. */
const LOCKED: ReadonlySet<number> = new Set([
  STATUS.cardDisabled,
  STATUS.cardIntegrityError,
  STATUS.applicationIntegrityError,
  STATUS.fileIntegrityError,
]);

/** The keys do not fit. */
const NOT_GENUINE: ReadonlySet<number> = new Set([STATUS.authenticationError, STATUS.integrityError]);

/** It is not laid out as we know it. */
const UNKNOWN: ReadonlySet<number> = new Set([
  STATUS.noSuchKey,
  STATUS.permissionDenied,
  STATUS.parameterError,
  STATUS.lengthError,
  STATUS.illegalCommand,
  STATUS.fileNotFound,
  STATUS.boundaryError,
]);

/** "What you select is not on this card", in native words; in ISO's it is a checking error. */
const NOT_MINE: ReadonlySet<number> = new Set([STATUS.applicationNotFound, STATUS.illegalCommand]);

/** ISO: the selected file was invalidated. */
const INVALIDATED = 0x6283;

/** The reason for a failure after our application was selected. */
export function refusalOf(failure: DesfireFailure): RefusalCode {
  if (failure.kind === 'not-genuine') return 'CARD_NOT_GENUINE';
  if (failure.kind !== 'status') return 'CARD_UNREADABLE';
  if (LOCKED.has(failure.status)) return 'CARD_LOCKED';
  if (NOT_GENUINE.has(failure.status)) return 'CARD_NOT_GENUINE';
  return UNKNOWN.has(failure.status) ? 'CARD_UNKNOWN' : 'CARD_UNREADABLE';
}

/** The reason for a failed selection, or that the card is another medium's. */
export function refusalOfSelect(failure: DesfireFailure): RefusalCode | 'not-mine' {
  if (failure.kind !== 'status') return 'CARD_UNREADABLE';
  if (failure.status === INVALIDATED || LOCKED.has(failure.status)) return 'CARD_LOCKED';
  const notMine = NOT_MINE.has(failure.status) || isCheckingError(failure.status);
  return notMine ? 'not-mine' : 'CARD_UNREADABLE';
}
