/**
 * Rules over one account's way: nobody is in two places. Uncertain clocks are given all the time that they may be off, so
 * that a tap whose time is not sure accuses nobody.
 */
import type { Finding } from './finding.ts';
import { aboutTaps, gapMsMax, type HuntTap, inTime, scorePermille } from './hunt-facts.ts';
import type { RuleOf } from './rules-file.ts';

/** Where a stop is, degrees. */
export interface StopPlace {
  readonly lat: number;
  readonly lon: number;
}

/**
 * Taps in two vehicles whose stops are further apart than anybody travels in the time between. Distance is the shortest over
 * the ground, so every real way is longer. Stops that the device was not sure of are passed over.
 */
export function impossibleSpeed(
  taps: readonly HuntTap[],
  rule: RuleOf<'impossible-speed'>,
  placeOf: (stopId: string) => StopPlace | undefined,
): Finding[] {
  const placed = inTime(taps).flatMap((tap) => {
    const place = tap.stopId === null ? undefined : placeOf(tap.stopId);
    return place === undefined || !tap.ride ? [] : [{ tap, place }];
  });
  return placed.flatMap((to, at) => {
    const from = placed[at - 1];
    if (from === undefined || sameVehicle(from.tap, to.tap)) return [];
    const distanceM = Math.floor(metresBetween(from.place, to.place)) - rule.slackM;
    const gapMs = gapMsMax(from.tap, to.tap);
    // km/h from m and ms; no time at all counts as a second.
    const speedKmh = Math.floor((distanceM * 3600) / Math.max(gapMs, 1000));
    if (distanceM < rule.distanceMMin || speedKmh <= rule.speedKmhMax) return [];
    const { speedKmhMax } = rule;
    const gapS = Math.round(gapMs / 1000);
    return [
      findingOf('impossible-speed', [from.tap, to.tap], rule, scorePermille(speedKmh, speedKmhMax), {
        ...{ distanceM, gapS, speedKmh, speedKmhMax },
      }),
    ];
  });
}

/**
 * One account in two vehicles at once: either two taps so close that nobody can have changed, or a tap in another vehicle
 * between two taps on the same trip of one vehicle.
 */
export function twoVehiclesAtOnce(taps: readonly HuntTap[], rule: RuleOf<'two-vehicles-at-once'>): Finding[] {
  const rides = inTime(taps).filter((tap) => tap.ride && tap.vehicleId !== null);
  const together = rides.flatMap((to, at) => {
    const from = rides[at - 1];
    if (from === undefined || sameVehicle(from, to)) return [];
    const gapS = Math.ceil(gapMsMax(from, to) / 1000);
    if (gapS > rule.togetherS) return [];
    const score = scorePermille(rule.togetherS + 1, gapS + 1);
    const evidence = { gapS, gapSMax: rule.togetherS };
    return [findingOf('two-vehicles-at-once', [from, to], rule, score, evidence)];
  });
  const interleaved = rides.flatMap((last, at) => {
    const [first, other] = [rides[at - 2], rides[at - 1]];
    if (first === undefined || other === undefined || !isInterleaved(first, other, last, rule)) return [];
    const awayS = Math.ceil(gapMsMax(first, last) / 1000);
    const evidence = { awayS, awaySMax: rule.returnWithinS };
    const score = scorePermille(rule.returnWithinS, awayS);
    return [findingOf('two-vehicles-at-once', [first, other, last], rule, score, evidence)];
  });
  return [...together, ...interleaved];
}

/** Whether the order is sure: the vehicle's trip went on meanwhile, so its passenger cannot have been in another one. */
function isInterleaved(
  first: HuntTap,
  other: HuntTap,
  last: HuntTap,
  rule: RuleOf<'two-vehicles-at-once'>,
): boolean {
  const sure = (a: HuntTap, b: HuntTap) => a.atMs + a.uncertaintyMs < b.atMs - b.uncertaintyMs;
  return (
    first.tripId !== null &&
    first.tripId === last.tripId &&
    sameVehicle(first, last) &&
    !sameVehicle(first, other) &&
    sure(first, other) &&
    sure(other, last) &&
    gapMsMax(first, last) <= rule.returnWithinS * 1000
  );
}

function sameVehicle(a: HuntTap, b: HuntTap): boolean {
  return (a.vehicleId ?? a.deviceId) === (b.vehicleId ?? b.deviceId);
}

/** Two media of one account may be in two hands: a hint, no more. */
function findingOf(
  ruleId: 'impossible-speed' | 'two-vehicles-at-once',
  taps: readonly HuntTap[],
  rule: Pick<Finding, 'severity' | 'paramsSha256'>,
  score: number,
  numbers: Record<string, number>,
): Finding {
  const media = new Set(taps.map((tap) => tap.tokenId)).size;
  return {
    ruleId,
    paramsSha256: rule.paramsSha256,
    ...aboutTaps(taps),
    severity: media > 1 ? 'low' : rule.severity,
    scorePermille: score,
    evidence: { ...numbers, media },
  };
}

const EARTH_RADIUS_M = 6_371_000;

/** Great-circle distance (haversine). */
export function metresBetween(a: StopPlace, b: StopPlace): number {
  const rad = Math.PI / 180;
  const dLat = (b.lat - a.lat) * rad;
  const dLon = (b.lon - a.lon) * rad;
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(dLon / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(h)));
}
