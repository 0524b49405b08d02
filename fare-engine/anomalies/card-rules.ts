/** Rules over one account's card: in whose hands it must be, and whether its right still was one. */
import { givesRides } from '#pricing/concessions.ts';
import type { Finding, RuleId } from './finding.ts';
import { aboutTaps, gapMsMax, type HuntTap, inTime, type RightSpan, scorePermille } from './hunt-facts.ts';
import type { RuleOf } from './rules-file.ts';

/**
 * One card rides the same vehicle again and again, at the budget's cost: many within a window, or many in a day. Repeated
 * touches and companions are one ride with the first tap; rides that nobody but the rider pays for are nobody's fraud.
 */
export function seriesOnVehicle(taps: readonly HuntTap[], rule: RuleOf<'series-on-vehicle'>): Finding[] {
  const claimed = taps.filter((tap) => tap.ride && tap.claimed && tap.vehicleId !== null);
  const ofVehicleDay = Map.groupBy(claimed, (tap) => `${tap.fareDay} ${tap.vehicleId}`);
  return [...ofVehicleDay.values()].flatMap((group) => {
    const rides = inTime(group);
    const most = densest(rides, rule.windowS * 1000);
    const { ridesMin, ridesOfDayMin } = rule;
    if (most < ridesMin && rides.length < ridesOfDayMin) return [];
    const score = Math.max(scorePermille(most, ridesMin), scorePermille(rides.length, ridesOfDayMin));
    const evidence = {
      ridesInWindow: most,
      ridesInWindowMin: ridesMin,
      windowS: rule.windowS,
      ridesOfDay: rides.length,
      ridesOfDayMin,
    };
    return [finding('series-on-vehicle', rides, rule, score, evidence)];
  });
}

/** Most rides that surely lie within one window. */
function densest(rides: readonly HuntTap[], windowMs: number): number {
  let most = 0;
  for (const [at, first] of rides.entries()) {
    let within = 0;
    for (let next = at; next < rides.length; next++) {
      const tap = rides[next] as HuntTap;
      if (tap.atMs - first.atMs > windowMs) break;
      if (next === at || gapMsMax(first, tap) <= windowMs) within++;
    }
    most = Math.max(most, within);
  }
  return most;
}

/**
 * The card of a dead person is used: one finding for each day. Any right that ended by death dates it, by what was said of the
 * death: the right itself may have ended long before.
 */
export function useAfterDeath(
  taps: readonly HuntTap[],
  rights: readonly RightSpan[],
  rule: RuleOf<'use-after-death'>,
): Finding[] {
  const deaths = rights.flatMap(({ deathMs }) => (deathMs === null ? [] : [deathMs]));
  if (deaths.length === 0) return [];
  const endMs = Math.min(...deaths) + rule.graceS * 1000;
  const late = taps.filter((tap) => tap.atMs - tap.uncertaintyMs >= endMs);
  return byDay(late).map((group) => {
    const claimed = group.filter((tap) => tap.claimed).length;
    const hoursAfter = Math.floor(((group[0] as HuntTap).atMs - Math.min(...deaths)) / 3_600_000);
    const evidence = { taps: group.length, claimed, hoursAfter, graceH: Math.floor(rule.graceS / 3600) };
    return finding('use-after-death', group, rule, 1000 * group.length, evidence);
  });
}

/**
 * A ride was claimed under a right that had ended before it, by what is known now: its end became known when the day was
 * closed. Ends by death are a rule of their own. A right of one row of law opens the other rows of its category, so whoever holds
 * another right at that time may ride by that one. One finding for each day and right.
 */
export function claimAfterEnd(
  taps: readonly HuntTap[],
  rights: readonly RightSpan[],
  rule: RuleOf<'claim-after-end'>,
): Finding[] {
  const graceMs = rule.graceS * 1000;
  const late = taps.filter((tap) => {
    if (!tap.claimed || tap.concessionId === null) return false;
    const mine = rights.filter((right) => right.concessionId === tap.concessionId);
    const ended = mine.some((right) => endsBefore(right, tap.atMs - tap.uncertaintyMs - graceMs));
    const dead = mine.some((right) => right.deathMs !== null);
    return ended && !dead && !rights.some((right) => givesRides(right) && mayCover(right, tap, graceMs));
  });
  const groups = [...Map.groupBy(late, (tap) => tap.concessionId).values()].flatMap(byDay);
  return groups.map((group) => {
    const first = group[0] as HuntTap;
    const ends = rights.flatMap((right) =>
      right.concessionId === first.concessionId &&
      right.validUntilMs !== null &&
      right.validUntilMs <= first.atMs
        ? [right.validUntilMs]
        : [],
    );
    const hoursAfter = Math.floor((first.atMs - Math.max(...ends)) / 3_600_000);
    const evidence = {
      taps: group.length,
      claimed: group.length,
      hoursAfter,
      graceH: Math.floor(rule.graceS / 3600),
    };
    return finding('claim-after-end', group, rule, 1000 * group.length, evidence);
  });
}

function endsBefore(right: RightSpan, atMs: number): boolean {
  return right.validUntilMs !== null && right.validUntilMs <= atMs;
}

function mayCover(right: RightSpan, tap: HuntTap, graceMs: number): boolean {
  const begun = right.validFromMs <= tap.atMs + tap.uncertaintyMs;
  return begun && !endsBefore(right, tap.atMs - tap.uncertaintyMs - graceMs);
}

function byDay(taps: readonly HuntTap[]): HuntTap[][] {
  return [...Map.groupBy(inTime(taps), (tap) => tap.fareDay).values()];
}

function finding(
  ruleId: RuleId,
  taps: readonly HuntTap[],
  rule: Pick<Finding, 'severity' | 'paramsSha256'>,
  score: number,
  evidence: Record<string, number>,
): Finding {
  const { severity, paramsSha256 } = rule;
  return {
    ruleId,
    paramsSha256,
    ...aboutTaps(taps),
    severity,
    scorePermille: Math.max(1000, score),
    evidence,
  };
}
