/**
 * From stored facts to the unit of pricing: which taps are this account's on this fare day, where each took place, and
 * which other facts count, as known at the day's close.
 */
import type { AccountDay, TapBreakdown, TapFact } from '#pricing/model.ts';
import { createPlaceBook, type Place, type PlaceBook } from './assign.ts';
import { type BreakdownBook, type BreakdownFacts, NO_BREAKDOWNS } from './breakdowns.ts';
import { entitlementFacts } from './entitlement-facts.ts';
import type {
  Close,
  Entitlement,
  EntitlementRevocation,
  JourneyRepair,
  MediaLink,
  PassHolding,
  PricedTap,
} from './facts.ts';
import { createMediaBook, type MediaBook, type MediumSuccession } from './media-book.ts';

/** Facts from which account-days are made; may hold more than one account's. */
export interface Facts extends BreakdownFacts {
  readonly taps: readonly PricedTap[];
  readonly links: readonly MediaLink[];
  readonly successions: readonly MediumSuccession[];
  readonly entitlements: readonly Entitlement[];
  readonly revocations: readonly EntitlementRevocation[];
  readonly passes: readonly PassHolding[];
  readonly closes: readonly Close[];
  /** Absent = none. */
  readonly repairs?: readonly JourneyRepair[];
}

/** What of them an account-day is gathered from, beside the books of places, breakdowns and media. */
export type DayFacts = Pick<Facts, 'taps' | 'entitlements' | 'revocations' | 'passes' | 'closes' | 'repairs'>;

/** The books that many account-days share. */
export interface DayBooks {
  readonly places: PlaceBook;
  readonly breakdowns: BreakdownBook;
  readonly media: MediaBook;
}

/** An account-day ready to be priced, with what the ledger wants to know of its taps. */
export interface ReadyDay {
  readonly day: AccountDay;
  readonly close: Close | null;
  readonly taps: ReadonlyMap<string, { readonly tap: PricedTap; readonly place: Place }>;
}

/** The close that covers a fare day: the first that closed it or a later day; `null` while it is open. */
export function closeOf(fareDay: string, closes: readonly Close[]): Close | null {
  let first: Close | null = null;
  for (const close of closes) {
    if (close.fareDay < fareDay) continue;
    if (first === null || close.knownFromMs < first.knownFromMs) first = close;
  }
  return first;
}

/**
 * Gathers one account-day. `facts.taps` may hold candidates that turn out to be another account's. `places` says where
 * taps were, `breakdowns` what befell their vehicles.
 */
export function accountDay(
  accountId: string,
  fareDay: string,
  facts: Facts,
  places: PlaceBook = createPlaceBook(facts),
  breakdowns: BreakdownBook = NO_BREAKDOWNS,
): ReadyDay {
  const media = createMediaBook(facts.links, facts.successions);
  return gatherDay(accountId, fareDay, facts, { places, breakdowns, media });
}

/** The same for whoever gathers many account-days, with books made once for all of them. */
export function gatherDay(
  accountId: string,
  fareDay: string,
  facts: DayFacts,
  { places, breakdowns, media }: DayBooks,
): ReadyDay {
  const close = closeOf(fareDay, facts.closes);
  const knownAsOfMs = close?.knownFromMs ?? null;
  const repairsOf = repairsByTap(facts.repairs ?? []);
  const taps = new Map<string, { tap: PricedTap; place: Place; mediumId: string }>();
  for (const tap of facts.taps) {
    if (tap.fareDay !== fareDay) continue;
    if (media.accountOf(tap.tokenId, tap.fareAtMs, knownAsOfMs) !== accountId) continue;
    const mediumId = media.mediumIdOf(tap.tokenId, knownAsOfMs);
    taps.set(tap.tapId, { tap, place: places.place(tap, knownAsOfMs), mediumId });
  }
  const day: AccountDay = {
    accountId,
    fareDay,
    taps: Array.from(taps.values(), ({ tap, place, mediumId }) => ({
      ...tapFact(tap, place, mediumId, breakdowns.of(tap, knownAsOfMs)),
      receivedAtMs: tap.receivedAtMs,
      ...repairsOf(tap.tapId),
    })),
    entitlements: entitlementFacts(
      facts.entitlements.filter((entitlement) => entitlement.accountId === accountId),
      facts.revocations,
    ),
    passes: facts.passes
      .filter((pass) => pass.accountId === accountId)
      .map(({ passId, fareProductId, validFromMs, validUntilMs, knownFromMs }) => ({
        passId,
        fareProductId,
        validFromMs,
        validUntilMs,
        knownFromMs,
      })),
    knownAsOfMs,
  };
  return { day, close, taps };
}

/** Of each tap what was granted of its end, as the property of a fact. */
export function repairsByTap(repairs: readonly JourneyRepair[]): (tapId: string) => Pick<TapFact, 'repairs'> {
  if (repairs.length === 0) return () => ({});
  const byTap = Map.groupBy(repairs, ({ tapId }) => tapId);
  return (tapId) => {
    const mine = byTap.get(tapId)?.map(({ tapId: _, ...repair }) => repair);
    return mine === undefined ? {} : { repairs: mine };
  };
}

/** What pricing reads of a tap at its place, with its medium and what befell its vehicle. */
export function tapFact(
  tap: Omit<PricedTap, 'receivedAtMs' | 'tokenId'>,
  place: Place,
  mediumId: string,
  breakdowns: readonly TapBreakdown[],
): TapFact {
  const fact: { -readonly [K in keyof TapFact]: TapFact[K] } = {
    tapId: tap.tapId,
    fareAtMs: tap.fareAtMs,
    uncertaintyMs: tap.uncertaintyMs,
    mediumKind: tap.mediumKind,
    direction: tap.direction,
    companions: tap.companions,
    vehicleId: place.vehicleId,
    carrierId: place.carrierId,
    routeId: place.routeId,
    stopId: tap.stopId,
    mediumId,
    deviceId: tap.deviceId,
    passBackOf: tap.passBackOf,
  };
  if (tap.bags > 0) fact.bags = tap.bags;
  if (tap.stopUnsure) fact.stopUnsure = true;
  if (breakdowns.length > 0) fact.breakdowns = breakdowns;
  return fact;
}
