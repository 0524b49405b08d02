/**
 * `kvytok quote`: the price of a journey on any GTFS feed with Fares v2, per fare medium. Pure: a feed and a request
 * in, an answer out. No product for the medium and category asked for means `null`, never another one's price.
 */
import type { NoPrice, PaidJourney, PaidLeg } from './fares-v2/cheapest-journey.ts';
import type { FareFeed, ProductRow } from './fares-v2/fare-feed.ts';
import type { FarePricer, PricedPayers } from './fares-v2/fare-pricer.ts';
import { payerOf } from './fares-v2/select-product.ts';
import {
  parseQuoteLine,
  type QuoteError,
  type QuoteId,
  type QuoteRequest,
  quoteError,
  readLegs,
} from './quote-request.ts';

/** How one effective leg is paid with one medium. */
export interface QuoteLine {
  readonly fareMediaId: string;
  /** Positions of the journey's legs that are priced as one. */
  readonly legs: readonly number[];
  readonly legGroupId: string;
  readonly fareProductId: string;
  readonly riderCategoryId: string;
  /** Minor units: what this leg adds to the total. */
  readonly amountMinor: string;
  readonly currency: string;
}

/** One step of the explanation, or the reason why there is no price. */
export interface QuoteStep {
  readonly fareMediaId: string;
  readonly legs: readonly number[];
  readonly step: 'leg' | 'transfer' | NoPrice['reason'];
  /** The rule row behind the step: `rule_id`, or the row's key. */
  readonly ruleId: string | null;
  readonly act: string | null;
  readonly article: string | null;
  readonly beforeMinor: string | null;
  readonly afterMinor: string | null;
  readonly text: string;
}

export interface QuoteAnswer {
  readonly id: QuoteId;
  /** Currency of the totals; `null` when nothing is priced and the feed has not exactly one. */
  readonly currency: string | null;
  readonly totals: Readonly<Record<string, string | null>>;
  readonly lines: readonly QuoteLine[];
  readonly explanation: readonly QuoteStep[];
}

/** Answers one line of text: a price, or what is wrong with the line. */
export function quoteLine(pricer: FarePricer, line: string): QuoteAnswer | QuoteError {
  const request = parseQuoteLine(line);
  return 'error' in request ? request : quoteJourney(pricer, request);
}

/** Prices one journey with the medium asked for, or with every medium of the feed. */
export function quoteJourney(pricer: FarePricer, request: QuoteRequest): QuoteAnswer | QuoteError {
  const { feed } = pricer;
  const media = mediaAsked(feed, request);
  if ('error' in media) return media;
  const category = request.riderCategoryId ?? undefined;
  if (category !== undefined && feed.categories.size > 0 && !feed.categories.has(category)) {
    const message = `rider category ${JSON.stringify(category)} is not in the feed`;
    return quoteError(request.id, 'QUOTE_UNKNOWN_CATEGORY', message);
  }
  const legs = readLegs(feed, request);
  if ('error' in legs) return legs;
  const payers = media.map((mediaId) => payerOf(feed, mediaId, category));
  return answer(feed, request.id ?? null, media, pricer.price(legs, payers));
}

function mediaAsked(feed: FareFeed, request: QuoteRequest): string[] | QuoteError {
  const all = feed.media.map((m) => m.mediaId);
  const asked = request.fareMediaId ?? undefined;
  if (asked === undefined) return all.length > 0 ? all : [''];
  if (asked !== '' && all.length > 0 && !all.includes(asked)) {
    const message = `fare medium ${JSON.stringify(asked)} is not in the feed`;
    return quoteError(request.id, 'QUOTE_UNKNOWN_MEDIUM', message);
  }
  return [asked];
}

function answer(feed: FareFeed, id: QuoteId, media: readonly string[], priced: PricedPayers): QuoteAnswer {
  const paid = priced.prices.flatMap((price) => (price.ok ? [price.journey] : []));
  const currency = paid[0]?.currency ?? onlyCurrency(feed);
  // Own keys only, so that a medium may be called "__proto__" or anything else.
  const totals: Record<string, string | null> = Object.create(null);
  const lines: QuoteLine[] = [];
  const explanation: QuoteStep[] = [];
  media.forEach((mediaId, i) => {
    const price = priced.prices[i];
    if (!price) return;
    if (!price.ok) {
      totals[mediaId] = null;
      explanation.push(noPriceStep(mediaId, priced, price.why));
    } else if (price.journey.currency !== currency) {
      totals[mediaId] = null;
      const currencies = [currency ?? '', price.journey.currency];
      explanation.push(noPriceStep(mediaId, priced, { reason: 'mixed-currencies', currencies }));
    } else {
      totals[mediaId] = price.journey.totalMinor.toString();
      lines.push(...price.journey.legs.map((leg) => quoteLineOf(mediaId, leg)));
      explanation.push(...stepsOf(mediaId, price.journey));
    }
  });
  return { id, currency, totals, lines, explanation };
}

function onlyCurrency(feed: FareFeed): string | null {
  const currencies = new Set<string>();
  for (const rows of feed.products.values()) for (const row of rows) currencies.add(row.currency);
  const [only, second] = currencies;
  return only !== undefined && second === undefined ? only : null;
}

function quoteLineOf(fareMediaId: string, paid: PaidLeg): QuoteLine {
  return {
    fareMediaId,
    legs: paid.leg.legs,
    legGroupId: paid.rule.legGroupId,
    fareProductId: paid.product.productId,
    riderCategoryId: paid.product.categoryId,
    amountMinor: paid.addsMinor.toString(),
    currency: paid.product.currency,
  };
}

function stepsOf(fareMediaId: string, journey: PaidJourney): QuoteStep[] {
  let sum = 0n;
  return journey.legs.map((paid) => {
    const before = sum;
    sum += paid.addsMinor;
    const rule = paid.transferRule ?? paid.rule;
    const cited: ProductRow | null = paid.transferRule ? paid.transferProduct : paid.product;
    return {
      fareMediaId,
      legs: paid.leg.legs,
      step: paid.transferRule ? 'transfer' : 'leg',
      ruleId: rule.ruleId,
      act: cited?.act ?? rule.act,
      article: cited?.act ? cited.article : rule.article,
      beforeMinor: before.toString(),
      afterMinor: sum.toString(),
      text: paid.transferRule
        ? `transfer from group ${journeyGroupBefore(journey, paid)} to ${paid.rule.legGroupId}, type ${paid.transferRule.fareTransferType}${paid.transferProduct ? `, product ${paid.transferProduct.productId}` : ', no product'}`
        : `product ${paid.product.productId}${paid.rule.networkId === '' ? '' : ` in network ${paid.rule.networkId}`}`,
    };
  });
}

function journeyGroupBefore(journey: PaidJourney, paid: PaidLeg): string {
  return journey.legs[journey.legs.indexOf(paid) - 1]?.rule.legGroupId ?? '';
}

function noPriceStep(fareMediaId: string, priced: PricedPayers, why: NoPrice): QuoteStep {
  const legs = 'leg' in why ? (priced.legs[why.leg]?.legs ?? []) : priced.legs.flatMap((leg) => leg.legs);
  return {
    fareMediaId,
    legs,
    step: why.reason,
    ruleId: null,
    act: null,
    article: null,
    beforeMinor: null,
    afterMinor: null,
    text: noPriceText(why),
  };
}

function noPriceText(why: NoPrice): string {
  if (why.reason === 'no-leg-rule') return 'no leg rule matches: the fare is unknown';
  if (why.reason === 'no-product') {
    return `not sold for this medium and rider category: ${why.productIds.join(', ')}`;
  }
  return `${why.currencies.join(' and ')} do not add up to one fare`;
}
