/** Between priced lines and caps: which fare of a line which caps may lower, and the line with what they took off. */
import type { PricedBags } from './bags.ts';
import type { Fare } from './cap-charge.ts';
import type { DatedCap } from './cap-window.ts';
import { applyCaps, type CapCut } from './caps.ts';
import type { SpentElsewhere } from './elsewhere.ts';
import { suspensionOf } from './emergency.ts';
import { areasOf } from './fares-v2/leg-matcher.ts';
import { inTimeframe } from './fares-v2/match-timeframe.ts';
import { selectProduct } from './fares-v2/select-product.ts';
import type { CapCount, PricedLine, PriceStep, TapFact } from './model.ts';
import { hoursWithin } from './price-boundaries.ts';
import type { PricedLeg } from './price-leg.ts';
import { clockStep } from './priced-line.ts';

/** A line that may still be lowered by caps, with the leg and the tap behind it. */
export interface OpenLine {
  readonly line: PricedLine;
  /** `null` = nothing was priced. */
  readonly leg: PricedLeg | null;
  readonly tap: TapFact;
  /** To be put on the line after its caps; absent = none. */
  readonly bags?: PricedBags | undefined;
  /** Of the line's rider amount, what is the holder's own. */
  readonly holderMinor: bigint;
}

/** Lowers the lines of a fare day by the caps of the packages that priced them. */
export function capLines(
  counts: readonly CapCount[],
  open: readonly OpenLine[],
  elsewhere: readonly SpentElsewhere[],
): { lines: PricedLine[]; counts: readonly CapCount[] } {
  // The usual city has none.
  if (open.every(({ leg }) => leg === null || leg.tariff.caps.length === 0))
    return { lines: open.map(({ line }) => line), counts };
  const capped = applyCaps(
    counts,
    open.map((line) => fareOf(line, elsewhere)),
  );
  const lines = open.map(({ line, tap }, i) => lowered(line, tap, capped.cuts[i] as readonly CapCut[]));
  return { lines, counts: capped.counts };
}

function fareOf({ line, leg, tap, holderMinor }: OpenLine, elsewhere: readonly SpentElsewhere[]): Fare {
  const companionsMinor = line.riderMinor - holderMinor;
  let extensions: Map<string, { productId: string; minor: bigint }> | undefined;
  const caps: DatedCap[] = [];
  // What came too late is never paid by the rider: no cap lowers it, and it brings no cap nearer.
  for (const cap of tap.late === true ? [] : (leg?.tariff.caps ?? [])) {
    const priced = leg as PricedLeg;
    if (priced.journey?.penalty === true && cap.includes_penalties !== true) continue;
    if (
      priced.tariff.emergency.length > 0 &&
      suspensionOf(priced.tariff, 'caps', tap.fareAtMs, priced.networkId, cap.cap_id)
    )
      continue;
    const beyond = cap.extensions?.find((e) => e.fare_product_id === priced.product.productId);
    if (beyond === undefined) {
      if (inScope(cap, line, priced, tap)) caps.push(cap);
      continue;
    }
    const minor = extensionMinor(priced, beyond.extension_product_id);
    if (minor === undefined || minor >= holderMinor) continue;
    caps.push(cap);
    extensions = (extensions ?? new Map()).set(cap.cap_id, {
      productId: beyond.extension_product_id,
      minor,
    });
  }
  const feed = leg?.tariff.pricer.feed;
  return {
    caps,
    extensions: extensions ?? NO_EXTENSIONS,
    inHours: ({ timeframe_group_id: group }, atMs) =>
      group === undefined || feed === undefined || inTimeframe(feed, group, tap.stopId, atMs),
    hoursWithin: ({ timeframe_group_id: group }, fromMs, untilMs) =>
      group === undefined || feed === undefined ? [] : hoursWithin(feed, group, tap.stopId, fromMs, untilMs),
    atMs: tap.fareAtMs,
    uncertaintyMs: tap.uncertaintyMs,
    holderMinor,
    companionsMinor,
    elsewhere,
  };
}

const NO_EXTENSIONS: Fare['extensions'] = new Map();

function inScope(cap: DatedCap, line: PricedLine, { tariff, mediaId, networkId }: PricedLeg, tap: TapFact) {
  const areas = (ids: readonly string[]) =>
    areasOf(tariff.pricer.feed, tap.stopId).some((id) => ids.includes(id));
  return (
    names(cap.fare_media_ids, mediaId) &&
    names(cap.rider_category_ids, line.riderCategoryId) &&
    names(cap.network_ids, networkId) &&
    // A stop that is not sure makes no price higher: the ride may have begun in the cap's area.
    (tap.stopUnsure === true || cap.area_ids === undefined || areas(cap.area_ids))
  );
}

/** A list that is not there names everything. */
function names(ids: readonly string[] | undefined, id: string | null): boolean {
  return ids === undefined || (id !== null && ids.includes(id));
}

/** Extensions are prices of full fares: a ride that a transfer, a right or a pass made cheaper has none. */
function extensionMinor(leg: PricedLeg, productId: string): bigint | undefined {
  if (leg.riderMinor !== leg.grossMinor) return undefined;
  const { tariff, mediaId } = leg;
  const payer = { mediaId, categoryIds: [tariff.defaultCategoryId] };
  return selectProduct(tariff.pricer.feed, productId, payer)?.amountMinor;
}

function lowered(line: PricedLine, tap: TapFact, cuts: readonly CapCut[]): PricedLine {
  const last = cuts.at(-1);
  if (last === undefined) return line;
  const steps = [...line.steps, ...cuts.map(capStep)];
  if (last.nominalMinor !== null) {
    const { uncertaintyMs } = tap;
    steps.push(clockStep(last.afterMinor, { uncertaintyMs, nominalMinor: last.nominalMinor }));
  }
  return {
    ...line,
    riderMinor: last.afterMinor,
    capMinor: line.riderMinor - last.afterMinor,
    steps,
  };
}

function capStep({ cap, from, beforeMinor, afterMinor, extensionId }: CapCut): PriceStep {
  return {
    kind: 'cap',
    ruleId: cap.cap_id,
    act: cap.act,
    article: cap.article,
    beforeMinor,
    afterMinor,
    params: {
      cap: cap.cap_id,
      window: cap.window,
      from,
      ...(cap.cap_minor === undefined ? {} : { limitMinor: String(cap.cap_minor) }),
      ...(cap.cap_rides === undefined ? {} : { limitRides: String(cap.cap_rides) }),
      ...(extensionId === null ? {} : { extension: extensionId }),
    },
  };
}
