/**
 * The cheapest lawful price of a journey for one payer: dynamic programming over its effective fare legs.
 *
 * Lawful means: each leg is paid by a rule that matches it; where a transfer rule applies between two legs it must be
 * used ("that record must be processed"), so combinations arise only where several leg rules or several transfer
 * rules apply. Money of one currency only: what must be paid in another one makes a combination unlawful, never free.
 */
import { compareText } from '../file-problem.ts';
import type { LegRule, ProductRow, TransferRule } from './fare-feed.ts';
import type { EffectiveLeg } from './join-legs.ts';
import type { LegOption, LegOptions, PriceList } from './select-product.ts';
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

/** Prices legs of which the matching rules are known. */
export function priceJourney(
  list: PriceList,
  transfers: TransferMatcher,
  legs: readonly EffectiveLeg[],
  rules: readonly (readonly LegRule[])[],
): JourneyPrice {
  const options: LegOptions[] = [];
  let common: string | undefined;
  for (let i = 0; i < legs.length; i++) {
    const matching = rules[i] ?? NO_RULES;
    if (matching.length === 0) return { ok: false, why: { reason: 'no-leg-rule', leg: i } };
    const sold = list.options(matching);
    const [currency] = sold.currencies;
    if (currency === undefined) {
      const productIds = [...new Set(matching.map((rule) => rule.productId))];
      return { ok: false, why: { reason: 'no-product', leg: i, productIds } };
    }
    if (sold.currencies.length > 1 || (i > 0 && currency !== common)) common = '';
    else if (i === 0) common = currency;
    options.push(sold);
  }
  const asked = { list, transfers, legs, options, foreign: new Set<string>(), reached: { leg: 0 } };
  // Nearly every feed has one currency.
  const journey = common ? cheapestIn({ ...asked, currency: common }) : undefined;
  return journey ? { ok: true, journey } : inSeveral(asked);
}

const NO_RULES: readonly LegRule[] = [];

/** Where legs or transfers are sold in several currencies: the price in the only one that pays for all. */
function inSeveral(asked: Omit<Asked, 'currency'>): JourneyPrice {
  const currencies = new Set(asked.options.flatMap((sold) => sold.currencies));
  const priced: PaidJourney[] = [];
  for (const currency of [...currencies].sort(compareText)) {
    const journey = cheapestIn({ ...asked, currency });
    if (journey) priced.push(journey);
  }
  for (const other of asked.foreign) currencies.add(other);
  // Two currencies cannot be compared, so neither is "the" fare.
  const [only, second] = priced;
  if (only && !second) return { ok: true, journey: only };
  // One currency, and no way: the leg has rules for transfers only, and no transfer leads into it.
  if (currencies.size === 1) return { ok: false, why: { reason: 'no-leg-rule', leg: asked.reached.leg } };
  return { ok: false, why: { reason: 'mixed-currencies', currencies: [...currencies].sort(compareText) } };
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
  readonly list: PriceList;
  readonly transfers: TransferMatcher;
  readonly legs: readonly EffectiveLeg[];
  /** Of each leg. */
  readonly options: readonly LegOptions[];
  readonly currency: string;
  /** Currencies of transfers that would have to be paid in another one: gathered for the answer. */
  readonly foreign: Set<string>;
  /** The last leg for which a way to pay was looked for. */
  readonly reached: { leg: number };
}

const NO_OPTIONS: readonly LegOption[] = [];

function cheapestIn(asked: Asked): PaidJourney | undefined {
  const { legs, options, currency } = asked;
  let partials: Partial[] = [];
  for (let i = 0; i < legs.length; i++) {
    const best: Partial[] = [];
    asked.reached.leg = i;
    for (const option of options[i]?.in.get(currency) ?? NO_OPTIONS) {
      if (i > 0) for (const before of partials) extend(asked, i, before, option, best);
      else if (!option.rule.transferOnly) best.push(separate(asked, i, null, option));
    }
    if (best.length === 0) return undefined;
    partials = best;
  }
  let cheapest: Partial | undefined;
  for (const p of partials) if (!cheapest || p.totalMinor < cheapest.totalMinor) cheapest = p;
  if (!cheapest) return undefined;
  const paid: PaidLeg[] = [];
  for (let p: Partial | null = cheapest; p; p = p.before) paid.push(p.last);
  return { totalMinor: cheapest.totalMinor, currency, legs: paid.reverse() };
}

/** Keeps the cheapest of those that the next leg cannot tell apart. They are few, so they are looked through. */
function keep(best: Partial[], next: Partial): void {
  const at = best.findIndex(
    (known) =>
      known.groupId === next.groupId &&
      known.runStart === next.runStart &&
      known.transferred === next.transferred,
  );
  if (at === -1) best.push(next);
  else if (next.totalMinor < (best[at] as Partial).totalMinor) best[at] = next;
}

/** The leg begins a sub-journey of its own. */
function separate(asked: Asked, i: number, before: Partial | null, { rule, product }: LegOption): Partial {
  const leg = asked.legs[i] as EffectiveLeg;
  return {
    totalMinor: before === null ? product.amountMinor : before.totalMinor + product.amountMinor,
    groupId: rule.legGroupId,
    runStart: i,
    transferred: false,
    last: {
      leg,
      rule,
      product,
      transferRule: null,
      transferProduct: null,
      addsMinor: product.amountMinor,
    },
    before,
  };
}

/** Adds every lawful way to go on with one more leg; none where its transfer is to be paid in another currency. */
function extend(asked: Asked, i: number, before: Partial, option: LegOption, best: Partial[]): void {
  const { list, transfers, legs } = asked;
  const groupId = option.rule.legGroupId;
  const leg = legs[i] as EffectiveLeg;
  const goesOn = before.runStart < i - 1 && transfers.goesOn(before.groupId, groupId);
  const first = goesOn ? before.runStart : i - 1;
  const applying = transfers.empty
    ? NONE
    : transfers.match(
        {
          fromGroupId: before.groupId,
          toGroupId: groupId,
          first: legs[first] as EffectiveLeg,
          last: leg,
          count: i - first,
        },
        ({ productId }) => productId === '' || list.sold(productId).length > 0,
      );
  if (applying.length === 0) {
    if (!option.rule.transferOnly) keep(best, separate(asked, i, before, option));
    return;
  }
  const runStart = transfers.inRun(before.groupId, groupId) ? first : i;
  for (const transferRule of applying) {
    const transferProduct = transferProductOf(asked, transferRule);
    if (transferProduct === undefined) continue;
    const { rule, product } = option;
    const addsMinor = transferCost(
      transferRule,
      transferProduct?.amountMinor ?? 0n,
      before,
      product.amountMinor,
    );
    keep(best, {
      totalMinor: before.totalMinor + addsMinor,
      groupId,
      runStart,
      transferred: true,
      last: { leg, rule, product, transferRule, transferProduct, addsMinor },
      before,
    });
  }
}

const NONE: readonly TransferRule[] = [];

/** The row that is paid; `null` = the transfer costs nothing, `undefined` = it is sold in other currencies only. */
function transferProductOf(
  { list, currency, foreign }: Asked,
  rule: TransferRule,
): ProductRow | null | undefined {
  if (rule.productId === '') return null;
  const sold = list.sold(rule.productId);
  const row = sold.find((one) => one.currency === currency);
  if (row === undefined) for (const other of sold) foreign.add(other.currency);
  return row;
}

/** What a transfer adds: A+AB, A+AB+B or AB first; S+BC, S+BC+C or S+BC afterwards (S = total so far). */
function transferCost(rule: TransferRule, abMinor: bigint, before: Partial, toLegMinor: bigint): bigint {
  if (rule.fareTransferType === 1) return abMinor + toLegMinor;
  if (rule.fareTransferType === 2 && !before.transferred) return abMinor - before.last.addsMinor;
  return abMinor;
}
