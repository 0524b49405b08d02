/**
 * A month of taps as the rules see them: riders of a city with habits on its real timetable, made in memory. Nobody cheats
 * here. What looks odd and is not (uncertain clocks, double touches, a replaced card) is part of it.
 */
import type { HuntTap, RightSpan } from '../../fare-engine/anomalies/hunt-facts.ts';
import type { DayBounds } from '../../fare-engine/anomalies/service-spans.ts';
import { type Random, randomOf } from '../city/random.ts';
import { firstCall, lastCall, serviceDayStartMs, type Timetable, type Trip } from '../city/timetable.ts';

const DAY_MS = 86_400_000;

/** A vehicle with its validators: one, or two doors. */
export interface SimVehicle {
  readonly vehicleId: string;
  readonly carrierId: string;
  readonly blockId: string;
  readonly devices: readonly string[];
}

export interface MonthPlan {
  readonly seed: number;
  readonly riders: number;
  /** First fare day and the number of days. */
  readonly fromDay: string;
  readonly days: number;
  readonly timetable: Timetable;
  /** Bounds of the city's fare days. */
  readonly bounds: DayBounds;
  readonly vehicles: readonly SimVehicle[];
  /** Concessions with the share of riders who have them. */
  readonly concessions: readonly { readonly concessionId: string; readonly share: number }[];
}

/** A person of the month. Taps are added to it. */
export interface SimAccount {
  readonly accountId: string;
  tokenId: string;
  readonly concessionId: string | null;
  readonly taps: HuntTap[];
  readonly rights: RightSpan[];
}

/** A vehicle's way on one day, and the driver's shift on it. */
export interface VehicleDay {
  readonly vehicle: SimVehicle;
  readonly fareDay: string;
  readonly runs: readonly Run[];
  fromMs: number;
  untilMs: number;
}

export interface Run {
  readonly trip: Trip;
  readonly dayStartMs: number;
  readonly vehicle: SimVehicle;
  readonly fareDay: string;
}

/** The month: people, and where vehicles were. */
export interface Month {
  readonly plan: MonthPlan;
  readonly fromDay: string;
  readonly untilDay: string;
  readonly accounts: SimAccount[];
  readonly vehicleDays: VehicleDay[];
  /** A tap at a call of a run, with an id of its own. */
  board(account: SimAccount, run: Run, call: number, changes?: Partial<HuntTap>): HuntTap;
}

/** Lives the month. The same plan gives the same month. */
export function liveMonth(plan: MonthPlan): Month {
  const vehicleDays = driveMonth(plan);
  const accounts = people(plan);
  let tapNumber = 0;
  const doors = randomOf(plan.seed, 'doors');
  const board: Month['board'] = (account, run, call, changes = {}) => {
    const stop = run.trip.calls[call] as Trip['calls'][number];
    const [front, back] = run.vehicle.devices as [string, string?];
    tapNumber += 1;
    const deviceId = changes.deviceId ?? (back !== undefined && doors.chance(0.4) ? back : front);
    const tap: HuntTap = {
      tapId: `${deviceId}.${'0'.repeat(32)}.${tapNumber}`,
      fareDay: run.fareDay,
      atMs: run.dayStartMs + stop.departureS * 1000 - doors.below(12_000),
      uncertaintyMs: 400,
      deviceId,
      vehicleId: run.vehicle.vehicleId,
      carrierId: run.vehicle.carrierId,
      routeId: run.trip.routeId,
      tripId: run.trip.tripId,
      stopId: stop.stopId,
      tokenId: account.tokenId,
      ride: true,
      concessionId: account.concessionId,
      claimed: account.concessionId !== null,
      ...changes,
    };
    account.taps.push(tap);
    return tap;
  };
  const untilDay = dayText(Date.parse(`${plan.fromDay}T00:00:00Z`) + plan.days * DAY_MS);
  const month: Month = { plan, fromDay: plan.fromDay, untilDay, accounts, vehicleDays, board };
  ride(month);
  return month;
}

function driveMonth({ timetable, vehicles, fromDay, days }: MonthPlan): VehicleDay[] {
  const first = Date.parse(`${fromDay}T00:00:00Z`) / DAY_MS;
  return Array.from({ length: days }, (_, at) => first + at).flatMap((day) => {
    const fareDay = dayText(day * DAY_MS);
    const dayStartMs = serviceDayStartMs(timetable, day);
    return vehicles.flatMap((vehicle) => {
      const runs = (timetable.blocks.get(vehicle.blockId) ?? [])
        .filter((trip) => timetable.runsOn(trip.serviceId, day))
        .map((trip) => ({ trip, dayStartMs, vehicle, fareDay }));
      const [begin, end] = [runs[0], runs.at(-1)];
      if (begin === undefined || end === undefined) return [];
      const fromMs = dayStartMs + firstCall(begin.trip).departureS * 1000 - 60_000;
      const untilMs = dayStartMs + lastCall(end.trip).arrivalS * 1000 + 60_000;
      return [{ vehicle, fareDay, runs, fromMs, untilMs }];
    });
  });
}

function people({ seed, riders, concessions }: MonthPlan): SimAccount[] {
  return Array.from({ length: riders }, (_, n) => {
    const random = randomOf(seed, 'person', n);
    let left = random.next();
    const right = concessions.find(({ share }) => {
      left -= share;
      return left < 0;
    });
    const concessionId = right?.concessionId ?? null;
    return {
      accountId: `person-${n}`,
      tokenId: `k1.${n.toString(16).padStart(32, '0')}`,
      concessionId,
      taps: [],
      rights:
        concessionId === null
          ? []
          : [{ concessionId, validFromMs: 0, validUntilMs: null, endReason: null, deathMs: null }],
    };
  });
}

/** Everybody has a line, an hour there and an hour back, and does not ride each day. */
function ride(month: Month): void {
  const { plan, vehicleDays, accounts } = month;
  const runsOfDay = Map.groupBy(
    vehicleDays.flatMap((day) => day.runs),
    (run) => run.fareDay,
  );
  const board = new Map(
    [...runsOfDay].map(([day, runs]) => [
      day,
      Map.groupBy(
        runs.sort((a, b) => firstCall(a.trip).departureS - firstCall(b.trip).departureS),
        (run) => `${run.trip.routeId} ${run.trip.directionId}`,
      ),
    ]),
  );
  const routes = [...new Set([...plan.timetable.trips.values()].map((trip) => trip.routeId))].sort();
  for (const [n, account] of accounts.entries()) {
    const random = randomOf(plan.seed, 'rides', n);
    const habit = {
      routeId: random.pick(routes),
      there: random.below(2),
      outS: 21_600 + random.below(10_800),
      homeS: 50_400 + random.below(18_000),
      call: random.next(),
      keen: 0.5 + random.next() / 2,
    };
    for (const [, lines] of board) {
      if (!random.chance(habit.keen)) continue;
      const out = runAt(lines.get(`${habit.routeId} ${habit.there}`), habit.outS, random);
      const home = runAt(lines.get(`${habit.routeId} ${1 - habit.there}`), habit.homeS, random);
      if (out) step(month, account, out, habit.call, random);
      if (home) step(month, account, home, 1 - habit.call, random);
    }
  }
}

/** The next vehicle, or the one behind it. */
function runAt(runs: readonly Run[] | undefined, habitS: number, random: Random): Run | undefined {
  const fromS = habitS + random.below(1200);
  const next = runs?.findIndex((run) => firstCall(run.trip).departureS >= fromS) ?? -1;
  return next < 0 ? undefined : (runs?.[next + random.below(2)] ?? runs?.[next]);
}

/** One boarding; now and then touched twice, or on a validator whose clock is off and says so. */
function step(month: Month, account: SimAccount, run: Run, place: number, random: Random): void {
  const call = Math.min(run.trip.calls.length - 2, Math.floor(place * run.trip.calls.length));
  const tap = month.board(account, run, Math.max(0, call));
  if (random.chance(0.02))
    month.board(account, run, call, { atMs: tap.atMs + 3000, deviceId: tap.deviceId, ride: false });
  if (random.chance(0.01)) {
    const off = { atMs: tap.atMs + random.between(-290_000, 290_000), uncertaintyMs: 300_000 };
    account.taps[account.taps.indexOf(tap)] = { ...tap, ...off };
  }
}

/** The date of an instant, as the feed counts days. */
export function dayText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
