/**
 * What a validator needs of the city's tariffs to show what a ride costs: full prices and transfer rules of each package,
 * signed, as a file of the device folder. It decides no colour and no charge; categories and concessions are not in it.
 */
import { type Static, Type } from 'typebox';
import { FeedId, InstantMs, Sha256Hex } from './ids.ts';
import { Currency } from './money.ts';
import { decodeJson, decodeJsonText } from './parse.ts';
import { envelopeOpener } from './signed-envelope.ts';

/** Largest file. A zone tariff with 5,000 stops needs about 300 KiB. */
export const TARIFF_EXTRACT_BYTES_MAX = 4 * 1024 * 1024;
/** Its name in the device folder. */
export const TARIFF_EXTRACT_FILE = 'tariff-extract.json';

/** An id, or '' where GTFS has an empty value. */
const IdOrEmpty = Type.String({ maxLength: 128 });
const RuleId = Type.String({ minLength: 1, maxLength: 1000 });
const DaySeconds = Type.Integer({ minimum: 0, maximum: 200_000 });
const Day = Type.Integer({ minimum: -1_000_000, maximum: 1_000_000 });
const ROWS_MAX = 100_000;

export const PackageExtract = Type.Object({
  /** Names the package; a charge made by it carries the same hash. */
  packageHash: Sha256Hex,
  validFromMs: InstantMs,
  /** Exclusive; null = open: the next package ends it. */
  validUntilMs: Type.Union([InstantMs, Type.Null()]),
  zone: Type.String({ minLength: 1, maxLength: 64 }),
  currency: Currency,
  /** Kind of medium → `fare_media_id`. */
  mediaOfKind: Type.Object({
    social: Type.Optional(FeedId),
    wallet: Type.Optional(FeedId),
    bank: Type.Optional(FeedId),
  }),
  policies: Type.Array(
    Type.Object({
      networkId: IdOrEmpty,
      passBackS: Type.Integer({ minimum: 0, maximum: 3600 }),
      sameVehicleTransfer: Type.Union([Type.Literal('free'), Type.Literal('not')]),
    }),
    { minItems: 1, maxItems: 500 },
  ),
  /** Caps, or transfers that are left out because they are suspended for a time, may make a ride cheaper than its full price. */
  capped: Type.Boolean(),
  networkOfRoute: Type.Array(Type.Tuple([FeedId, IdOrEmpty]), { maxItems: ROWS_MAX }),
  stops: Type.Union([
    Type.Null(),
    Type.Array(Type.Tuple([FeedId, IdOrEmpty, IdOrEmpty]), { maxItems: ROWS_MAX }),
  ]),
  areasOfStop: Type.Array(Type.Tuple([FeedId, Type.Array(IdOrEmpty, { maxItems: 100 })]), {
    maxItems: ROWS_MAX,
  }),
  services: Type.Array(
    Type.Object({
      serviceId: IdOrEmpty,
      weekdays: Type.Array(Type.Boolean(), { minItems: 7, maxItems: 7 }),
      startDay: Day,
      endDay: Day,
      added: Type.Array(Day, { maxItems: 4000 }),
      removed: Type.Array(Day, { maxItems: 4000 }),
    }),
    { maxItems: 5000 },
  ),
  timeframes: Type.Array(
    Type.Object({ groupId: IdOrEmpty, startS: DaySeconds, endS: DaySeconds, serviceId: IdOrEmpty }),
    { maxItems: 5000 },
  ),
  /** Full prices only. */
  products: Type.Array(
    Type.Object({
      productId: FeedId,
      mediaId: IdOrEmpty,
      amountMinor: Type.String({ pattern: '^(0|[1-9][0-9]{0,11})$' }),
    }),
    { maxItems: 20_000 },
  ),
  hasRulePriority: Type.Boolean(),
  legRules: Type.Array(
    Type.Object({
      ruleId: RuleId,
      legGroupId: IdOrEmpty,
      networkId: IdOrEmpty,
      fromAreaId: IdOrEmpty,
      toAreaId: IdOrEmpty,
      fromTimeframeGroupId: IdOrEmpty,
      toTimeframeGroupId: IdOrEmpty,
      productId: IdOrEmpty,
      priority: Type.Integer({ minimum: 0, maximum: 1_000_000_000 }),
    }),
    { maxItems: ROWS_MAX },
  ),
  transferRules: Type.Array(
    Type.Object({
      ruleId: RuleId,
      fromLegGroupId: IdOrEmpty,
      toLegGroupId: IdOrEmpty,
      /** -1 = no limit. */
      transferCount: Type.Integer({ minimum: -1, maximum: 1_000_000 }),
      durationLimitS: Type.Union([Type.Integer({ minimum: 0, maximum: 100_000_000 }), Type.Null()]),
      durationLimitType: Type.Union([Type.Literal(0), Type.Literal(1), Type.Literal(2), Type.Literal(3)]),
      fareTransferType: Type.Union([Type.Literal(0), Type.Literal(1), Type.Literal(2)]),
      productId: IdOrEmpty,
    }),
    { maxItems: ROWS_MAX },
  ),
});
export type PackageExtract = Static<typeof PackageExtract>;

/** Orders extracts: it grows with each change of what is published. 0 = as enrolment gave it. */
export const TariffVersion = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

export const TariffExtract = Type.Object({
  v: Type.Literal(1),
  /** Absent = 0: not published, written by enrolment or by hand. */
  version: Type.Optional(TariffVersion),
  /** `HH:MM`, wall time at which a fare day begins. */
  dayStart: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' }),
  zone: Type.String({ minLength: 1, maxLength: 64 }),
  packages: Type.Array(PackageExtract, { maxItems: 50 }),
});
export type TariffExtract = Static<typeof TariffExtract>;

/** Opens the file: form, key, signature, and then its content. */
export const openTariffExtract = envelopeOpener('tariff-extract', TariffExtract, TARIFF_EXTRACT_BYTES_MAX);

/**
 * Version that a file says it has, without a look at its signature; 0 where it cannot be read. For whoever replaces a
 * file that the owner of the keys will check anyway.
 */
export function statedVersionOf(bytes: Uint8Array): number {
  const envelope = decodeJson(bytes, TARIFF_EXTRACT_BYTES_MAX);
  const { payload } = (envelope.ok ? envelope.value : {}) as { payload?: unknown };
  const inner = typeof payload === 'string' ? decodeJsonText(payload) : undefined;
  const { version } = (inner?.ok ? inner.value : {}) as { version?: unknown };
  return Number.isSafeInteger(version) ? (version as number) : 0;
}
