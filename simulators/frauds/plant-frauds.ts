/** Frauds, planted into an honest month from a seed of their own, so that what the rules find can be counted. */
import type { RuleId } from '../../fare-engine/anomalies/finding.ts';
import { metresBetween } from '../../fare-engine/anomalies/travel-rules.ts';
import { type Random, randomOf } from '../city/random.ts';
import type { Month, Run, SimAccount, VehicleDay } from './honest-month.ts';

/** One fraud: the rule that should find it, and by what a finding is known to be of it. */
export interface Planted {
  readonly ruleId: RuleId;
  readonly tapIds: ReadonlySet<string>;
  /** Of a fraud that no single tap shows. */
  readonly deviceId?: string;
  readonly fareDay?: string;
  readonly vehicleId?: string;
  readonly routeId?: string;
  readonly concessionId?: string;
}

/** How many of each are planted. */
export const FRAUDS_OF_EACH = 12;

/** Adds all kinds of fraud to a month. */
export function plantFrauds(month: Month, seed: number): Planted[] {
  const random = randomOf(seed, 'frauds');
  const planted: Planted[] = [];
  const each = (plant: (random: Random) => Planted | null, times = FRAUDS_OF_EACH) => {
    for (let tries = 0, done = 0; done < times && tries < times * 200; tries++) {
      const fraud = plant(random);
      if (fraud !== null) {
        planted.push(fraud);
        done += 1;
      }
    }
  };
  each((r) => clonedCardFarAway(month, r));
  each((r) => clonedCardAtOnce(month, r));
  each((r) => driverTapsInSeries(month, r));
  each((r) => cardOfTheDead(month, r));
  each((r) => claimedTooLong(month, r));
  each((r) => stackOfCards(month, r), 3);
  each((r) => coveredValidator(month, r));
  return planted;
}

function tapOf(month: Month, random: Random, claimed = false) {
  const account = random.pick(month.accounts);
  const taps = account.taps.filter(
    (tap) => tap.ride && tap.uncertaintyMs < 1000 && (!claimed || tap.claimed),
  );
  return taps.length === 0 || account.rights.length > 1 ? null : { account, tap: random.pick(taps) };
}

/** A copy of the card is used at the other end of the city, a minute or three later. */
function clonedCardFarAway(month: Month, random: Random): Planted | null {
  const found = tapOf(month, random);
  if (found === null) return null;
  const { account, tap } = found;
  const here = month.plan.timetable.stops.get(tap.stopId as string);
  const day = random.pick(month.vehicleDays.filter(({ fareDay }) => fareDay === tap.fareDay));
  const run = random.pick(day.runs);
  const call = random.below(run.trip.calls.length);
  const there = month.plan.timetable.stops.get(run.trip.calls[call]?.stopId as string);
  if (!here || !there || day.vehicle.vehicleId === tap.vehicleId || metresBetween(here, there) < 4500)
    return null;
  const copy = month.board(account, run, call, { atMs: tap.atMs + random.between(60_000, 150_000) });
  return { ruleId: 'impossible-speed', tapIds: new Set([tap.tapId, copy.tapId]) };
}

/** A copy is used in another vehicle within seconds, or while the card's own vehicle goes on with its trip. */
function clonedCardAtOnce(month: Month, random: Random): Planted | null {
  const found = tapOf(month, random);
  if (found === null) return null;
  const { account, tap } = found;
  const day = random.pick(month.vehicleDays.filter(({ fareDay }) => fareDay === tap.fareDay));
  if (day.vehicle.vehicleId === tap.vehicleId) return null;
  const other = (atMs: number) => month.board(account, random.pick(day.runs), 0, { atMs, stopId: null });
  if (random.chance(0.5)) {
    const copy = other(tap.atMs + random.between(500, 6000));
    return { ruleId: 'two-vehicles-at-once', tapIds: new Set([tap.tapId, copy.tapId]) };
  }
  const copy = other(tap.atMs + 240_000);
  const own = { ...tap, tapId: `${copy.tapId}9`, atMs: tap.atMs + 600_000, stopId: null };
  account.taps.push(own);
  return { ruleId: 'two-vehicles-at-once', tapIds: new Set([copy.tapId, own.tapId]) };
}

/** A driver taps the concession card of a relative: a burst at the terminus, or all day long. */
function driverTapsInSeries(month: Month, random: Random): Planted | null {
  const day = random.pick(month.vehicleDays);
  const account = random.pick(month.accounts);
  const rides = account.taps.some((tap) => tap.fareDay === day.fareDay);
  if (account.concessionId === null || account.rights.length > 1 || rides || day.untilMs <= day.fromMs)
    return null;
  const burst = random.chance(0.6);
  const many = burst ? random.between(5, 9) : random.between(10, 15);
  const stepMs = burst ? 170_000 : 3_600_000 * 0.8;
  const runs = day.runs;
  const taps = Array.from({ length: many }, (_, n) => {
    const run = burst ? (runs[1] ?? (runs[0] as Run)) : (runs[n % runs.length] as Run);
    return month.board(account, run, 0, { atMs: day.fromMs + 300_000 + n * stepMs, stopId: null });
  });
  return { ruleId: 'series-on-vehicle', tapIds: new Set(taps.map((tap) => tap.tapId)) };
}

/** Somebody goes on riding with the card of a person who has died. */
function cardOfTheDead(month: Month, random: Random): Planted | null {
  return endRight(month, random, 'death', 'use-after-death', 2 * 86_400_000);
}

/** A right was withdrawn, and the closed days after its end were claimed. */
function claimedTooLong(month: Month, random: Random): Planted | null {
  return endRight(month, random, 'withdrawn', 'claim-after-end', 0);
}

function endRight(
  month: Month,
  random: Random,
  endReason: string,
  ruleId: RuleId,
  afterMs: number,
): Planted | null {
  const found = tapOf(month, random, true);
  const right = found?.account.rights[0];
  if (found === null || right === undefined || found.account.rights.length > 1) return null;
  const endMs = found.tap.atMs + 1000;
  const after = found.account.taps.filter((tap) => tap.claimed && tap.atMs - tap.uncertaintyMs >= endMs);
  if (after.filter((tap) => tap.atMs >= endMs + afterMs).length < 2) return null;
  found.account.rights.splice(0, 1, {
    ...right,
    validUntilMs: endMs,
    endReason,
    deathMs: endReason === 'death' ? endMs : null,
  });
  // Nobody else's fraud is planted on this account: a second right, long over, marks it as taken.
  found.account.rights.push({ ...right, validFromMs: 0, validUntilMs: 1, endReason: null, deathMs: null });
  return { ruleId, tapIds: new Set(after.map((tap) => tap.tapId)) };
}

const STACK = 40;

/** A driver has a stack of cards of one rare category and taps each of them once on most days. */
function stackOfCards(month: Month, random: Random): Planted | null {
  const rare = month.plan.concessions.filter(({ share }) => share > 0.01 && share < 0.03);
  if (rare.length === 0) return null;
  const { concessionId } = random.pick(rare);
  const { vehicle } = random.pick(month.vehicleDays);
  if (month.accounts.some(({ accountId }) => accountId.startsWith(`stack-${vehicle.vehicleId}-`)))
    return null;
  const days = month.vehicleDays.filter((day) => day.vehicle === vehicle && day.untilMs > day.fromMs);
  const size = Math.ceil((STACK * month.plan.riders) / 3000);
  const cards = Array.from({ length: size }, (_, n) =>
    cardOfStack(month, vehicle.vehicleId, concessionId, n),
  );
  const tapIds = new Set<string>();
  for (const day of days) {
    for (const card of cards) {
      if (!random.chance(0.85)) continue;
      const atMs = day.fromMs + random.below(day.untilMs - day.fromMs);
      tapIds.add(month.board(card, random.pick(day.runs), 0, { atMs }).tapId);
    }
  }
  const routeId = (days[0] as VehicleDay).runs[0]?.trip.routeId as string;
  return {
    ...{ ruleId: 'category-out-of-proportion', tapIds, vehicleId: vehicle.vehicleId, routeId, concessionId },
  };
}

function cardOfStack(month: Month, vehicleId: string, concessionId: string, n: number): SimAccount {
  const right = { concessionId, validFromMs: 0, validUntilMs: null, endReason: null, deathMs: null };
  const account: SimAccount = {
    accountId: `stack-${vehicleId}-${concessionId}-${n}`,
    tokenId: `k1.stack${vehicleId}${n}`,
    concessionId,
    taps: [],
    rights: [right],
  };
  month.accounts.push(account);
  return account;
}

/** A driver covers a validator for most of the day and takes coins. */
function coveredValidator(month: Month, random: Random): Planted | null {
  const day = random.pick(month.vehicleDays);
  const deviceId = random.pick(day.vehicle.devices);
  const length = day.untilMs - day.fromMs;
  if (length < 6 * 3_600_000) return null;
  const [fromMs, untilMs] = [day.fromMs + length * 0.1, day.fromMs + length * 0.95];
  for (const account of month.accounts) {
    const kept = account.taps.filter(
      (tap) =>
        tap.deviceId !== deviceId || tap.fareDay !== day.fareDay || tap.atMs < fromMs || tap.atMs > untilMs,
    );
    if (kept.length < account.taps.length) account.taps.splice(0, account.taps.length, ...kept);
  }
  return { ruleId: 'silent-validator', tapIds: new Set(), deviceId, fareDay: day.fareDay };
}
