/**
 * The HTTP API over which a city's fare engine and an acquirer's gateway speak (docs/ACQUIRER-API.md). JSON; every request
 * has a key under which it is done once. An acquirer with an interface of its own gets a gateway that speaks this, or an adapter.
 */
import { type Static, Type } from 'typebox';
import { AcquirerKeyId, Par } from './ids.ts';
import { Currency } from './money.ts';
import { type Parsed, parserOf } from './parse.ts';
import { AUTHORISATION_CHARS_MAX } from './record.ts';

export const ACQUIRER_PATHS = {
  authorise: '/v1/authorisations',
  clear: '/v1/clearings',
  refund: '/v1/refunds',
  /** With the key behind it. */
  status: '/v1/requests/',
  /** With the number behind it after which they are wanted. */
  chargebacks: '/v1/chargebacks?after=',
} as const;

/** Longest body in either direction. */
export const ACQUIRER_BYTES_MAX = 16_384;

/** Longest list of chargebacks: a hundred, however they are set out. */
export const CHARGEBACKS_BYTES_MAX = 131_072;
/** As many as are taken of a list. */
export const CHARGEBACKS_MAX = 100;

/** Header with the key of a request. */
export const IDEMPOTENCY_HEADER = 'idempotency-key';

const Minor = Type.String({ pattern: '^(0|[1-9][0-9]{0,11})$' });
const Reference = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' });

export const AcquirerAuthorisation = Type.Object({
  purpose: Type.Union([Type.Literal('nominal'), Type.Literal('charge'), Type.Literal('recovery')]),
  amountMinor: Minor,
  currency: Currency,
  /** Sealed by the reader (docs/CARD-LAYOUT.md, bank cards). */
  authorisation: Type.String({ pattern: '^[A-Za-z0-9_-]+$', maxLength: AUTHORISATION_CHARS_MAX }),
  acquirerKeyId: AcquirerKeyId,
});
export type AcquirerAuthorisation = Static<typeof AcquirerAuthorisation>;

/** A clearing names the authorisation, a refund the clearing. */
export const AcquirerFollowUp = Type.Object({ reference: Reference, amountMinor: Minor, currency: Currency });
export type AcquirerFollowUp = Static<typeof AcquirerFollowUp>;

const Code = Type.String({ pattern: '^[0-9A-Z]{2}$' });
export const AcquirerReply = Type.Union([
  Type.Object({
    outcome: Type.Literal('approved'),
    code: Code,
    reference: Reference,
    par: Type.Optional(Par),
  }),
  Type.Object({ outcome: Type.Literal('declined'), code: Code }),
]);
export type AcquirerReply = Static<typeof AcquirerReply>;

/** What a bank has taken back. */
export const AcquirerChargeback = Type.Object({
  n: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  /** Of the clearing. */
  reference: Reference,
  code: Code,
  amountMinor: Minor,
  currency: Currency,
});
export type AcquirerChargeback = Static<typeof AcquirerChargeback>;
export const parseAcquirerChargeback: (input: unknown) => Parsed<AcquirerChargeback> =
  parserOf(AcquirerChargeback);

/**
 * What banks have taken back, in the acquirer's order; a hundred at most, so whoever is behind asks again. Each is parsed by
 * itself: one without its form holds up no other.
 */
export const AcquirerChargebacks = Type.Object({ chargebacks: Type.Array(Type.Unknown()) });
export const parseAcquirerChargebacks: (input: unknown) => Parsed<Static<typeof AcquirerChargebacks>> =
  parserOf(AcquirerChargebacks);
export const parseAcquirerAuthorisation: (input: unknown) => Parsed<AcquirerAuthorisation> =
  parserOf(AcquirerAuthorisation);
export const parseAcquirerFollowUp: (input: unknown) => Parsed<AcquirerFollowUp> = parserOf(AcquirerFollowUp);
export const parseAcquirerReply: (input: unknown) => Parsed<AcquirerReply> = parserOf(AcquirerReply);
