/**
 * Which concession a ride is given: the one that leaves the rider the lowest price; of equal ones the higher priority,
 * then the smaller id. Concessions are never added up. Quotas, hours, residence and emergency rules narrow what a row gives.
 */
import { discountedMinor } from './discount.ts';
import { isCountedElsewhere, isKnown } from './elsewhere.ts';
import { type DatedEmergency, suspensionOf } from './emergency.ts';
import { inTimeframe } from './fares-v2/match-timeframe.ts';
import type { EntitlementFact, PricingState } from './model.ts';
import { quotaLeftMinor, type UsedBefore, usedBefore } from './quotas.ts';
import type { DatedConcession, TariffPackage } from './tariff-package.ts';

/** An entitlement of this kind says where somebody lives: `residence:<id>`, as `resident_required` of a row names it. */
export const RESIDENCE = 'residence:';

/** Whether an entitlement is a right to a price, and not a word about its holder. */
export function givesRides({ concessionId }: { readonly concessionId: string }): boolean {
  return !concessionId.startsWith(RESIDENCE) && !isCountedElsewhere(concessionId);
}

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
  if (entitlements.length === 0) return NOTHING;
  const held = entitlements.filter((e) => holds(e, question));
  if (held.length === 0) return NOTHING;
  const names = new Set(held.map((e) => e.concessionId));
  const used = usedBefore(tariff.concessions, held);
  let best: (GivenConcession & { readonly alone: bigint }) | undefined;
  let missed: MissedConcession | undefined;
  for (const row of rowsOf(tariff, held)) {
    if (!applies(tariff, row, { names, used }, question)) continue;
    const leftMinor = quotaLeftMinor(row, question.quotas, question.atMs, used);
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
  return missed && question.referenceMinor > 0n ? { missed } : NOTHING;
}

const NOTHING = {};
/** Of a package and what somebody holds the rows of which one may apply. */
const ROWS = new WeakMap<TariffPackage, Map<string, readonly DatedConcession[]>>();
const HOLDINGS_MAX = 1000;

/** A right is one of the person, not of a row: one row of a category opens the others (pupils by network). */
function rowsOf(tariff: TariffPackage, held: readonly EntitlementFact[]): readonly DatedConcession[] {
  let found = ROWS.get(tariff);
  if (found === undefined) {
    found = new Map();
    ROWS.set(tariff, found);
  }
  const [first] = held;
  const key =
    held.length === 1 && first ? first.concessionId : JSON.stringify(held.map((e) => e.concessionId));
  let rows = found.get(key);
  if (rows === undefined) {
    const names = new Set(held.map((e) => e.concessionId));
    const named = tariff.concessions.filter(
      (row) => names.has(row.concession_id) || names.has(row.rider_category_id),
    );
    const categories = new Set(named.map((row) => row.rider_category_id));
    rows = tariff.concessions.filter((row) => categories.has(row.rider_category_id));
    if (found.size >= HOLDINGS_MAX) found.clear();
    found.set(key, rows);
  }
  return rows;
}

/** A price no lower than what is left of a quota of money allows. */
function atLeast(minor: bigint, fullMinor: bigint, leftMinor: bigint | null): bigint {
  return leftMinor !== null && fullMinor - minor > leftMinor ? fullMinor - leftMinor : minor;
}

/** Valid in the world at the ride, and known to the city when the day was closed (or now, while it is open). */
function holds(e: EntitlementFact, { atMs, knownAsOfMs }: ConcessionQuestion): boolean {
  if (atMs < e.validFromMs || (e.validUntilMs !== null && atMs >= e.validUntilMs)) return false;
  return isKnown(e, knownAsOfMs);
}

function applies(
  tariff: TariffPackage,
  row: DatedConcession,
  { names, used }: { readonly names: ReadonlySet<string>; readonly used: UsedBefore },
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
    isDue(tariff, row, used, question)
  );
}

/** A row that follows on a quota holds once that quota is used up. */
function isDue(
  tariff: TariffPackage,
  { after }: DatedConcession,
  used: UsedBefore,
  { quotas, atMs }: ConcessionQuestion,
): boolean {
  if (after.length === 0) return true;
  return tariff.concessions.some(
    (row) => after.includes(row.concession_id) && quotaLeftMinor(row, quotas, atMs, used) === 0n,
  );
}

function priceUnder(row: DatedConcession, question: ConcessionQuestion, priceMinor: bigint): bigint {
  const price = discountedMinor(row, priceMinor) ?? question.productMinor(row.rider_category_id);
  return price === undefined || price > priceMinor ? priceMinor : price;
}
