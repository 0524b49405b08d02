/**
 * Passes and carnets that an account holds. A holding is a fact (what was sold, from when); what it covers, for how long and
 * how often is said by the terms of its product, as they stood at the sale. The first use is derived from taps alone, so a late tap moves
 * it while a day is open.
 */
import { holdsAt, type UsesElsewhere } from './elsewhere.ts';
import { selectProduct } from './fares-v2/select-product.ts';
import { compareText } from './file-problem.ts';
import { formatIsoDate } from './gtfs/cells.ts';
import { dayOfWall, getZone } from './local-time.ts';
import type { AccountDay, PassFact, PassUse, PricingState, TapFact } from './model.ts';
import { BOUNDARY_REACH_MS_MAX } from './price-boundaries.ts';
import type { TariffPackage } from './tariff-package.ts';
import type { ProductTerm } from './tariff-schema.ts';
import type { TariffTimeline } from './tariff-timeline.ts';

const DAY_MS = 86_400_000;
/** A holding whose time begins with its first use may wait so long for it, where its terms say nothing. */
const ACTIVATE_WITHIN_DAYS = 366;

/** A holding that covers a ride. */
export interface Cover {
  readonly passId: string;
  readonly term: ProductTerm;
  /** First instant at which it covers no more. */
  readonly endMs: number;
  /** Only of a limited number of rides; `null` = of any. */
  readonly ridesLeft: number | null;
  /** What has to be remembered when it is used; `null` = nothing, its facts say it all. */
  readonly use: PassUse | null;
}

export interface PassQuestion {
  readonly day: Pick<AccountDay, 'passes' | 'knownAsOfMs'>;
  readonly uses: PricingState['passes'];
  /** What an earlier system counted of them. */
  readonly usesElsewhere: readonly UsesElsewhere[];
  readonly tap: TapFact;
  readonly atMs: number;
  readonly mediaId: string;
  /** Products of the leg rules that fit the ride. */
  readonly productIds: ReadonlySet<string>;
  readonly tariffs: TariffTimeline;
}

/** Holdings that cover a ride, the one to be used first at the front: running before new, the earlier end first. */
export function coversOf(tariff: TariffPackage, question: PassQuestion): Cover[] {
  const { day, productIds, mediaId } = question;
  const covers = day.passes.flatMap((pass) => {
    if (!productIds.has(pass.fareProductId) || !isSold(tariff, pass.fareProductId, mediaId)) return [];
    if (day.knownAsOfMs !== null && pass.knownFromMs > day.knownAsOfMs) return [];
    const then = question.tariffs.at(pass.validFromMs)?.heldTerms.get(pass.fareProductId);
    const term = then ?? tariff.heldTerms.get(pass.fareProductId);
    return term === undefined ? [] : (coverOf(pass, term, tariff.tariff.zone, question) ?? []);
  });
  return covers.sort(
    (a, b) =>
      Number(isNew(a, question)) - Number(isNew(b, question)) ||
      a.endMs - b.endMs ||
      compareText(a.passId, b.passId),
  );
}

function isNew({ passId, use }: Cover, question: PassQuestion): boolean {
  const isOf = (one: { readonly passId: string }) => one.passId === passId;
  return use !== null && !question.uses.some(isOf) && before(passId, question) === undefined;
}

/** What was used of a holding elsewhere; where several words say something, they are added up. */
function before(passId: string, { usesElsewhere, atMs }: PassQuestion) {
  if (usesElsewhere.length === 0) return undefined;
  const words = usesElsewhere.filter((one) => one.passId === passId && holdsAt(one, atMs));
  if (words.length === 0) return undefined;
  return {
    startMs: Math.min(...words.map(({ fromMs }) => fromMs)),
    rides: words.reduce((sum, { rides }) => sum + rides, 0),
  };
}

function isSold({ pricer }: TariffPackage, productId: string, mediaId: string): boolean {
  const categoryIds = [...pricer.feed.categories.keys()];
  return selectProduct(pricer.feed, productId, { mediaId, categoryIds }) !== undefined;
}

function coverOf(pass: PassFact, term: ProductTerm, zone: string, question: PassQuestion): Cover | undefined {
  const { uses, tap, atMs } = question;
  const own = uses.find((one) => one.passId === pass.passId);
  const elsewhere = before(pass.passId, question);
  const used = own && elsewhere && own.startMs < elsewhere.startMs ? own : (elsewhere ?? own);
  const onFirstUse = term.activation === 'first_use';
  const { startMs, endMs, waitsUntilMs } = timeOfHolding(term, pass.validFromMs, used?.startMs ?? atMs, zone);
  // On an unsure clock the rider has the benefit on either border.
  const slackMs = Math.min(tap.uncertaintyMs, BOUNDARY_REACH_MS_MAX);
  if (atMs + slackMs < pass.validFromMs + (term.usable_after_s ?? 0) * 1000) return undefined;
  if (atMs - slackMs >= Math.min(endMs, pass.validUntilMs ?? Number.POSITIVE_INFINITY)) return undefined;
  if (used === undefined && atMs - slackMs >= waitsUntilMs) return undefined;
  const rides = (own?.rides ?? 0) + (elsewhere?.rides ?? 0);
  if (term.rides !== undefined && rides >= term.rides) return undefined;
  const counts = onFirstUse || term.rides !== undefined;
  return {
    passId: pass.passId,
    term,
    endMs,
    ridesLeft: term.rides === undefined ? null : term.rides - rides,
    use: counts
      ? { passId: pass.passId, startMs, rides: (own?.rides ?? 0) + 1, untilMs: Math.max(endMs, waitsUntilMs) }
      : null,
  };
}

/** When a holding counts. */
export interface HoldingTime {
  readonly startMs: number;
  /** First instant at which it covers no more. */
  readonly endMs: number;
  /** Until when its first use may come, where its time begins with that; else as its end. */
  readonly waitsUntilMs: number;
}

/** By its terms, for a sale and a first use. `firstUseMs` plays no part where the time begins with the sale or on a date. */
export function timeOfHolding(
  term: ProductTerm,
  validFromMs: number,
  firstUseMs: number,
  zone: string,
): HoldingTime {
  const onFirstUse = term.activation === 'first_use';
  const startMs = onFirstUse ? firstUseMs : validFromMs;
  const endMs = endOf(term, startMs, zone);
  const waitsMs = (term.activate_within_days ?? ACTIVATE_WITHIN_DAYS) * DAY_MS;
  return { startMs, endMs, waitsUntilMs: onFirstUse ? validFromMs + waitsMs : endMs };
}

/** First instant after the time that terms give. */
function endOf(term: ProductTerm, startMs: number, zoneName: string): number {
  const { validity_amount: amount = 0, validity_unit: unit = 'day', validity_type: type } = term;
  if (unit === 'minute') return startMs + amount * 60_000;
  if (unit === 'hour') return startMs + amount * 3_600_000;
  const zone = getZone(zoneName);
  const wall = zone.wallMs(startMs);
  const midnight = dayOfWall(wall) * DAY_MS;
  // A calendar pass ends at midnight, its first day or month counted; a rolling one at the time of day at which it began.
  const from = type === 'calendar' ? (unit === 'month' ? firstOfMonth(midnight) : midnight) : wall;
  return zone.instantMs(unit === 'day' ? from + amount * DAY_MS : monthsLater(from, amount));
}

function firstOfMonth(wallMs: number): number {
  return Date.parse(`${formatIsoDate(dayOfWall(wallMs)).slice(0, 8)}01T00:00:00Z`);
}

/** The same day of a later month, or its last day where it has none. */
function monthsLater(wallMs: number, months: number): number {
  const date = new Date(wallMs);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, last));
  return date.getTime();
}

/** The uses after a ride that a holding covered. */
export function usesAfter(
  uses: PricingState['passes'],
  use: PassUse | null | undefined,
): PricingState['passes'] {
  return use ? [...uses.filter((one) => one.passId !== use.passId), use] : uses;
}
