/**
 * Which concession a ride is given: the one that leaves the rider the lowest price; of equal ones the higher priority,
 * then the smaller id. Concessions are never added up.
 */
import { discountedMinor } from './discount.ts';
import type { EntitlementFact } from './model.ts';
import type { DatedConcession, TariffPackage } from './tariff-package.ts';

export interface ConcessionQuestion {
  readonly atMs: number;
  readonly knownAsOfMs: number | null;
  readonly networkId: string;
  readonly mediaId: string;
  /** Full price of the leg, and the price after the transfer from which the concession is given. */
  readonly grossMinor: bigint;
  readonly referenceMinor: bigint;
  /** Price of the category's own product row, for the kind `product`. */
  productMinor(categoryId: string): bigint | undefined;
}

export interface GivenConcession {
  readonly row: DatedConcession;
  readonly riderMinor: bigint;
}

/** The concession given, or `undefined` when none lowers the price. */
export function bestConcession(
  tariff: TariffPackage,
  entitlements: readonly EntitlementFact[],
  question: ConcessionQuestion,
): GivenConcession | undefined {
  const held = entitlements.filter((e) => holds(e, question));
  if (held.length === 0) return undefined;
  const names = new Set(held.map((e) => e.concessionId));
  // A right is one of the person, not of a row: one row of a category opens the others (pupils by network).
  const categories = new Set<string>();
  for (const row of tariff.concessions) {
    if (names.has(row.concession_id) || names.has(row.rider_category_id))
      categories.add(row.rider_category_id);
  }
  let best: (GivenConcession & { readonly alone: bigint }) | undefined;
  for (const row of tariff.concessions) {
    if (!categories.has(row.rider_category_id) || !applies(row, question)) continue;
    const riderMinor = priceUnder(row, question, question.referenceMinor);
    // A free transfer leaves nothing to take off; what the row would do to the whole leg then decides whose ride it is.
    const alone = priceUnder(row, question, question.grossMinor);
    if (alone >= question.grossMinor && riderMinor >= question.referenceMinor) continue;
    // Rows come in order of priority and id, so only a strictly better one replaces an earlier one.
    if (!best || riderMinor < best.riderMinor || (riderMinor === best.riderMinor && alone < best.alone)) {
      best = { row, riderMinor, alone };
    }
  }
  return best;
}

/** Valid in the world at the ride, and known to the city when the day was closed (or now, while it is open). */
function holds(e: EntitlementFact, { atMs, knownAsOfMs }: ConcessionQuestion): boolean {
  if (atMs < e.validFromMs || (e.validUntilMs !== null && atMs >= e.validUntilMs)) return false;
  if (knownAsOfMs === null) return e.knownUntilMs === null;
  return e.knownFromMs <= knownAsOfMs && (e.knownUntilMs === null || knownAsOfMs < e.knownUntilMs);
}

function applies(row: DatedConcession, { atMs, networkId, mediaId }: ConcessionQuestion): boolean {
  return (
    atMs >= row.validFromMs &&
    (row.validUntilMs === null || atMs < row.validUntilMs) &&
    (row.network_id === undefined || row.network_id === networkId) &&
    (row.media_required === undefined || row.media_required === mediaId)
  );
}

function priceUnder(row: DatedConcession, question: ConcessionQuestion, priceMinor: bigint): bigint {
  const price = discountedMinor(row, priceMinor) ?? question.productMinor(row.rider_category_id);
  return price === undefined || price > priceMinor ? priceMinor : price;
}
