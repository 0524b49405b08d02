/**
 * A second pricer of an account's days for tests, written from the words of `fare-engine/tariffs/README.md` and decisions 0095 and 0116,
 * not from the engine: no packages, no state from day to day, no index. It walks through all taps of a life again and again.
 * One medium, exact clocks, one tariff; buses where boarding is tapped, and a metro by zones where leaving is, too.
 */
import { type ReferenceTap, referenceParts } from './journey-reference.ts';

export interface ReferenceRight {
  readonly id: string;
  /** Networks in which it holds; `null` = all. */
  readonly network: string | null;
  /** Either a part in basis points or an amount is taken off. */
  readonly offBp: number | null;
  readonly offMinor: bigint;
  /** The rider's price is rounded to a multiple of it, halves up; 1 = not at all. */
  readonly roundMinor: bigint;
  readonly priority: number;
  /** Rides in a calendar month. */
  readonly quotaRides: number | null;
}

export interface ReferenceCap {
  readonly window: 'day' | 'week' | 'month';
  readonly network: string | null;
  /** Either an amount or a number of rides. */
  readonly minor: bigint | null;
  readonly rides: number;
}

export interface ReferenceTariff {
  /** By network in which only boarding is tapped. */
  readonly prices: Readonly<Record<string, bigint>>;
  /** Of a metro journey within one, two, three zones. */
  readonly zones: readonly bigint[];
  /** A transfer is free so long after the first departure of its run; `null` = there are none. */
  readonly transferS: number | null;
  readonly rights: readonly ReferenceRight[];
  /** Short windows first. */
  readonly caps: readonly ReferenceCap[];
}

/** What was bought: it covers rides of one network for some time from the sale, so many or all. */
export interface ReferenceHolding {
  readonly id: string;
  readonly network: string;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly rides: number | null;
}

export interface ReferenceRide extends ReferenceTap {
  readonly network: string;
}

/** Amounts of a line. */
export interface ReferenceLine {
  rider: bigint;
  transfer: bigint;
  concession: bigint;
  pass: bigint;
  cap: bigint;
}

const RULES = { maxJourneyMs: 7_200_000, cancelMs: 60_000, passBackMs: 20_000 };
const ZONES = ['a', 'b', 'c'];

interface Leg {
  readonly tap: ReferenceRide;
  /** Of every journey that it may have been; one where both ends are known. */
  readonly prices: readonly bigint[];
  readonly missing: 'entry' | 'exit' | null;
}

/** The line of each tap, by id. `held` = the rights that the person has. */
export function referenceLines(
  tariff: ReferenceTariff,
  taps: readonly ReferenceRide[],
  held: readonly string[],
  holdings: readonly ReferenceHolding[],
): Map<string, ReferenceLine> {
  const rights = tariff.rights.filter(({ id }) => held.includes(id));
  const lines = new Map(taps.map(({ tapId }) => [tapId, noAmounts()]));
  const used: { right: string; month: string }[] = [];
  const torn: string[] = [];
  let runStartMs: number | null = null;
  const capped: { atMs: number; network: string; charged: bigint }[] = [];
  for (const { tap, prices, missing } of legsOf(tariff, taps)) {
    const line = lines.get(tap.tapId) as ReferenceLine;
    const inRun: boolean =
      runStartMs !== null && tariff.transferS !== null && tap.atMs - runStartMs <= tariff.transferS * 1000;
    if (missing === null && inRun) {
      line.transfer = prices[0] as bigint;
      continue;
    }
    runStartMs = missing === null ? tap.atMs : null;
    const open = rights.filter(
      ({ id, network, quotaRides }) =>
        (network === null || network === tap.network) &&
        (quotaRides === null ||
          used.filter((one) => one.right === id && one.month === monthOf(tap.atMs)).length < quotaRides),
    );
    const ways = prices.map((price) => ({ price, ...cheapestRight(open, price) }));
    // The dearest after rights; of equal ones the cheapest fare.
    const [way] = ways.sort((a, b) => compare(b.rider, a.rider) || compare(a.price, b.price));
    if (way === undefined) continue;
    const owed = ways.map(({ price, rider }) => price - rider).sort(compare)[0] as bigint;
    line.rider = way.rider;
    line.concession = missing === 'entry' ? 0n : missing === 'exit' ? owed : way.price - way.rider;
    const holding = missing === null ? holdingFor(tap, way.rider, holdings, torn) : undefined;
    if (holding !== undefined) {
      Object.assign(line, { rider: 0n, concession: 0n, pass: way.price });
      if (holding.rides !== null) torn.push(holding.id);
    } else if (way.right !== null && line.concession > 0n)
      used.push({ right: way.right, month: monthOf(tap.atMs) });
    if (missing !== null) continue;
    const charged = underCaps(tariff.caps, capped, tap, line.rider);
    line.cap = line.rider - charged;
    line.rider = charged;
    capped.push({ atMs: tap.atMs, network: tap.network, charged });
  }
  return lines;
}

function noAmounts(): ReferenceLine {
  return { rider: 0n, transfer: 0n, concession: 0n, pass: 0n, cap: 0n };
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** What is paid for, in the order of time. */
function legsOf({ prices, zones }: ReferenceTariff, taps: readonly ReferenceRide[]): Leg[] {
  const parts = referenceParts(
    taps.filter(({ network }) => network === 'metro'),
    RULES,
  );
  const byId = new Map(taps.map((tap) => [tap.tapId, tap]));
  const zoneOf = ({ stopId }: ReferenceTap) => ZONES.indexOf(stopId.slice(0, 1));
  const between = (a: number, b: number) => zones[Math.abs(a - b)] as bigint;
  const sorted = [...taps].sort((a, b) => a.atMs - b.atMs || (a.tapId < b.tapId ? -1 : 1));
  return sorted.flatMap((tap): Leg[] => {
    if (tap.network !== 'metro') return [{ tap, prices: [prices[tap.network] as bigint], missing: null }];
    const [part = '', other = ''] = (parts.get(tap.tapId) ?? '').split(' ');
    const here = zoneOf(tap);
    const anywhere = ZONES.map((_, there) => between(here, there));
    const exit = byId.get(other);
    if (part === 'entry')
      return exit === undefined
        ? [{ tap, prices: anywhere, missing: 'exit' }]
        : [{ tap, prices: [between(here, zoneOf(exit))], missing: null }];
    return part === 'exit' && exit === undefined ? [{ tap, prices: anywhere, missing: 'entry' }] : [];
  });
}

/** The cheapest for the rider; ties by priority, then id. A right that takes nothing off is none. */
function cheapestRight(rights: readonly ReferenceRight[], price: bigint) {
  const found = rights
    .map((right) => ({ right, rider: priceUnder(right, price) }))
    .filter(({ rider }) => rider < price)
    .sort(
      (a, b) =>
        compare(a.rider, b.rider) ||
        b.right.priority - a.right.priority ||
        (a.right.id < b.right.id ? -1 : 1),
    );
  return { right: found[0]?.right.id ?? null, rider: found[0]?.rider ?? price };
}

function priceUnder({ offBp, offMinor, roundMinor }: ReferenceRight, price: bigint): bigint {
  if (offBp === null) return price > offMinor ? price - offMinor : 0n;
  // Twice the price in units of the rounding, and one more: the floor of its half is the price rounded, halves up.
  const unit = roundMinor * 10_000n;
  const rounded = ((2n * price * BigInt(10_000 - offBp) + unit) / (2n * unit)) * roundMinor;
  return rounded > price ? price : rounded;
}

/** A pass before a right, a right before a ride of a carnet. */
function holdingFor(
  { atMs, network }: ReferenceRide,
  riderMinor: bigint,
  holdings: readonly ReferenceHolding[],
  torn: readonly string[],
): ReferenceHolding | undefined {
  const covering = holdings
    .filter((one) => one.network === network && one.fromMs <= atMs && atMs < one.untilMs)
    .filter(({ id, rides }) => rides === null || torn.filter((one) => one === id).length < rides)
    .sort((a, b) => a.untilMs - b.untilMs || (a.id < b.id ? -1 : 1));
  const pass = covering.find(({ rides }) => rides === null);
  return pass ?? (riderMinor > 0n ? covering[0] : undefined);
}

/** The least of the fare and of what every cap leaves; what was charged before is added up anew each time. */
function underCaps(
  caps: readonly ReferenceCap[],
  before: readonly { atMs: number; network: string; charged: bigint }[],
  { atMs, network }: ReferenceRide,
  fare: bigint,
): bigint {
  return caps
    .filter((cap) => cap.network === null || cap.network === network)
    .reduce((charge, { window, network: only, minor, rides }) => {
      const same = before.filter(
        (one) =>
          one.charged > 0n &&
          (only === null || only === one.network) &&
          windowOf(window, one.atMs) === windowOf(window, atMs),
      );
      if (minor === null) return same.length < rides ? charge : 0n;
      const left = minor - same.reduce((sum, { charged }) => sum + charged, 0n);
      return left <= 0n ? 0n : charge < left ? charge : left;
    }, fare);
}

const KYIV = new Intl.DateTimeFormat('sv-SE', {
  timeZone: 'Europe/Kyiv',
  dateStyle: 'short',
  timeStyle: 'medium',
});

/** The wall clock, as if it were UTC. */
function wallMs(atMs: number): number {
  return Date.parse(`${KYIV.format(atMs).replace(' ', 'T')}Z`);
}

function monthOf(atMs: number): string {
  return new Date(wallMs(atMs)).toISOString().slice(0, 7);
}

/** Days of caps begin at 04:30; weeks on Mondays. */
function windowOf(window: ReferenceCap['window'], atMs: number): string {
  const day = new Date(wallMs(atMs) - 4.5 * 3_600_000);
  if (window === 'month') return day.toISOString().slice(0, 7);
  if (window === 'week') day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  return day.toISOString().slice(0, 10);
}
