/**
 * Which concession a ride is given: the one that leaves the rider the lowest price; of equal ones the higher priority,
 * then the smaller id. Concessions are never added up. Quotas, hours, residence and emergency rules narrow what a row gives.
 */
import { discountedMinor } from './discount.ts';
import { type DatedEmergency, suspensionOf } from './emergency.ts';
import { inTimeframe } from './fares-v2/match-timeframe.ts';
import type { EntitlementFact, PricingState } from './model.ts';
import { quotaLeftMinor } from './quotas.ts';
import type { DatedConcession, TariffPackage } from './tariff-package.ts';

/** An entitlement of this kind says where somebody lives: `residence:<id>`, as `resident_required` of a row names it. */
export const RESIDENCE = 'residence:';

export interface ConcessionQuestion {
  readonly atMs: number;
  readonly knownAsOfMs: number | null;
  readonly networkId: string;
  readonly mediaId: string;
  /** Full price of the leg, and the price after the transfer from which the concession is given. */
  readonly grossMinor: bigint;
  readonly referenceMinor: bigint;
  readonly stopId: string | null;
  readonly quotas: PricingState['quotas'];
  /** Price of the category's own product row, for the kind `product`. */
  productMinor(categoryId: string): bigint | undefined;
}

export interface GivenConcession {
  readonly row: DatedConcession;
  readonly riderMinor: bigint;
}

/** A row that would have lowered the price. */
export interface MissedConcession {
  readonly row: DatedConcession;
  /** `null` = its quota is used up. */
  readonly suspendedBy: DatedEmergency | null;
}

/** The concession given, or what stood in the way of one; both absent when nobody has a right here. */
export function bestConcession(
  tariff: TariffPackage,
  entitlements: readonly EntitlementFact[],
  question: ConcessionQuestion,
): { readonly given?: GivenConcession; readonly missed?: MissedConcession } {
  const held = entitlements.filter((e) => holds(e, question));
  if (held.length === 0) return {};
  const names = new Set(held.map((e) => e.concessionId));
  // A right is one of the person, not of a row: one row of a category opens the others (pupils by network).
  const categories = new Set<string>();
  for (const row of tariff.concessions) {
    if (names.has(row.concession_id) || names.has(row.rider_category_id))
      categories.add(row.rider_category_id);
  }
  let best: (GivenConcession & { readonly alone: bigint }) | undefined;
  let missed: MissedConcession | undefined;
  for (const row of tariff.concessions) {
    if (!categories.has(row.rider_category_id) || !applies(tariff, row, names, question)) continue;
    const leftMinor = quotaLeftMinor(row, question.quotas, question.atMs);
    const { atMs, networkId } = question;
    const suspendedBy = suspensionOf(tariff, 'concessions', atMs, networkId, row.concession_id) ?? null;
    if (suspendedBy !== null || leftMinor === 0n) {
      missed ??= { row, suspendedBy };
      continue;
    }
    const riderMinor = atLeast(
      priceUnder(row, question, question.referenceMinor),
      question.referenceMinor,
      leftMinor,
    );
    // A free transfer leaves nothing to take off; what the row would do to the whole leg then decides whose ride it is.
    const alone = atLeast(priceUnder(row, question, question.grossMinor), question.grossMinor, leftMinor);
    if (alone >= question.grossMinor && riderMinor >= question.referenceMinor) continue;
    // Rows come in order of priority and id, so only a strictly better one replaces an earlier one.
    if (!best || riderMinor < best.riderMinor || (riderMinor === best.riderMinor && alone < best.alone)) {
      best = { row, riderMinor, alone };
    }
  }
  if (best) return { given: best };
  return missed && question.referenceMinor > 0n ? { missed } : {};
}

/** A price no lower than what is left of a quota of money allows. */
function atLeast(minor: bigint, fullMinor: bigint, leftMinor: bigint | null): bigint {
  return leftMinor !== null && fullMinor - minor > leftMinor ? fullMinor - leftMinor : minor;
}

/** Valid in the world at the ride, and known to the city when the day was closed (or now, while it is open). */
function holds(e: EntitlementFact, { atMs, knownAsOfMs }: ConcessionQuestion): boolean {
  if (atMs < e.validFromMs || (e.validUntilMs !== null && atMs >= e.validUntilMs)) return false;
  if (knownAsOfMs === null) return e.knownUntilMs === null;
  return e.knownFromMs <= knownAsOfMs && (e.knownUntilMs === null || knownAsOfMs < e.knownUntilMs);
}

function applies(
  tariff: TariffPackage,
  row: DatedConcession,
  names: ReadonlySet<string>,
  question: ConcessionQuestion,
): boolean {
  const { atMs, networkId, mediaId, stopId } = question;
  return (
    atMs >= row.validFromMs &&
    (row.validUntilMs === null || atMs < row.validUntilMs) &&
    (row.network_id === undefined || row.network_id === networkId) &&
    (row.media_required === undefined || row.media_required === mediaId) &&
    (row.resident_required === undefined || names.has(`${RESIDENCE}${row.resident_required}`)) &&
    (row.timeframe_group_id === undefined ||
      inTimeframe(tariff.pricer.feed, row.timeframe_group_id, stopId, atMs)) &&
    isDue(tariff, row, question)
  );
}

/** A row that follows on a quota holds once that quota is used up. */
function isDue(
  tariff: TariffPackage,
  { after }: DatedConcession,
  { quotas, atMs }: ConcessionQuestion,
): boolean {
  if (after.length === 0) return true;
  return tariff.concessions.some(
    (row) => after.includes(row.concession_id) && quotaLeftMinor(row, quotas, atMs) === 0n,
  );
}

function priceUnder(row: DatedConcession, question: ConcessionQuestion, priceMinor: bigint): bigint {
  const price = discountedMinor(row, priceMinor) ?? question.productMinor(row.rider_category_id);
  return price === undefined || price > priceMinor ? priceMinor : price;
}
