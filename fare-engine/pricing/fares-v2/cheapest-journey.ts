/**
 * The cheapest lawful price of a journey for one payer: dynamic programming over its effective fare legs.
 *
 * Lawful means: each leg is paid by a rule that matches it; where a transfer rule applies between two legs it must be
 * used ("that record must be processed"), so combinations arise only where several leg rules or several transfer
 * rules apply. Money of one currency only: what must be paid in another one makes a combination unlawful, never free.
 */
import { compareText } from '../file-problem.ts';
import type { FareFeed, LegRule, ProductRow, TransferRule } from './fare-feed.ts';
import type { EffectiveLeg } from './join-legs.ts';
import { type Payer, selectProduct } from './select-product.ts';
import type { TransferMatcher } from './transfer-matcher.ts';

/** How one effective leg is paid. */
export interface PaidLeg {
  readonly leg: EffectiveLeg;
  readonly rule: LegRule;
  readonly product: ProductRow;
  /** The rule for the transfer into this leg; `null` = the leg begins a new sub-journey. */
  readonly transferRule: TransferRule | null;
  /** `null` with a transfer rule = the transfer costs 0. */
  readonly transferProduct: ProductRow | null;
  /** What this leg adds to the total. */
  readonly addsMinor: bigint;
}

export interface PaidJourney {
  readonly totalMinor: bigint;
  readonly currency: string;
  readonly legs: readonly PaidLeg[];
}

/** Why there is no price. `leg` is the position of the effective leg. */
export type NoPrice =
  | { readonly reason: 'no-leg-rule'; readonly leg: number }
  | { readonly reason: 'no-product'; readonly leg: number; readonly productIds: readonly string[] }
  | { readonly reason: 'mixed-currencies'; readonly currencies: readonly string[] };

export type JourneyPrice =
  | { readonly ok: true; readonly journey: PaidJourney }
  | { readonly ok: false; readonly why: NoPrice };

interface Option {
  readonly rule: LegRule;
  readonly product: ProductRow;
}

/** Prices legs of which the matching rules are known. */
export function priceJourney(
  feed: FareFeed,
  transfers: TransferMatcher,
  legs: readonly EffectiveLeg[],
  rules: readonly (readonly LegRule[])[],
  payer: Payer,
): JourneyPrice {
  const currencies = new Set<string>();
  for (let i = 0; i < legs.length; i++) {
    const matching = rules[i] ?? [];
    if (matching.length === 0) return { ok: false, why: { reason: 'no-leg-rule', leg: i } };
    const sold = matching.flatMap((rule) => currenciesSold(feed, rule.productId, payer));
    if (sold.length === 0) {
      const productIds = [...new Set(matching.map((rule) => rule.productId))];
      return { ok: false, why: { reason: 'no-product', leg: i, productIds } };
    }
    for (const currency of sold) currencies.add(currency);
  }
  const priced: PaidJourney[] = [];
  for (const currency of [...currencies].sort(compareText)) {
    const asked = { feed, transfers, legs, rules, payer, currency, foreign: new Set<string>() };
    const journey = cheapestIn(asked);
    if (journey) priced.push(journey);
    else for (const other of asked.foreign) currencies.add(other);
  }
  // Two currencies cannot be compared, so neither is "the" fare.
  const [only, second] = priced;
  return only && !second
    ? { ok: true, journey: only }
    : { ok: false, why: { reason: 'mixed-currencies', currencies: [...currencies].sort(compareText) } };
}

function currenciesSold(feed: FareFeed, productId: string, payer: Payer): string[] {
  const rows = feed.products.get(productId) ?? [];
  return [...new Set(rows.map((row) => row.currency))].filter((currency) =>
    selectProduct(feed, productId, payer, currency),
  );
}

/** A price of the first legs, with what the next transfer must know. */
interface Partial {
  readonly totalMinor: bigint;
  readonly groupId: string;
  /** First leg of the run of counted transfers that ends here (transfer-matcher.ts); own position when there is none. */
  readonly runStart: number;
  /** Whether a transfer led into this leg: a type 2 transfer then adds to the sum instead of replacing the leg. */
  readonly transferred: boolean;
  readonly last: PaidLeg;
  readonly before: Partial | null;
}

/** A journey to be priced in one currency. */
interface Asked {
  readonly feed: FareFeed;
  readonly transfers: TransferMatcher;
  readonly legs: readonly EffectiveLeg[];
  readonly rules: readonly (readonly LegRule[])[];
  readonly payer: Payer;
  readonly currency: string;
  /** Currencies of transfers that would have to be paid in another one: gathered for the answer. */
  readonly foreign: Set<string>;
}

function cheapestIn(asked: Asked): PaidJourney | undefined {
  const { legs, rules, currency } = asked;
  let partials: Partial[] = [];
  for (let i = 0; i < legs.length; i++) {
    const best = new Map<string, Partial>();
    for (const option of optionsOf(asked, rules[i] ?? [])) {
      for (const before of i === 0 ? [null] : partials) {
        for (const next of extend(asked, i, before, option)) {
          const key = `${next.groupId}\u0000${next.runStart}\u0000${next.transferred}`;
          const known = best.get(key);
          if (!known || next.totalMinor < known.totalMinor) best.set(key, next);
        }
      }
    }
    partials = [...best.values()];
  }
  let cheapest: Partial | undefined;
  for (const p of partials) if (!cheapest || p.totalMinor < cheapest.totalMinor) cheapest = p;
  if (!cheapest) return undefined;
  const paid: PaidLeg[] = [];
  for (let p: Partial | null = cheapest; p; p = p.before) paid.unshift(p.last);
  return { totalMinor: cheapest.totalMinor, currency, legs: paid };
}

/** The cheapest product for each leg group: transfers depend on nothing else of the rule. */
function optionsOf({ feed, payer, currency }: Asked, rules: readonly LegRule[]): readonly Option[] {
  const byGroup = new Map<string, Option>();
  for (const rule of rules) {
    const product = selectProduct(feed, rule.productId, payer, currency);
    const known = byGroup.get(rule.legGroupId);
    if (product && (!known || product.amountMinor < known.product.amountMinor)) {
      byGroup.set(rule.legGroupId, { rule, product });
    }
  }
  return [...byGroup.values()].sort((a, b) => compareText(a.rule.legGroupId, b.rule.legGroupId));
}

/** Every lawful way to go on with one more leg; none where its transfer would have to be paid in another currency. */
function extend(asked: Asked, i: number, before: Partial | null, option: Option): Partial[] {
  const { feed, transfers, legs, payer, currency, foreign } = asked;
  const { rule, product } = option;
  const leg = legs[i] as EffectiveLeg;
  const groupId = rule.legGroupId;
  const next = (
    transferRule: TransferRule | null,
    transferProduct: ProductRow | null,
    addsMinor: bigint,
    runStart: number,
  ): Partial => ({
    totalMinor: (before?.totalMinor ?? 0n) + addsMinor,
    groupId,
    runStart,
    transferred: transferRule !== null,
    last: { leg, rule, product, transferRule, transferProduct, addsMinor },
    before,
  });
  if (!before) return [next(null, null, product.amountMinor, i)];
  const goesOn = before.runStart < i - 1 && transfers.goesOn(before.groupId, groupId);
  const first = goesOn ? before.runStart : i - 1;
  const applying = transfers.match(
    {
      fromGroupId: before.groupId,
      toGroupId: groupId,
      first: legs[first] as EffectiveLeg,
      last: leg,
      count: i - first,
    },
    ({ productId }) => productId === '' || selectProduct(feed, productId, payer) !== undefined,
  );
  if (applying.length === 0) return [next(null, null, product.amountMinor, i)];
  const runStart = transfers.inRun(before.groupId, groupId) ? first : i;
  return applying.flatMap((transfer) => {
    const paid = transfer.productId === '' ? null : selectProduct(feed, transfer.productId, payer, currency);
    if (paid === undefined) {
      for (const other of currenciesSold(feed, transfer.productId, payer)) foreign.add(other);
      return [];
    }
    const adds = transferCost(transfer, paid?.amountMinor ?? 0n, before, product.amountMinor);
    return [next(transfer, paid, adds, runStart)];
  });
}

/** What a transfer adds: A+AB, A+AB+B or AB first; S+BC, S+BC+C or S+BC afterwards (S = total so far). */
function transferCost(rule: TransferRule, abMinor: bigint, before: Partial, toLegMinor: bigint): bigint {
  if (rule.fareTransferType === 1) return abMinor + toLegMinor;
  if (rule.fareTransferType === 2 && !before.transferred) return abMinor - before.last.addsMinor;
  return abMinor;
}
