/**
 * A GTFS feed as far as fares need it, indexed for look-up. Made by `gtfs/read-feed.ts`, read by the matchers.
 * Field names follow the GTFS reference; '' stands for an empty value.
 */
import type { Zone } from '../local-time.ts';

/** One row of fare_products.txt. */
export interface ProductRow {
  readonly productId: string;
  readonly name: string;
  /** '' = any rider category. */
  readonly categoryId: string;
  /** '' = the medium is not told, so no medium is excluded. */
  readonly mediaId: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly act: string | null;
  readonly article: string | null;
  /** Line in the file; 0 for a row that was made from a row of law. */
  readonly line: number;
}

/** One row of fare_leg_rules.txt. */
export interface LegRule {
  /** Column `rule_id`, or the row's primary key: the same for any order of rows. */
  readonly ruleId: string;
  readonly legGroupId: string;
  readonly networkId: string;
  readonly fromAreaId: string;
  readonly toAreaId: string;
  readonly fromTimeframeGroupId: string;
  readonly toTimeframeGroupId: string;
  readonly productId: string;
  readonly priority: number;
  /** Proposed column `transfer_only`: prices a leg only where a transfer rule leads into it. */
  readonly transferOnly?: true;
  readonly act: string | null;
  readonly article: string | null;
  readonly line: number;
}

/** One row of fare_leg_join_rules.txt. */
export interface JoinRule {
  readonly fromNetworkId: string;
  readonly toNetworkId: string;
  readonly fromStopId: string;
  readonly toStopId: string;
}

/** From where to where `duration_limit` is measured (GTFS `duration_limit_type`). */
export type DurationLimitType = 0 | 1 | 2 | 3;
/** How the cost is put together: A+AB, A+AB+B, AB (GTFS `fare_transfer_type`). */
export type FareTransferType = 0 | 1 | 2;

/** One row of fare_transfer_rules.txt. */
export interface TransferRule {
  readonly ruleId: string;
  readonly fromLegGroupId: string;
  readonly toLegGroupId: string;
  /** Most consecutive transfers; Infinity = no limit (-1). */
  readonly transferCount: number;
  /** `null` = no limit. */
  readonly durationLimitS: number | null;
  readonly durationLimitType: DurationLimitType;
  readonly fareTransferType: FareTransferType;
  /** '' = the transfer costs 0. */
  readonly productId: string;
  readonly act: string | null;
  readonly article: string | null;
  readonly line: number;
}

/** One row of timeframes.txt; half-open, seconds of the local day. */
export interface Timeframe {
  readonly startS: number;
  readonly endS: number;
  readonly serviceId: string;
}

/** Dates of a service: calendar.txt with the exceptions of calendar_dates.txt. Days since 1970-01-01. */
export interface Service {
  readonly weekdays: readonly boolean[];
  readonly startDay: number;
  readonly endDay: number;
  readonly added: ReadonlySet<number>;
  readonly removed: ReadonlySet<number>;
}

export interface Stop {
  readonly parentId: string;
  readonly zoneName: string;
}

export interface RiderCategory {
  readonly categoryId: string;
  readonly name: string;
  readonly isDefault: boolean;
}

export interface FareMedium {
  readonly mediaId: string;
  readonly name: string;
}

/** Language (as the feed writes it: `en`, `pl` …) → text. */
export type Translated = Readonly<Record<string, string>>;

export interface FareFeed {
  /** Zone of the agency; `null` when the feed names none. */
  readonly zone: Zone | null;
  /** `null` when the feed has neither routes.txt nor route_networks.txt: then any route is taken, in no network. */
  readonly networkOfRoute: ReadonlyMap<string, string> | null;
  /** `null` when the feed has no stops.txt: then any stop is taken. */
  readonly stops: ReadonlyMap<string, Stop> | null;
  readonly areasOfStop: ReadonlyMap<string, readonly string[]>;
  readonly services: ReadonlyMap<string, Service>;
  readonly timeframes: ReadonlyMap<string, readonly Timeframe[]>;
  /** Media of the feed, in the order of fare_media.txt; then those that only products name. */
  readonly media: readonly FareMedium[];
  readonly categories: ReadonlyMap<string, RiderCategory>;
  readonly products: ReadonlyMap<string, readonly ProductRow[]>;
  /** Names in other languages, by `<table>/<id>`: tables fare_media, rider_categories, fare_products. */
  readonly translations: ReadonlyMap<string, Translated>;
  readonly legRules: readonly LegRule[];
  /** Whether the column `rule_priority` exists: it changes what an empty field means. */
  readonly hasRulePriority: boolean;
  readonly joinRules: readonly JoinRule[];
  readonly transferRules: readonly TransferRule[];
}

/** Ids of the feed's default rider categories. */
export function defaultCategories(feed: FareFeed): string[] {
  return [...feed.categories.values()].filter((c) => c.isDefault).map((c) => c.categoryId);
}

/** The station that contains a stop, or the stop itself. Boarding areas lie two levels below. */
export function stationOf(feed: FareFeed, stopId: string): string {
  const parent = feed.stops?.get(stopId)?.parentId;
  if (!parent) return stopId;
  return feed.stops?.get(parent)?.parentId || parent;
}
