/** Commands that the office and the portal put into the inbox: one schema for each kind. Unknown fields are refused. */
import { type Static, type TProperties, Type } from 'typebox';
import { DenyReason } from '#contracts/deny-list.ts';
import { DeviceId, EpochId, FeedId, InstantMs, Seq, Sha256Hex, TokenId } from '#contracts/ids.ts';
import { keyed } from '#contracts/keyed.ts';
import { Currency } from '#contracts/money.ts';
import { parserOf } from '#contracts/parse.ts';
import { COUNTED_FROM_MS_MAX, COUNTED_FROM_MS_MIN } from '#pricing/fare-day.ts';
import { RULE_IDS, SEVERITIES, TAPS_NAMED_MAX } from './anomalies/finding.ts';
import { OBJECTION_REASONS } from './claims/refusals.ts';

const strict = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

/** Id of an account, entitlement or payment: opaque, printable, without the separators of ledger account names. */
const Name = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$' });
const Until = Type.Optional(Type.Union([InstantMs, Type.Null()]));
/** Above zero; at most 9 digits, ten million of a currency with two decimals. */
const Amount = Type.String({ pattern: '^[1-9][0-9]{0,8}$' });

/** Words of a person, kept as they are. */
const Sentence = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\p{Cc}]+$' });

const FareDay = Type.String({ pattern: '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' });

const oneOf = <T extends string>(words: readonly T[]) =>
  Type.Union(words.map((word) => Type.Literal(word))) as unknown as ReturnType<typeof Type.Unsafe<T>>;

/** A period of settlement, `YYYY-MM`. */
const Month = Type.String({ pattern: '^[0-9]{4}-(0[1-9]|1[0-2])$' });
const Side = Type.Union([Type.Literal('department'), Type.Literal('carrier')]);

/** Who holds money of bank cards: a name in the ledger. */
const HolderId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,31}$' });

const drivenRoute = {
  routeId: FeedId,
  tripId: Type.Optional(Type.Union([FeedId, Type.Null()])),
  directionId: Type.Optional(Type.Union([Type.Literal(0), Type.Literal(1), Type.Null()])),
  validFromMs: InstantMs,
};

/** Base64; a container of a qualified signature carries its evidence. */
const Signature = Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 40_000 });

/** Who has signed what a side says of a claim (settlement/signature-schemes.ts). */
const signed = { signerId: Type.String({ format: 'uuid' }), signature: Signature };

const claimVersion = {
  claimId: Type.String({ minLength: 1, maxLength: 1000 }),
  version: Type.Integer({ minimum: 1, maximum: 10_000 }),
};

export const COMMANDS = {
  'credit-wallet': strict({
    accountId: Name,
    amountMinor: Amount,
    currency: Currency,
    source: Name,
    idempotencyKey: Name,
  }),
  'link-medium': strict({ tokenId: TokenId, accountId: Name, validFromMs: InstantMs, validUntilMs: Until }),
  'grant-entitlement': strict({
    entitlementId: Name,
    accountId: Name,
    concessionId: FeedId,
    validFromMs: InstantMs,
    validUntilMs: Until,
  }),
  /** A pass or carnet was sold: from now on, or from a chosen date. What it covers, its product's terms say. */
  'sell-pass': strict({
    passId: Name,
    accountId: Name,
    fareProductId: FeedId,
    /** Its days are reckoned from here. */
    validFromMs: Type.Integer({ minimum: COUNTED_FROM_MS_MIN, maximum: COUNTED_FROM_MS_MAX }),
    amountMinor: Type.String({ pattern: '^(0|[1-9][0-9]{0,8})$' }),
    currency: Currency,
    /** The till or payment provider. */
    source: Name,
  }),
  /** A pass or carnet is given back, from now on; what comes back for it, its product's terms say. */
  'return-holding': strict({
    passId: Name,
    /** Handed out at a till or by a payment provider, or credited to the holder's account. */
    to: oneOf(['till', 'wallet']),
    /** The till or provider, where `to` says so. */
    source: Type.Optional(Name),
    /** What the passenger was told; another sum is refused. */
    amountMinor: Type.Optional(Amount),
    reason: Sentence,
    by: Sentence,
  }),
  'revoke-entitlement': strict({
    entitlementId: Name,
    validUntilMs: InstantMs,
    reason: Type.Optional(oneOf(['death', 'moved', 'withdrawn', 'error'])),
  }),
  'assign-device': strict({
    deviceId: DeviceId,
    vehicleId: FeedId,
    /** Where no fact of the vehicle says them. */
    carrierId: Type.Optional(Type.Union([FeedId, Type.Null()])),
    routeId: Type.Optional(Type.Union([FeedId, Type.Null()])),
    tripId: Type.Optional(Type.Union([FeedId, Type.Null()])),
    validFromMs: InstantMs,
    validUntilMs: Until,
  }),
  'assign-vehicle': strict({
    vehicleId: FeedId,
    carrierId: FeedId,
    validFromMs: InstantMs,
    validUntilMs: Until,
  }),
  /** The dispatcher's plan. */
  'assign-route': strict({ vehicleId: FeedId, ...drivenRoute, validUntilMs: Until }),
  /** What was driven, said afterwards; stands above every other word. Of a vehicle, or of one device. */
  'correct-route': strict({
    vehicleId: Type.Optional(FeedId),
    deviceId: Type.Optional(DeviceId),
    ...drivenRoute,
    validUntilMs: InstantMs,
    reason: Sentence,
    who: Sentence,
  }),
  /**
   * Taps of a device with a wrong clock took place at another time: those whose own records say a time in the interval
   * and, where given, that stand in this part of its journal. Either `offsetMs` is added or they happened at `trueAtMs`.
   */
  'correct-clock': strict({
    deviceId: DeviceId,
    validFromMs: InstantMs,
    validUntilMs: InstantMs,
    epoch: Type.Optional(EpochId),
    fromSeq: Type.Optional(Seq),
    /** Included. */
    toSeq: Type.Optional(Seq),
    offsetMs: Type.Optional(Type.Integer({ minimum: -8.64e15, maximum: 8.64e15 })),
    trueAtMs: Type.Optional(InstantMs),
    /** How far the corrected time may be off; 0 when not given. */
    uncertaintyMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 604_800_000 })),
    reason: Sentence,
    /** The office's own act or ticket. */
    act: Type.Optional(Sentence),
  }),
  'close-day': strict({ fareDay: FareDay }),
  /** The debt of a bank card was paid, whole, to a till or payment provider. */
  'pay-debt': strict({
    paymentId: Type.String({ pattern: '^bp-[0-9a-f]{32}$' }),
    source: Name,
    /** Under which the till or the provider knows it. */
    reference: Name,
    amountMinor: Amount,
    currency: Currency,
    by: Sentence,
  }),
  /** A payment that the acquirer would not take goes on: `again` under its key, or `anew` with its days owed once more. */
  'take-up-payment': strict({
    paymentId: Type.String({ pattern: '^bp-[0-9a-f]{32}$' }),
    how: oneOf(['again', 'anew']),
    /** Said where a refund may have been done, and is asked for anew: the money may go out a second time. */
    risk: Type.Optional(Type.Literal('paid-twice')),
    by: Sentence,
  }),
  /** Whose a chargeback is that fitted no payment: a payment's, the city's loss, or given back by the acquirer. */
  'move-chargeback': strict({
    acquirerId: HolderId,
    n: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    to: oneOf(['payment', 'loss', 'acquirer']),
    paymentId: Type.Optional(Type.String({ pattern: '^bp-[0-9a-f]{32}$' })),
    reason: Sentence,
    by: Sentence,
  }),
  /** What a chargeback was that came without its form: its fields, or nothing where they are absent. */
  'read-chargeback': strict({
    acquirerId: HolderId,
    sha256: Sha256Hex,
    chargeback: Type.Optional(
      strict({
        n: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
        /** Of the clearing. */
        reference: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }),
        code: Type.String({ pattern: '^[0-9A-Z]{2}$' }),
        amountMinor: Amount,
        currency: Currency,
      }),
    ),
    reason: Sentence,
    by: Sentence,
  }),
  /**
   * Of a day's money with whoever holds it: what an acquirer's clearing file (`clearing`) or a payment provider's report (`provider`) says it
   * keeps and pays out; what the city's bank has booked of that (`payout`), or of what was counted in a till (`deposit`). Once for each
   * book, holder, day and currency.
   */
  'book-money': strict({
    /** `<book>-<holder>-<day>-<currency>`. */
    bookingId: Name,
    book: oneOf(['clearing', 'provider', 'payout', 'deposit']),
    /** Acquirer, payment provider or till. */
    holderId: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,95}$' }),
    day: FareDay,
    currency: Currency,
    feeMinor: Type.String({ pattern: '^(0|[1-9][0-9]{0,14})$' }),
    netMinor: Type.String({ pattern: '^(0|-?[1-9][0-9]{0,14})$' }),
    /** Of the lines of the file that it sums up. */
    linesSha256: Sha256Hex,
    by: Sentence,
  }),
  'deny-medium': strict({
    tokenId: TokenId,
    reason: DenyReason,
    scope: Type.Union([Type.Literal('all'), Type.Literal('paid')]),
    validFromMs: InstantMs,
    validUntilMs: Until,
  }),
  'allow-medium': strict({ tokenId: TokenId }),
  /** Every medium linked to the account now: the card, its replacement, its phone, each token key version. */
  'deny-account': strict({
    accountId: Name,
    reason: DenyReason,
    scope: Type.Union([Type.Literal('all'), Type.Literal('paid')]),
    validFromMs: InstantMs,
    validUntilMs: Until,
  }),
  'allow-account': strict({ accountId: Name }),
  /** The account of the old medium, linked or derived, goes over to the new one; the old one is denied. */
  'replace-medium': strict({ tokenId: TokenId, replacesTokenId: TokenId, validFromMs: InstantMs }),
  /** The books of a month are settled with the carriers, by a named person. */
  'close-settlement': strict({ period: Month, who: Sentence }),
  /** Whose key signs acts for a side. */
  'name-signer': strict({
    side: Side,
    carrierId: Type.Optional(FeedId),
    name: Sentence,
    scheme: Name,
    publicKey: Type.String({ minLength: 1, maxLength: 8000 }),
    validFromMs: InstantMs,
    validUntilMs: Until,
    who: Sentence,
  }),
  'sign-act': strict({
    period: Month,
    carrierId: FeedId,
    side: Side,
    signerId: Type.String({ format: 'uuid' }),
    actSha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    objections: Type.Boolean(),
    /** What is objected to, in short; the objection itself is a matter of its own. */
    note: Type.Optional(Sentence),
    signature: Signature,
    who: Sentence,
  }),
  /** The compensation claims of a settled month are drafted, by a named person. */
  'draft-claims': strict({ period: Month, by: Sentence }),
  'submit-claim': strict({ ...claimVersion, ...signed, side: Side, by: Sentence }),
  /** To a line, or to a tap by its reference in the claim. */
  'object-claim': strict({
    ...claimVersion,
    ...signed,
    side: Side,
    lineId: Type.Optional(Type.String({ pattern: '^[0-9a-f]{16}$' })),
    tapRef: Type.Optional(Type.String({ pattern: '^[0-9a-f]{32}$' })),
    reason: oneOf(OBJECTION_REASONS),
    words: Sentence,
    by: Sentence,
  }),
  /** Accepted: by how much the line is corrected, in a new version or in the next month's claim. */
  'answer-objection': strict({
    ...claimVersion,
    ...signed,
    side: Side,
    objectionId: Type.String({ format: 'uuid' }),
    accepted: Type.Boolean(),
    words: Sentence,
    remedy: Type.Optional(oneOf(['new-version', 'next-month'])),
    correctionMinor: Type.Optional(Type.String({ pattern: '^-?[1-9][0-9]{0,14}$' })),
    by: Sentence,
  }),
  'agree-claim': strict({ ...claimVersion, ...signed, sha256: Sha256Hex, side: Side, by: Sentence }),
  /** Whether a device may issue and replace cards. */
  'say-station': strict({
    deviceId: DeviceId,
    allowed: Type.Boolean(),
    validFromMs: InstantMs,
    validUntilMs: Until,
  }),
  /** A passenger forgot to tap out: how the journey ended that began with this tap. */
  'repair-journey': strict({
    tapId: Type.String({ minLength: 1, maxLength: 120 }),
    stopId: FeedId,
    atMs: InstantMs,
    by: Sentence,
  }),
  /** An operator decides a repair that no rule granted. */
  'decide-repair': strict({
    repairId: Type.String({ format: 'uuid' }),
    verdict: oneOf(['granted', 'refused']),
    reason: Sentence,
    by: Sentence,
  }),
  /** A rule found something in a period's facts (anomalies/): kept for people to look at, and nothing else. */
  'record-anomaly': strict({
    findingId: Type.String({ pattern: '^an-[0-9a-f]{32}$' }),
    ruleId: oneOf(RULE_IDS),
    paramsSha256: Sha256Hex,
    fromDay: FareDay,
    /** Exclusive. */
    untilDay: FareDay,
    tapIds: Type.Array(Type.String({ minLength: 1, maxLength: 120 }), {
      maxItems: TAPS_NAMED_MAX,
      uniqueItems: true,
    }),
    taps: Type.Integer({ minimum: 0, maximum: 2_000_000_000 }),
    deviceId: Type.Optional(Type.Union([DeviceId, Type.Null()])),
    vehicleId: Type.Optional(Type.Union([FeedId, Type.Null()])),
    routeId: Type.Optional(Type.Union([FeedId, Type.Null()])),
    carrierId: Type.Optional(Type.Union([FeedId, Type.Null()])),
    concessionId: Type.Optional(Type.Union([FeedId, Type.Null()])),
    severity: oneOf(SEVERITIES),
    scorePermille: Type.Integer({ minimum: 1000, maximum: Number.MAX_SAFE_INTEGER }),
    evidence: keyed('^[a-z][A-Za-z0-9]{0,39}$', Type.Integer(), { maxProperties: 16 }),
    by: Sentence,
  }),
  /** What a person made of a finding. */
  'review-anomaly': strict({
    findingId: Type.String({ pattern: '^an-[0-9a-f]{32}$' }),
    verdict: oneOf(['confirmed', 'dismissed']),
    reason: Sentence,
    by: Sentence,
  }),
} as const;

export type CommandKind = keyof typeof COMMANDS;
/** What a command of a kind says. */
export type Payload<K extends CommandKind> = Static<(typeof COMMANDS)[K]>;

const parsers = Object.fromEntries(
  Object.entries(COMMANDS).map(([kind, schema]) => [kind, parserOf(schema as never)]),
) as unknown as { [K in CommandKind]: (input: unknown) => import('#contracts/parse.ts').Parsed<Payload<K>> };

/** Whether this engine knows the kind. */
export function isCommandKind(kind: string): kind is CommandKind {
  return Object.hasOwn(COMMANDS, kind);
}

/** Checks a payload against the schema of its kind. */
export function parsePayload<K extends CommandKind>(kind: K, payload: unknown) {
  return parsers[kind](payload);
}
