/**
 * The port to whoever asks the cards' banks for money. Every request has a key of ours: asked again under the same key, an
 * acquirer does nothing more and answers what it answered before. Card data go along as the reader sealed them; nobody here
 * can open them.
 */

/** What an authorisation is for: to see that the card is good, to charge rides, or to charge a debt once more. */
export type AuthorisationPurpose = 'nominal' | 'charge' | 'recovery';

export interface AuthorisationRequest {
  readonly key: string;
  readonly purpose: AuthorisationPurpose;
  readonly amountMinor: bigint;
  readonly currency: string;
  /** base64url, as it stands in the tap's record. */
  readonly authorisation: string;
  readonly acquirerKeyId: string;
}

/** Takes money that was authorised (`clear`), or gives back money that was cleared (`refund`). */
export interface FollowUpRequest {
  readonly key: string;
  /** Of the authorisation, or of the clearing. */
  readonly reference: string;
  readonly amountMinor: bigint;
  readonly currency: string;
}

/** The bank's word. `code` is the payment scheme's, two characters. */
export type AcquirerAnswer =
  | {
      readonly outcome: 'approved';
      readonly code: string;
      /** Under which the acquirer knows it, also in its clearing file. */
      readonly reference: string;
      /** The account behind card and phone, where the bank tells it. */
      readonly par?: string;
    }
  | { readonly outcome: 'declined'; readonly code: string };

/** A bank took a clearing back, at its holder's word. `n` counts the acquirer's chargebacks from 1. */
export interface Chargeback {
  readonly n: number;
  /** Of the clearing. */
  readonly reference: string;
  readonly code: string;
  readonly amountMinor: bigint;
  readonly currency: string;
}

/** A chargeback without its form: it cannot be taken, and is kept by name for a person. */
export interface MalformedChargeback {
  /** Of its bytes: that is what it is known by. */
  readonly sha256: string;
  /** `null` = it has none that could be read. */
  readonly n: number | null;
  /** Which fields are wrong, and how; none of what stands in them. */
  readonly problem: string;
}

export interface ChargebackPage {
  readonly chargebacks: readonly Chargeback[];
  readonly malformed: readonly MalformedChargeback[];
  /** Whether there may be more. */
  readonly full: boolean;
  /** The list itself is no list (too long): by name, for a person. */
  readonly unread?: MalformedChargeback;
}

export interface Acquirer {
  /** Chargebacks after the n-th, in their order, some at a time. */
  chargebacks(after: number): Promise<ChargebackPage>;
  authorise(request: AuthorisationRequest): Promise<AcquirerAnswer>;
  clear(request: FollowUpRequest): Promise<AcquirerAnswer>;
  refund(request: FollowUpRequest): Promise<AcquirerAnswer>;
  /**
   * What became of a request; `null` = it never arrived.
   * @throws AcquirerSilent also where the question itself is not taken: that says nothing of the request.
   */
  status(key: string): Promise<AcquirerAnswer | null>;
}

/** No answer that could be trusted came: whether the request was done is not known, and only `status` may tell. */
export class AcquirerSilent extends Error {
  constructor(why: string) {
    super(`the acquirer gave no answer that counts: ${why}`);
    this.name = 'AcquirerSilent';
  }
}

/** The acquirer does not take the request itself (a wrong login, a malformed field): asking again does not help. */
export class AcquirerRefused extends Error {
  /** How it said so, e.g. `HTTP 422`. */
  readonly code: string;
  constructor(why: string) {
    super(`the acquirer does not take the request: ${why}`);
    this.name = 'AcquirerRefused';
    this.code = why;
  }
}
