/**
 * A category out of proportion: on one vehicle against the other vehicles of its route, and on one route against the city's
 * other routes.
 *
 * The test is the exact upper tail of the binomial distribution, with all tests of the run together allowed
 * `falsePerRun` false findings (Bonferroni). Rides are not independent, as tails assume: the same people ride day after day.
 * So counts are divided by a design effect (Kish), for a route by the rides that each of its riders made; few riders accuse
 * nobody; and a share must also be `timesMin` times what is expected. The busiest days of the category are left out, so that
 * a school trip accuses nobody.
 */
import { type Finding, NOBODY } from './finding.ts';
import { type RideCount, type RiderCount, scorePermille } from './hunt-facts.ts';
import type { RuleOf } from './rules-file.ts';
import { lnUpperTail, robustZ } from './statistics.ts';

type ShareRule = RuleOf<'category-out-of-proportion'>;

interface Counts {
  rides: number;
  readonly ofCategory: Map<string, number>;
}

/** Rides of one unit, day by day. */
interface Unit {
  readonly routeId: string;
  /** `null` = the whole route. */
  readonly vehicleId: string | null;
  carrierId: string | null;
  readonly days: Map<string, Counts>;
}

/** A unit's share of one category beside what the others say that it should be. */
interface Comparison {
  readonly unit: Unit;
  readonly concessionId: string;
  readonly rides: number;
  readonly ofCategory: number;
  readonly expectedShare: number;
  /** Against other routes only. */
  readonly z: number | null;
}

/** Looks at the counts of a whole period; memory grows with vehicles × days × categories, not with rides. */
export function categoryOutOfProportion(
  { counts, riders }: { readonly counts: Iterable<RideCount>; readonly riders: Iterable<RiderCount> },
  period: { readonly fromDay: string; readonly untilDay: string },
  rule: ShareRule,
): Finding[] {
  const vehicles = new Map<string, Unit>();
  const routes = new Map<string, Unit>();
  for (const count of counts) {
    add(unitOf(vehicles, count, count.vehicleId), count);
    add(unitOf(routes, count, null), count);
  }
  const comparisons = [
    ...[...Map.groupBy(vehicles.values(), (unit) => unit.routeId).values()].flatMap((group) =>
      compareVehicles(group, rule),
    ),
    ...compareRoutes([...routes.values()], rule),
  ];
  const lnLimit = Math.log(rule.falsePerRun / Math.max(1, comparisons.length));
  const ridersOf = new Map<string, number>();
  for (const of of riders)
    ridersOf.set(JSON.stringify([of.routeId, of.vehicleId, of.concessionId]), of.riders);
  return comparisons.flatMap((comparison) => {
    const { routeId, vehicleId } = comparison.unit;
    const people = ridersOf.get(JSON.stringify([routeId, vehicleId, comparison.concessionId])) ?? 0;
    const found = judge(comparison, people, lnLimit, rule);
    return found === null ? [] : [{ ...found, ...period }];
  });
}

function unitOf(units: Map<string, Unit>, { routeId, carrierId }: RideCount, vehicleId: string | null): Unit {
  const key = JSON.stringify([routeId, vehicleId]);
  const known = units.get(key);
  if (known === undefined) {
    const unit: Unit = { routeId, vehicleId, carrierId, days: new Map() };
    units.set(key, unit);
    return unit;
  }
  // Two carriers on one route, or one after the other: neither is named.
  if (known.carrierId !== carrierId) known.carrierId = null;
  return known;
}

function add({ days }: Unit, { fareDay, concessionId, rides }: RideCount): void {
  const day = days.get(fareDay) ?? { rides: 0, ofCategory: new Map() };
  days.set(fareDay, day);
  day.rides += rides;
  if (concessionId !== null)
    day.ofCategory.set(concessionId, (day.ofCategory.get(concessionId) ?? 0) + rides);
}

function categoriesOf(units: readonly Unit[]): string[] {
  return [
    ...new Set(units.flatMap((unit) => [...unit.days.values()].flatMap((day) => [...day.ofCategory.keys()]))),
  ];
}

interface Sums {
  readonly rides: number;
  readonly ofCategory: number;
}

/** Sums over a unit's days, without the `leftOut` days that have most of the category. */
function sums(unit: Unit, concessionId: string, leftOut: number): Sums {
  const days = [...unit.days].map(([day, counts]) => ({
    day,
    rides: counts.rides,
    ofCategory: counts.ofCategory.get(concessionId) ?? 0,
  }));
  const kept = days.sort((a, b) => b.ofCategory - a.ofCategory || (a.day < b.day ? -1 : 1)).slice(leftOut);
  return {
    rides: kept.reduce((sum, day) => sum + day.rides, 0),
    ofCategory: kept.reduce((sum, day) => sum + day.ofCategory, 0),
  };
}

function totalOf(sums: readonly Sums[]): Sums {
  const plus = (a: Sums, b: Sums) => ({ rides: a.rides + b.rides, ofCategory: a.ofCategory + b.ofCategory });
  return sums.reduce(plus, { rides: 0, ofCategory: 0 });
}

function compareVehicles(vehicles: readonly Unit[], rule: ShareRule): Comparison[] {
  if (vehicles.length < 2) return [];
  return categoriesOf(vehicles).flatMap((concessionId) => {
    const whole = vehicles.map((unit) => sums(unit, concessionId, 0));
    const all = totalOf(whole);
    return vehicles.flatMap((unit, at) => {
      const own = whole[at] as Sums;
      const others = { rides: all.rides - own.rides, ofCategory: all.ofCategory - own.ofCategory };
      // Too few neighbours say nothing of a vehicle that carries nearly all of the route.
      if (others.rides < Math.max(rule.ridesMin, own.rides / 2)) return [];
      // One ride more than was seen: a category that the others do not have is rare, not impossible.
      const expectedShare = (others.ofCategory + 1) / (others.rides + 1);
      const kept = sums(unit, concessionId, rule.daysLeftOut);
      return [{ unit, concessionId, ...kept, expectedShare, z: null }];
    });
  });
}

/** Smallest spread of shares, as ln: a tenth. */
const LN_SPREAD_MIN = 0.1;

function compareRoutes(routes: readonly Unit[], rule: ShareRule): Comparison[] {
  return categoriesOf(routes).flatMap((concessionId) => {
    const kept = routes.map((unit) => ({ unit, ...sums(unit, concessionId, rule.daysLeftOut) }));
    const busy = kept.filter(({ rides }) => rides >= rule.ridesMin);
    if (busy.length < rule.routesMin) return [];
    const logs = busy.map(({ rides, ofCategory }) => Math.log((ofCategory + 1) / (rides + 1)));
    const all = totalOf(busy);
    return busy.map((route, at) => ({
      ...route,
      concessionId,
      expectedShare: (all.ofCategory - route.ofCategory + 1) / (all.rides - route.rides + 1),
      z: robustZ(logs[at] as number, logs, LN_SPREAD_MIN),
    }));
  });
}

function judge(comparison: Comparison, riders: number, lnLimit: number, rule: ShareRule): Finding | null {
  const { unit, concessionId, rides, ofCategory, expectedShare, z } = comparison;
  const expected = expectedShare * rides;
  if (rides < rule.ridesMin || ofCategory < rule.categoryRidesMin || ofCategory < rule.timesMin * expected)
    return null;
  if (riders < rule.ridersMin || (z !== null && z < rule.robustZMin)) return null;
  const effect = z === null ? rule.designEffect : Math.max(rule.designEffect, ofCategory / riders);
  const lnChance = lnUpperTail(
    Math.floor(ofCategory / effect),
    Math.ceil(rides / effect),
    Math.min(expectedShare, 1 - 1e-12),
  );
  if (lnChance > lnLimit) return null;
  const { carrierId, routeId, vehicleId } = unit;
  return {
    ...NOBODY,
    ...{ carrierId, routeId, vehicleId, concessionId },
    ruleId: 'category-out-of-proportion',
    paramsSha256: rule.paramsSha256,
    fromDay: '',
    untilDay: '',
    tapIds: [],
    taps: 0,
    severity: rule.severity,
    scorePermille: scorePermille(Math.max(lnChance, -690), lnLimit),
    evidence: {
      rides,
      riders,
      ridesOfCategory: ofCategory,
      ridesExpected: Math.round(expected),
      timesPermille: Math.round((1000 * ofCategory) / Math.max(expected, 0.001)),
      timesPermilleMin: Math.round(1000 * rule.timesMin),
      oddsAgainstLog10: Math.min(300, Math.floor(-lnChance / Math.LN10)),
      oddsAgainstLog10Min: Math.ceil(-lnLimit / Math.LN10),
    },
  };
}
