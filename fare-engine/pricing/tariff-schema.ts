/**
 * The YAML files of a tariff package: what the GTFS standard lacks. Described for people in
 * `fare-engine/tariffs/README.md`. Unknown keys are refused, so that a misspelt one cannot be silently ignored.
 */
import { type Static, type TProperties, Type } from 'typebox';
import { Currency } from '#contracts/money.ts';

export const strict = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
export const oneOf = <const T extends readonly string[]>(...values: T) =>
  Type.Unsafe<T[number]>(Type.Enum([...values]));

export const Id = Type.String({ minLength: 1, maxLength: 128 });
export const Text = Type.String({ minLength: 1, maxLength: 500 });
const Url = Type.String({ pattern: '^https?://', maxLength: 1000 });
export const natural = Type.Integer({ minimum: 0, maximum: 1_000_000_000 });

/** Local calendar date; holds from 00:00 wall time in the tariff's zone. */
export const LocalDate = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' });
const OpenDate = Type.Union([LocalDate, Type.Null()]);

/** A name in the four languages of the platform. */
export const Names = strict({ uk: Text, en: Text, de: Text, pl: Text });
export type Names = Static<typeof Names>;

export const Act = strict({
  act_id: Id,
  names: Names,
  number: Type.Optional(Text),
  date: Type.Optional(LocalDate),
  url: Type.Optional(Url),
});
export type Act = Static<typeof Act>;

/** tariff.yaml */
export const TariffFile = strict({
  version_id: Id,
  names: Names,
  valid_from: LocalDate,
  valid_to: OpenDate,
  zone: Type.String({ minLength: 1, maxLength: 64 }),
  currency: Currency,
  status: oneOf('in-force', 'superseded', 'draft'),
  act: Id,
  acts: Type.Array(Act, { minItems: 1, maxItems: 500 }),
  superseded_note: Type.Optional(Names),
  sources: Type.Optional(Type.Array(strict({ url: Url, note: Type.Optional(Text) }), { maxItems: 100 })),
});
export type TariffFile = Static<typeof TariffFile>;

/** One row of law: who pays less, by which act, and who owes the carrier the difference. */
export const Concession = strict({
  concession_id: Id,
  rider_category_id: Id,
  names: Names,
  act: Id,
  article: Text,
  url: Type.Optional(Url),
  level: oneOf('state', 'oblast', 'city'),
  valid_from: LocalDate,
  valid_to: OpenDate,
  discount_kind: oneOf('free', 'percent', 'fixed', 'product'),
  discount_bp: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
  discount_minor: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
  round_minor: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
  round_mode: Type.Optional(oneOf('down', 'half_up', 'up')),
  network_id: Type.Optional(Id),
  media_required: Type.Optional(Id),
  priority: Type.Optional(natural),
  /** Rows of one group share their quota. */
  stack_group: Type.Optional(Id),
  timeframe_group_id: Type.Optional(Id),
  /** Only for who holds the entitlement `residence:<id>` too. */
  resident_required: Type.Optional(Id),
  /** Companions who ride as the holder does. */
  escort_allowed: Type.Optional(Type.Integer({ minimum: 1, maximum: 3 })),
  quota_window: Type.Optional(oneOf('day', 'week', 'month')),
  quota_rides: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
  quota_minor: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
  /** Row that holds when the quota is used up; absent = the full fare. */
  over_quota: Type.Optional(Id),
  funding_id: Id,
});
export type Concession = Static<typeof Concession>;

/** concessions.yaml */
export const ConcessionsFile = strict({ concessions: Type.Array(Concession, { maxItems: 5000 }) });
export type ConcessionsFile = Static<typeof ConcessionsFile>;

export const Funding = strict({
  funding_id: Id,
  budget_level: oneOf('state', 'oblast', 'city', 'community'),
  names: Names,
  /** Code of the budget programme, and the contract with the carriers, where they are known. */
  budget_code: Type.Optional(Text),
  contract: Type.Optional(Text),
  act: Id,
  article: Text,
});
export type Funding = Static<typeof Funding>;

/** funding.yaml */
export const FundingFile = strict({ funding: Type.Array(Funding, { maxItems: 1000 }) });
export type FundingFile = Static<typeof FundingFile>;

/** Longest journey that a tariff may set: it reaches over one border of fare days and no more. */
export const JOURNEY_S_MAX = 43_200;

/** Where a journey from a stop is taken to have ended when its exit is missing. */
export const Completion = strict({
  from_stop_id: Id,
  to_stop_id: Id,
  after_s: Type.Integer({ minimum: 0, maximum: JOURNEY_S_MAX }),
});

/** What a passenger may mend alone; the rest an operator decides. */
export const RepairRule = strict({
  /** So many granted without an operator … */
  per_window: Type.Integer({ minimum: 1, maximum: 1000 }),
  /** … in so many days in a row. */
  window_days: Type.Integer({ minimum: 1, maximum: 366 }),
  /** So long after the journey began it may be told at all. */
  within_s: Type.Integer({ minimum: 60, maximum: 31_536_000 }),
  /** Without an operator only what cost at most so much. */
  charged_minor_max: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }),
});
export type RepairRule = Static<typeof RepairRule>;

export const NetworkTapPolicy = strict({
  /** '' = every network without a row of its own, and unknown routes. */
  network_id: Type.String({ maxLength: 128 }),
  /** `in_out`: leaving is tapped too (journeys.ts). */
  mode: oneOf('in', 'in_out'),
  passback_s: Type.Integer({ minimum: 0, maximum: 3600 }),
  companion_max: Type.Integer({ minimum: 0, maximum: 20 }),
  /** What a bag costs; its price is that of the default category by medium. Absent = no baggage is paid with a card. */
  bag_product_id: Type.Optional(Id),
  bag_max: Type.Optional(Type.Integer({ minimum: 1, maximum: 20 })),
  /** Companions and bags together; absent = each by its own limit. */
  extra_max: Type.Optional(Type.Integer({ minimum: 1, maximum: 40 })),
  late_tap_accept_s: Type.Integer({ minimum: 0, maximum: 31_536_000 }),
  /** From here on `in_out` only. An exit so long after its entry is still one of the same journey. */
  max_journey_s: Type.Optional(Type.Integer({ minimum: 60, maximum: JOURNEY_S_MAX })),
  /** Left again at the same stop within this time there was no journey; absent = 0, never. */
  same_stop_cancel_s: Type.Optional(Type.Integer({ minimum: 0, maximum: JOURNEY_S_MAX })),
  /** What a journey costs whose exit is missing: the dearest from there, one price for all, or the usual one. */
  missing_tap: Type.Optional(oneOf('max', 'flat', 'completion')),
  /** The one price. */
  penalty_product_id: Type.Optional(Id),
  /** The usual journeys; from other stops the dearest holds. */
  completion: Type.Optional(Type.Array(Completion, { minItems: 1, maxItems: 5000 })),
  /** Absent = every repair is decided by an operator. */
  repair: Type.Optional(RepairRule),
  /** Whether the vehicle of the ride before may be transferred to; absent = `free`, as to any other. */
  same_vehicle_transfer: Type.Optional(oneOf('free', 'not')),
  act: Id,
  article: Text,
});
export type NetworkTapPolicy = Static<typeof NetworkTapPolicy>;

/** tap-policy.yaml */
export const TapPolicyFile = strict({
  medium_kinds: strict({
    social: Type.Optional(Id),
    wallet: Type.Optional(Id),
    bank: Type.Optional(Id),
  }),
  networks: Type.Array(NetworkTapPolicy, { minItems: 1, maxItems: 500 }),
});
export type TapPolicyFile = Static<typeof TapPolicyFile>;

export const ProductTerm = strict({
  fare_product_id: Id,
  kind: oneOf('single', 'pass', 'carnet', 'transfer', 'bag'),
  validity_amount: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
  validity_unit: Type.Optional(oneOf('minute', 'hour', 'day', 'month')),
  validity_type: Type.Optional(oneOf('calendar', 'rolling')),
  activation: Type.Optional(oneOf('purchase', 'first_use', 'date')),
  /** It covers no ride sooner after its sale. */
  usable_after_s: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400 })),
  /** So long after its sale the first use may come. */
  activate_within_days: Type.Optional(Type.Integer({ minimum: 1, maximum: 366 })),
  rides: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
  max_companions: Type.Optional(Type.Integer({ minimum: 0, maximum: 20 })),
  /** With what its price is earned; absent = `rides` of a carnet, else the fare `days` on which it counts. */
  earned_by: Type.Optional(oneOf('days', 'rides')),
  /**
   * What comes back of the price when it is given back: all as long as no ride was made, or the share of rides or of fare days that
   * are left. Absent = it is never given back.
   */
  give_back: Type.Optional(oneOf('whole', 'rides', 'days')),
  /** So long after `validFromMs` of its sale it may be given back; absent = as long as it holds. */
  give_back_within_days: Type.Optional(Type.Integer({ minimum: 1, maximum: 366 })),
  /** The city keeps so much of each. */
  give_back_fee_minor: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
  act: Id,
  article: Text,
});
export type ProductTerm = Static<typeof ProductTerm>;

/** What an inspector of a network may ask. */
export const InspectionRow = strict({
  /** '' = every network without a row of its own, and unknown routes. */
  network_id: Type.String({ maxLength: 128 }),
  /** So long after its tap a ride stands in the vehicle of the tap. */
  ride_window_s: Type.Integer({ minimum: 60, maximum: 86_400 }),
  act: Id,
  article: Text,
  /** Absent = nothing is asked of a passenger without a ride. */
  penalty: Type.Optional(
    strict({
      fare_multiple: Type.Integer({ minimum: 1, maximum: 1000 }),
      /** Of which medium the full price counts. */
      fare_media_id: Id,
      act: Id,
      article: Text,
    }),
  ),
});
export type InspectionRow = Static<typeof InspectionRow>;

/** inspection.yaml */
export const InspectionFile = strict({
  inspection: Type.Array(InspectionRow, { minItems: 1, maxItems: 500 }),
});
export type InspectionFile = Static<typeof InspectionFile>;

/** Longest windows of a breakdown that a tariff may set: the engine looks no further for rides that one may concern. */
export const BREAKDOWN_WINDOW_S_MAX = 14_400;

/** Who rides on free after a breakdown of the vehicle. */
export const BreakdownRow = strict({
  rule_id: Id,
  /** Network of the ride that broke off; '' = every network without a row of its own. */
  network_id: Type.String({ maxLength: 128 }),
  /** A ride broke off if it began at most so long before the breakdown. */
  ride_window_s: Type.Integer({ minimum: 0, maximum: BREAKDOWN_WINDOW_S_MAX }),
  /** The next vehicle is free at most so long after the breakdown. */
  next_window_s: Type.Integer({ minimum: 0, maximum: BREAKDOWN_WINDOW_S_MAX }),
  /** Where the next vehicle is free, seen from the one that broke down. */
  next_routes: oneOf('same_route', 'same_network', 'any'),
  /** How many vehicles after it are free. */
  rides: Type.Integer({ minimum: 1, maximum: 10 }),
  /** Whether companions who paid in the ride that broke off ride on free too. */
  companions: oneOf('free', 'pay'),
  act: Id,
  article: Text,
});
export type BreakdownRow = Static<typeof BreakdownRow>;

/** breakdown.yaml */
export const BreakdownFile = strict({ breakdown: Type.Array(BreakdownRow, { minItems: 1, maxItems: 500 }) });
export type BreakdownFile = Static<typeof BreakdownFile>;

/** product-terms.yaml */
export const ProductTermsFile = strict({ products: Type.Array(ProductTerm, { maxItems: 1000 }) });
export type ProductTermsFile = Static<typeof ProductTermsFile>;
