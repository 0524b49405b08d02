/** Status words of DESFire's native commands, wrapped in ISO/IEC 7816-4 (`91` and the native status). */
export const STATUS = {
  ok: 0x9100,
  moreFrames: 0x91af,
  noChanges: 0x910c,
  outOfMemory: 0x910e,
  illegalCommand: 0x911c,
  integrityError: 0x911e,
  noSuchKey: 0x9140,
  lengthError: 0x917e,
  permissionDenied: 0x919d,
  parameterError: 0x919e,
  applicationNotFound: 0x91a0,
  applicationIntegrityError: 0x91a1,
  authenticationDelay: 0x91ad,
  authenticationError: 0x91ae,
  boundaryError: 0x91be,
  cardIntegrityError: 0x91c1,
  commandAborted: 0x91ca,
  cardDisabled: 0x91cd,
  countError: 0x91ce,
  duplicateError: 0x91de,
  memoryError: 0x91ee,
  fileNotFound: 0x91f0,
  fileIntegrityError: 0x91f1,
} as const;

/** Why a command came to nothing. */
export type DesfireFailure =
  /** No answer: the card left, time or exchanges ran out. */
  | { readonly kind: 'gone' }
  /** The card said no. */
  | { readonly kind: 'status'; readonly status: number }
  /** An answer outside a session that is not in the form of its command, or one without end. */
  | { readonly kind: 'malformed' }
  /** The card did not prove its key, or an answer within a session does not verify. */
  | { readonly kind: 'not-genuine' };

/** What became of a command. A failure ends the session. */
export type DesfireResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: DesfireFailure };

export function done<T>(value: T): DesfireResult<T> {
  return { ok: true, value };
}

export function failed(failure: DesfireFailure): { ok: false; failure: DesfireFailure } {
  return { ok: false, failure };
}
