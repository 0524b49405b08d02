/**
 * What this ride costs in full and how long a transfer is open, from the tariff's extract and from what is known of the
 * card's last rides. The fare engine's own pricing is asked; it alone decides a charge, with the rights that no validator
 * knows. What cannot be known is said to be unknown, never guessed. Pure.
 */
import type { Whereabouts } from '#contracts/record.ts';
import { INITIAL_STATE, type PricedLine, type TapFact } from '#pricing/model.ts';
import { priceAccountDay } from '#pricing/price-account-day.ts';
import type { DeviceTariffs } from '#pricing/tariff-extract.ts';
import { tagOf } from '../card-log.ts';
import type { CardFacts, CardLogEntry, FarePreview } from '../ports.ts';

/** One touch that was let on. */
export interface TouchSeen {
  readonly card: CardFacts;
  readonly where: Whereabouts;
  readonly deviceId: string;
  readonly nowMs: number;
  /** The clock is not sure enough for times of transfers. */
  readonly clockUnsure: boolean;
  /** The touch repeats a ride that this vehicle's doors know; absent = it is a ride of its own. */
  readonly repeats?: { readonly elapsedMs: number };
}

/** Rides of the log older than this are not looked at; no transfer window of a city is longer. */
const LOOK_BACK_MS = 86_400_000;

/** `undefined` = the city has told no tariffs. */
export function farePreviewOf(tariffs: DeviceTariffs | undefined, seen: TouchSeen): FarePreview | undefined {
  if (tariffs === undefined) return undefined;
  const { where, nowMs, clockUnsure, repeats } = seen;
  if (clockUnsure) return { unknown: 'clock' };
  const tariff = tariffs.timeline.at(nowMs);
  if (tariff === undefined) return { unknown: 'tariff' };
  const network = where.routeId && tariff.pricer.feed.networkOfRoute?.get(where.routeId);
  if (network === undefined || network === '') return { unknown: 'route' };
  const history = historyOf(tariffs, seen);
  const own = { ...tapOf(seen), ...stopOf(where) };
  const taps = history ?? [];
  const line = priceLast(tariffs, [...taps, own]);
  if (line === undefined) return { unknown: 'tariff' };
  if (line.kind === 'unpriced') {
    const byStop = own.stopId === null && line.steps.some(({ params }) => params['reason'] === 'no-leg-rule');
    return { unknown: byStop ? 'stop' : 'tariff' };
  }
  // The charge takes the cheapest area where the stop is not sure enough, and only the city says when that is.
  const doubted = priceLast(tariffs, [...taps, { ...own, stopUnsure: true }]);
  const sure = (where.stopConfidencePct ?? 0) >= 100 || doubted?.riderMinor === line.riderMinor;
  if (!sure) return { unknown: 'stop' };
  const { currency } = tariff.tariff;
  // Without its last rides nobody can say whether this ride is a transfer: its full price is the most it costs.
  const fare = repeats
    ? {}
    : { fare: { amountMinor: line.riderMinor.toString(), currency, transfer: line.kind === 'transfer' } };
  if (history === undefined)
    return { ...fare, ...(hasTransfers(tariffs, nowMs) && { transfer: 'unknown' as const }) };
  const transfer = openTransfer(tariffs, seen, [...history, own]);
  return { ...fare, ...(transfer && { transfer }) };
}

function hasTransfers({ timeline }: DeviceTariffs, nowMs: number): boolean {
  return (timeline.at(nowMs)?.pricer.feed.transferRules.length ?? 0) > 0;
}

function tapOf({ card, where, deviceId, nowMs }: TouchSeen): TapFact {
  return {
    tapId: 'now',
    fareAtMs: nowMs,
    uncertaintyMs: 0,
    mediumKind: card.mediumKind,
    direction: 'in',
    companions: 0,
    vehicleId: where.vehicleId === undefined ? null : tagOf(where.vehicleId),
    carrierId: null,
    routeId: where.routeId ?? null,
    stopId: null,
    mediumId: 'card',
    deviceId: tagOf(deviceId),
  };
}

/** Where it is as far as the device knows. */
function stopOf({ stopId }: Whereabouts): Pick<TapFact, 'stopId'> {
  return { stopId: stopId ?? null };
}

/** Rides before this one as facts; `undefined` = they are not known, or a thing about them is not sure. */
function historyOf(tariffs: DeviceTariffs, seen: TouchSeen): TapFact[] | undefined {
  const { card, nowMs, repeats } = seen;
  if (card.log === undefined) return undefined;
  const recent = card.log.filter(({ atMs }) => nowMs - atMs <= LOOK_BACK_MS);
  if (recent.some(({ clockUnsure, atMs }) => clockUnsure || atMs > nowMs)) return undefined;
  const routes = routesByTag(tariffs);
  const taps: TapFact[] = [];
  for (const entry of recent) {
    const routeId = routes.get(entry.routeTag);
    if (routeId === undefined || routeId === null) return undefined;
    taps.push({ ...tapOf(seen), ...rideOf(entry), routeId });
  }
  if (repeats === undefined) return taps;
  // What the doors saw and the card's log may lack.
  return [
    ...taps,
    { ...tapOf(seen), ...stopOf(seen.where), tapId: 'door', fareAtMs: nowMs - repeats.elapsedMs },
  ];
}

function rideOf({ atMs, vehicleTag, deviceTag, seq }: CardLogEntry) {
  return { tapId: `${deviceTag}.${seq}`, fareAtMs: atMs, vehicleId: vehicleTag, deviceId: deviceTag };
}

/** Tag → route; null where two routes have one tag. */
const routesKnown = new WeakMap<DeviceTariffs, Map<string, string | null>>();

function routesByTag(tariffs: DeviceTariffs): Map<string, string | null> {
  const known = routesKnown.get(tariffs);
  if (known) return known;
  const ids = tariffs.timeline.packages.flatMap(({ pricer }) => [
    ...(pricer.feed.networkOfRoute?.keys() ?? []),
  ]);
  const made = new Map<string, string | null>();
  for (const id of new Set(ids)) made.set(tagOf(id), made.has(tagOf(id)) ? null : id);
  routesKnown.set(tariffs, made);
  return made;
}

/** The line of the last tap; those of several fare days are priced each with what the day before handed on. */
function priceLast({ timeline, calendar }: DeviceTariffs, taps: readonly TapFact[]): PricedLine | undefined {
  const days = Map.groupBy(taps, ({ fareAtMs }) => calendar.fareDayOf(fareAtMs));
  const facts = { accountId: 'card', entitlements: [], passes: [], knownAsOfMs: null };
  let state = INITIAL_STATE;
  let last: PricedLine | undefined;
  for (const [fareDay, ofDay] of [...days].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const priced = priceAccountDay(state, { ...facts, fareDay, taps: ofDay }, timeline, calendar);
    state = priced.stateOut;
    last = priced.lines.at(-1);
  }
  return last;
}

/** Just short of a minute: minutes that are said are whole minutes that are left. */
const NEXT_MS = 59_999;

/** What is open from now on in another vehicle; `undefined` = nothing. Fewest minutes of all networks, where all have some. */
function openTransfer(
  tariffs: DeviceTariffs,
  seen: TouchSeen,
  taps: readonly TapFact[],
): FarePreview['transfer'] {
  const { pricer } = tariffs.timeline.at(seen.nowMs) as NonNullable<
    ReturnType<DeviceTariffs['timeline']['at']>
  >;
  const sample = new Map([...(pricer.feed.networkOfRoute ?? [])].map(([route, network]) => [network, route]));
  const left: (number | null | undefined)[] = [];
  let costsNothing = true;
  let unpriced = 0;
  for (const routeId of sample.values()) {
    const next = { ...tapOf(seen), tapId: 'next', routeId, vehicleId: null, deviceId: null };
    const line = priceLast(tariffs, [...taps, { ...next, fareAtMs: seen.nowMs + NEXT_MS }]);
    const step = line?.steps.find(({ kind }) => kind === 'transfer');
    if (line?.kind === 'unpriced') unpriced++;
    const { minutes, limitMinutes } = step?.params ?? {};
    const minutesLeft = limitMinutes === undefined ? null : Number(limitMinutes) - Number(minutes);
    const isOpen =
      line?.kind === 'transfer' && step !== undefined && (minutesLeft === null || minutesLeft > 0);
    left.push(isOpen ? minutesLeft : undefined);
    if (isOpen) costsNothing &&= line.riderMinor === 0n;
  }
  const open = left.filter((minutes) => minutes !== undefined);
  const timed = open.filter((minutes) => minutes !== null);
  // Where fares depend on the stop of boarding nobody knows at which one the next ride begins.
  if (open.length === 0) return unpriced === left.length ? 'unknown' : undefined;
  return {
    minutes: timed.length === 0 ? null : Math.min(...timed),
    everywhere: open.length === left.length,
    free: costsNothing,
  };
}
