/**
 * At which stop a tap takes place, from positions: the last stop that the vehicle reached, with how sure that is. Pure:
 * positions and times come in.
 *
 * A stop is reached when a position lies near it, nearer by a margin than to the stop before (hysteresis), or when its
 * nearest point has been passed. Only stops of the line and direction that is driven count, so the stop of the same name
 * across the street does not; where nobody told the direction, the heading weighs. Without positions the confidence falls
 * by half in each half-life; then the timetable answers, then nobody.
 */
import type { Whereabouts } from '#contracts/record.ts';
import { getZone, secondOfWall } from '#pricing/local-time.ts';
import type { Moment } from '../pass-back.ts';
import {
  distanceM,
  type LinePattern,
  type LineStop,
  patternsFor,
  type StopPlan,
  scheduledStop,
} from './stop-plan.ts';

/** What a GNSS receiver says; WGS 84 degrees. */
export interface PositionFix {
  readonly lat: number;
  readonly lon: number;
  /** Radius in which the true place lies with 68 %. */
  readonly accuracyM: number;
  readonly speedMps?: number;
  /** Degrees from north, clockwise. */
  readonly bearingDeg?: number;
}

export interface FoundStop {
  readonly stopId: string;
  readonly stopConfidencePct: number;
  readonly stopSource: 'gnss' | 'timetable' | 'driver';
}

export interface StopFinder {
  /** The line that is driven. Another one than before forgets where the vehicle was. */
  follow(where: Whereabouts): void;
  /** `monoMs`: monotonic time, so that a clock that is set does not make positions old. */
  observe(fix: PositionFix, monoMs: number): void;
  /** The driver says at which stop the vehicle stands. */
  say(stopId: string, monoMs: number): void;
  /** The stop at a moment; `null` = nobody can tell. */
  at(moment: Moment): FoundStop | null;
  /** The stop after the found one, where the sequence tells. */
  nextStopId(moment: Moment): string | null;
}

/** Below this speed a heading is noise. */
const HEADING_FROM_MPS = 1.5;
/** A stop that may lie behind counts so much less than one ahead: lines that touch a street twice. */
const BACKWARD_WEIGHT = 0.2;
/** Weight of "none of these stops" for a position that is exact to half the reach; grows with its circle. */
const ELSEWHERE = 0.03;
const CONFIDENCE_PCT_MAX = 99;

interface Reached {
  readonly stop: LineStop;
  readonly pattern: LinePattern | null;
  readonly pct: number;
  readonly source: 'gnss' | 'driver';
}

interface Candidate {
  readonly stop: LineStop;
  readonly pattern: LinePattern;
  readonly distanceM: number;
  readonly weight: number;
  /** Weight of being at none of them. */
  readonly elsewhere: number;
}

/** Makes a finder over the city's plan. */
export function createStopFinder(plan: StopPlan): StopFinder {
  return new SequenceStopFinder(plan);
}

class SequenceStopFinder implements StopFinder {
  private readonly plan: StopPlan;
  private where: Whereabouts = {};
  private patterns: LinePattern[] = [];
  private reached: Reached | null = null;
  /** When a position or the driver was last heard, monotonic. */
  private heardMs = Number.NEGATIVE_INFINITY;
  /** Another stop that is near, with its nearest point so far. */
  private approach: Candidate | null = null;

  constructor(plan: StopPlan) {
    this.plan = plan;
  }

  follow(where: Whereabouts): void {
    const { routeId, tripId, directionId } = this.where;
    if (where.routeId === routeId && where.tripId === tripId && where.directionId === directionId) return;
    this.where = where;
    this.patterns = patternsFor(this.plan, where);
    this.reached = null;
    this.approach = null;
    this.heardMs = Number.NEGATIVE_INFINITY;
  }

  observe(fix: PositionFix, monoMs: number): void {
    const { rules } = this.plan;
    if (!isUsable(fix) || monoMs < this.heardMs) return;
    this.heardMs = monoMs;
    const candidates = this.candidates(fix);
    const best = candidates.reduce<Candidate | null>(
      (a, b) => (a !== null && a.weight >= b.weight ? a : b),
      null,
    );
    if (best === null) return;
    const pct = confidence(best, candidates);
    const current = this.current(candidates);
    if (current !== null && best.stop.stopId === current.stop.stopId) {
      this.approach = null;
      this.strengthen(best, pct);
      return;
    }
    const nearer = current === null || best.distanceM + rules.hysteresisM < current.distanceM;
    if (nearer && best.distanceM <= rules.reachM + Math.min(fix.accuracyM, rules.reachM)) {
      this.arrive(best, pct);
      return;
    }
    this.passBy(best, candidates);
  }

  say(stopId: string, monoMs: number): void {
    const pattern = this.patterns.find((line) => line.some((stop) => stop.stopId === stopId)) ?? null;
    const [lat, lon] = this.plan.stops[stopId] ?? [0, 0];
    const stop = pattern?.find((one) => one.stopId === stopId) ?? {
      stopId,
      lat,
      lon,
      index: 0,
      bearingDeg: 0,
    };
    this.reached = { stop, pattern, pct: this.plan.rules.driverPct, source: 'driver' };
    this.approach = null;
    this.heardMs = monoMs;
  }

  at({ nowMs, monoMs }: Moment): FoundStop | null {
    const { rules, zone } = this.plan;
    const kept = this.reached === null ? 0 : Math.round(this.reached.pct * this.worth(monoMs));
    if (this.reached !== null && kept >= rules.timetablePct) return this.answer(this.reached, kept);
    const planned = scheduledStop(this.plan, this.where, secondOfWall(getZone(zone).wallMs(nowMs)));
    if (planned !== null && rules.timetablePct >= rules.dropPct) {
      return { stopId: planned, stopConfidencePct: rules.timetablePct, stopSource: 'timetable' };
    }
    return this.reached !== null && kept >= Math.max(1, rules.dropPct)
      ? this.answer(this.reached, kept)
      : null;
  }

  nextStopId(moment: Moment): string | null {
    const found = this.at(moment);
    const pattern = this.reached?.pattern ?? this.patterns[0];
    if (found === null || pattern === undefined || this.patterns.length === 0) return null;
    const same = this.reached?.stop.stopId === found.stopId ? this.reached.stop.index : undefined;
    const index = same ?? pattern.findIndex((stop) => stop.stopId === found.stopId);
    return index < 0 ? null : (pattern[index + 1]?.stopId ?? null);
  }

  private answer({ stop, source }: Reached, pct: number): FoundStop {
    return { stopId: stop.stopId, stopConfidencePct: pct, stopSource: source };
  }

  /** What remains of a confidence since the last position: 1 while it is fresh, then half in each half-life. */
  private worth(monoMs: number): number {
    const { freshS, halfLifeS } = this.plan.rules;
    const staleS = (monoMs - this.heardMs) / 1000 - freshS;
    return staleS <= 0 ? 1 : 0.5 ** (staleS / halfLifeS);
  }

  private candidates(fix: PositionFix): Candidate[] {
    const { reachM } = this.plan.rules;
    const sigmaM = Math.hypot(reachM / 2, fix.accuracyM);
    const elsewhere = (ELSEWHERE * sigmaM) / (reachM / 2);
    const ambiguous = this.patterns.length > 1;
    return this.patterns.flatMap((pattern) =>
      pattern.map((stop) => {
        const distance = distanceM(fix, stop);
        const near = Math.exp(-(distance ** 2) / (2 * sigmaM ** 2));
        const weight = near * (ambiguous ? headingWeight(fix, stop) : 1) * this.orderWeight(stop, pattern);
        return { stop, pattern, distanceM: distance, weight, elsewhere };
      }),
    );
  }

  private orderWeight(stop: LineStop, pattern: LinePattern): number {
    const { reached } = this;
    return reached !== null && reached.pattern === pattern && stop.index < reached.stop.index
      ? BACKWARD_WEIGHT
      : 1;
  }

  /** The stop that is held, at its distance from this position. */
  private current(candidates: readonly Candidate[]): Candidate | null {
    const held = this.reached?.stop;
    if (held === undefined) return null;
    return (
      candidates.find(
        ({ stop, pattern }) => stop.index === held.index && pattern === this.reached?.pattern,
      ) ??
      candidates.find(({ stop }) => stop.stopId === held.stopId) ??
      null
    );
  }

  private arrive(there: Candidate, pct: number): void {
    this.reached = { stop: there.stop, pattern: there.pattern, pct, source: 'gnss' };
    this.approach = null;
  }

  /** More positions at one stop make it surer; none makes the driver's word less. */
  private strengthen(there: Candidate, pct: number): void {
    const held = this.reached as Reached;
    if (pct > held.pct) this.arrive(there, pct);
  }

  /** Between stops: the held one stays until another one's nearest point lies behind. */
  private passBy(best: Candidate, candidates: readonly Candidate[]): void {
    const { reachM, hysteresisM } = this.plan.rules;
    const { approach } = this;
    const then =
      approach && candidates.find((c) => c.stop === approach.stop && c.pattern === approach.pattern);
    if (approach && then && then.distanceM > approach.distanceM + hysteresisM) {
      // Never nearer than this: passed, or not called at. As sure as the nearest position was.
      if (approach.distanceM <= 3 * reachM) this.arrive(approach, confidence(approach, [approach]));
      this.approach = null;
      return;
    }
    if (!approach || best.distanceM < approach.distanceM) this.approach = best;
  }
}

function isUsable({ lat, lon, accuracyM }: PositionFix): boolean {
  return [lat, lon, accuracyM].every(Number.isFinite) && accuracyM >= 0;
}

/** 1 for the way of the line, near 0 against it; without a heading nothing is said. */
function headingWeight({ speedMps, bearingDeg }: PositionFix, stop: LineStop): number {
  if (bearingDeg === undefined || (speedMps ?? 0) < HEADING_FROM_MPS) return 1;
  const away = ((bearingDeg - stop.bearingDeg) * Math.PI) / 180;
  return Math.max(0.02, (1 + Math.cos(away)) / 2);
}

/** Share of one stop among all that the position allows, whole percent. Two entries of one stop are one place. */
function confidence(best: Candidate, candidates: readonly Candidate[]): number {
  const weights = new Map<string, number>();
  for (const { stop, weight } of candidates)
    weights.set(stop.stopId, Math.max(weight, weights.get(stop.stopId) ?? 0));
  const all = [...weights.values()].reduce((sum, weight) => sum + weight, best.elsewhere);
  return Math.min(CONFIDENCE_PCT_MAX, Math.round((100 * best.weight) / all));
}
