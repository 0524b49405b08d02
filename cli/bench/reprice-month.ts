/**
 * A month of a city from a seed, for `kvytok bench reprice`: who rides, with which rights, cards and passes, and each tap, as the
 * facts would have them. Commuters with transfers, double touches, companions, clocks that are not quite sure, taps that come
 * days later, some after the books were closed.
 */
import { createFareCalendar } from '#pricing/fare-day.ts';
import type {
  Close,
  DeviceAssignment,
  Entitlement,
  MediaLink,
  PassHolding,
  PricedTap,
  ShiftEvent,
} from '../../fare-engine/facts/facts.ts';
import { type Random, randomOf } from '../../simulators/city/random.ts';
import type { Cell } from './load-rows.ts';

export interface MonthPlan {
  readonly seed: number;
  readonly accounts: number;
  /** Of the month, from its first day on. */
  readonly days: number;
  readonly dayStart: string;
}

/** Facts beside taps. */
export interface MonthFacts {
  readonly links: readonly MediaLink[];
  readonly entitlements: readonly Entitlement[];
  readonly passes: readonly PassHolding[];
  readonly assignments: readonly DeviceAssignment[];
  readonly shifts: readonly ShiftEvent[];
  readonly closes: readonly Close[];
}

export const ZONE = 'Europe/Kyiv';
export const FIRST_DAY = '2025-10-01';
/** Taps of an account and day, on the average: see RIDES. */
export const TAPS_OF_DAY = 1.95;
const DEVICES = 400;
const ROUTES = ['A1', 'T2'];
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Days at the end whose books are still open. */
const OPEN_DAYS = 4;
const EPOCH = 'e'.repeat(32);

/** Fare days of the month. */
export function daysOfMonth({ days }: MonthPlan): string[] {
  return Array.from({ length: days }, (_, i) =>
    new Date(Date.parse(FIRST_DAY) + i * DAY_MS).toISOString().slice(0, 10),
  );
}

const deviceOf = (n: number): string => `val-${1000 + n}`;
const tokenOf = (account: number, card = 0): string => `k1.${card}${account.toString(16).padStart(31, '0')}`;
const uuidOf = (kind: number, n: number): string =>
  `${kind.toString(16).padStart(8, '0')}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

/** Of twenty people: pensioners with a quota, students, a veteran with an escort, a holder of a pass; the others pay. */
const RIGHTS = [
  'pensioner',
  'pensioner',
  'disability-3',
  'pensioner',
  'student',
  'student',
  'war-disabled-1',
];
const PASS_HOLDER = 7;
const WITH_A_RIGHT = RIGHTS.length;

/** Everything but taps. */
export function factsOfMonth(plan: MonthPlan): MonthFacts {
  const calendar = createFareCalendar(ZONE, plan.dayStart);
  const days = daysOfMonth(plan);
  const always = { validFromMs: 0, validUntilMs: null, knownFromMs: 0 };
  const facts = { links: [] as MediaLink[], entitlements: [] as Entitlement[], passes: [] as PassHolding[] };
  for (let n = 0; n < plan.accounts; n++) {
    const accountId = accountOf(n);
    if (accountId === undefined) continue;
    for (const card of n % 20 === 0 ? [0, 1] : [0])
      facts.links.push({ linkId: uuidOf(card, n), tokenId: tokenOf(n, card), accountId, ...always });
    const concessionId = RIGHTS[n % 20];
    if (concessionId !== undefined)
      facts.entitlements.push({ entitlementId: `right-${n}`, accountId, concessionId, ...always });
    if (n % 20 === PASS_HOLDER) {
      const validFromMs = calendar.startOfMs(days[n % Math.min(20, days.length)] as string);
      facts.passes.push({
        ...{ passId: `pass-${n}`, accountId, fareProductId: 'pass-30' },
        ...{ validFromMs, validUntilMs: null, knownFromMs: validFromMs },
      });
    }
  }
  const devices = Array.from({ length: DEVICES }, (_, n) => n);
  return {
    ...facts,
    assignments: devices.map((n) => ({
      ...{
        assignmentId: uuidOf(9, n),
        deviceId: deviceOf(n),
        vehicleId: `bus-${n}`,
        carrierId: `carrier-${n % 9}`,
      },
      ...{ routeId: null, tripId: null, ...always },
    })),
    shifts: days.flatMap((fareDay) => devices.map((n) => shiftOf(n, fareDay, calendar.startOfMs(fareDay)))),
    closes: days.slice(0, -OPEN_DAYS).map((fareDay) => ({
      fareDay,
      knownFromMs: calendar.endOfMs(fareDay) + 3 * DAY_MS + HOUR_MS,
    })),
  };
}

function shiftOf(n: number, fareDay: string, startMs: number): ShiftEvent {
  const atMs = startMs + HOUR_MS;
  return {
    ...{
      recordId: `${deviceOf(n)}.${EPOCH}.s${fareDay}`,
      deviceId: deviceOf(n),
      action: 'open',
      source: 'driver',
    },
    ...{
      routeId: ROUTES[n % 2] as string,
      tripId: null,
      directionId: null,
      fareDay,
      atMs,
      receivedAtMs: atMs,
    },
  };
}

/** Whose account is not derived from the card. */
function accountOf(n: number): string | undefined {
  return n % 20 <= PASS_HOLDER ? `person-${n}` : undefined;
}

/** Rides of a day, of ten people. */
const RIDES = [0, 0, 1, 2, 2, 2, 2, 2, 3, 4];

/** Taps of one share's accounts on a day; `next` counts the taps of all shares apart. */
export function* tapsOfDay(
  plan: MonthPlan,
  day: { readonly fareDay: string; readonly index: number },
  share: { readonly index: number; readonly of: number },
): Generator<PricedTap> {
  const startMs = createFareCalendar(ZONE, plan.dayStart).startOfMs(day.fareDay);
  let seq = day.index * 100_000_000 + share.index;
  for (let n = share.index; n < plan.accounts; n += share.of) {
    const random = randomOf(plan.seed, n * 64 + day.index);
    let atMs = startMs + random.between(2 * HOUR_MS, 5 * HOUR_MS);
    for (let rides = random.pick(RIDES); rides > 0; rides--) {
      const tap = tapOf(n, atMs, day.fareDay, random);
      yield { ...tap, tapId: `${tap.deviceId}.${EPOCH}.${seq}` };
      seq += share.of;
      if (random.chance(0.02)) {
        yield { ...tap, fareAtMs: atMs + 20_000, tapId: `${tap.deviceId}.${EPOCH}.${seq}` };
        seq += share.of;
      }
      // Now and then at once on to the next bus.
      atMs += random.chance(0.3) ? random.between(10, 40) * MINUTE_MS : random.between(90, 270) * MINUTE_MS;
    }
  }
}

function tapOf(n: number, fareAtMs: number, fareDay: string, random: Random): Omit<PricedTap, 'tapId'> {
  const device = random.below(DEVICES);
  const social = n % 20 < WITH_A_RIGHT + 1;
  // Most within a second; some after days, a few so late that the books were closed.
  const late = random.next();
  const laterMs = late < 0.001 ? 5 * DAY_MS : late < 0.01 ? random.between(6, 60) * HOUR_MS : 1000;
  return {
    deviceId: deviceOf(device),
    tokenId: tokenOf(n, n % 20 === 0 && random.chance(0.3) ? 1 : 0),
    mediumKind: social ? 'social' : n % 20 >= 17 ? 'bank' : 'wallet',
    direction: 'in',
    companions: random.chance(0.03) ? 1 : 0,
    bags: 0,
    fareDay,
    fareAtMs,
    uncertaintyMs: random.below(400),
    belief: {
      vehicleId: `bus-${device}`,
      routeId: ROUTES[device % 2] as string,
      tripId: null,
      directionId: null,
    },
    stopId: null,
    stopUnsure: false,
    passBackOf: null,
    receivedAtMs: fareAtMs + laterMs,
  };
}

/** A tap as a re-pricing asks for it: in the order of TAP_COLUMNS of rows.ts. */
export function askedRow(tap: PricedTap): Cell[] {
  const { belief } = tap;
  return [
    ...[tap.tapId, tap.tokenId, tap.deviceId, tap.mediumKind, tap.direction, tap.companions, tap.bags],
    ...[tap.fareAtMs, tap.uncertaintyMs, belief.vehicleId, belief.routeId, belief.tripId, belief.directionId],
    ...[tap.stopId, tap.stopUnsure ? 't' : 'f', tap.passBackOf, tap.receivedAtMs],
  ];
}
