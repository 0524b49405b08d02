/** What the rules look at. They are handed one account, one vehicle, one route's day at a time, in any order within it. */
import { type Finding, NOBODY, type Subject, TAPS_NAMED_MAX } from './finding.ts';

/** A tap as the rules see it: its time with its uncertainty, its place as it was decided, its ride. */
export interface HuntTap {
  readonly tapId: string;
  readonly fareDay: string;
  readonly atMs: number;
  /** The tap took place within this of `atMs`, either way. */
  readonly uncertaintyMs: number;
  readonly deviceId: string;
  readonly vehicleId: string | null;
  readonly carrierId: string | null;
  readonly routeId: string | null;
  readonly tripId: string | null;
  /** `null` where the device was not sure of it. */
  readonly stopId: string | null;
  /** Which of the account's media; tells media apart within one account, and is never stored with a finding. */
  readonly tokenId: string;
  /** A ride or transfer of its own; a repeated touch is none. Companions ride on the same tap. */
  readonly ride: boolean;
  readonly concessionId: string | null;
  /** The budget or the city pays something for it. */
  readonly claimed: boolean;
}

/** A right as it is known now: half-open, with the reason of an early end. */
export interface RightSpan {
  readonly concessionId: string;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly endReason: string | null;
  /** When its holder died, where that ended it. A right that had ended before says so too. `null` = nothing is known of a death. */
  readonly deathMs: number | null;
}

/** One person's taps in the period and all of that person's rights. */
export interface AccountFacts {
  readonly taps: readonly HuntTap[];
  readonly rights: readonly RightSpan[];
}

/** Rides of one category on one vehicle and route on one day; `null` = riders without a concession. */
export interface RideCount {
  readonly routeId: string;
  readonly vehicleId: string;
  readonly carrierId: string | null;
  readonly fareDay: string;
  readonly concessionId: string | null;
  readonly rides: number;
}

/** How many people made the rides of one category in the whole period; `vehicleId` null = on all vehicles of the route. */
export interface RiderCount {
  readonly routeId: string;
  readonly vehicleId: string | null;
  readonly concessionId: string;
  readonly riders: number;
}

/** Devices that see the same passengers on one day: the doors of a vehicle, or the vehicles of a route. */
export interface Neighbours {
  readonly scope: 'vehicle' | 'route';
  readonly groupId: string;
  readonly fareDay: string;
  readonly taps: readonly HuntTap[];
  /** When each device was there and at work; half-open. */
  readonly service: readonly {
    readonly deviceId: string;
    readonly fromMs: number;
    readonly untilMs: number;
  }[];
}

/** By time; at one instant by id, so that the order of reading never matters. */
export function inTime<T extends { readonly atMs: number; readonly tapId: string }>(taps: readonly T[]): T[] {
  return [...taps].sort((a, b) => a.atMs - b.atMs || (a.tapId < b.tapId ? -1 : 1));
}

/** Time that may have passed between two taps at most, whatever their clocks are off. */
export function gapMsMax(a: HuntTap, b: HuntTap): number {
  return Math.abs(b.atMs - a.atMs) + a.uncertaintyMs + b.uncertaintyMs;
}

/** The part of a finding that its taps say: days, ids, and the places that they share. */
export function aboutTaps(
  taps: readonly HuntTap[],
): Pick<Finding, 'fromDay' | 'untilDay' | 'tapIds' | 'taps' | keyof Subject> {
  const sorted = inTime(taps);
  const days = sorted.map((tap) => tap.fareDay).sort();
  const shared = <K extends 'deviceId' | 'vehicleId' | 'routeId' | 'carrierId' | 'concessionId'>(
    field: K,
  ) => {
    const values = new Set(sorted.map((tap) => tap[field]));
    return values.size === 1 ? (sorted[0]?.[field] ?? null) : null;
  };
  return {
    ...NOBODY,
    fromDay: days[0] as string,
    untilDay: dayAfter(days.at(-1) as string),
    tapIds: sorted
      .slice(0, TAPS_NAMED_MAX)
      .map((tap) => tap.tapId)
      .sort(),
    taps: sorted.length,
    deviceId: shared('deviceId'),
    vehicleId: shared('vehicleId'),
    routeId: shared('routeId'),
    carrierId: shared('carrierId'),
    concessionId: shared('concessionId'),
  };
}

/** The next date. */
export function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
}

const SCORE_MAX = 1_000_000;

/** How far beyond its threshold a measure is; 1000 = at it. */
export function scorePermille(measure: number, threshold: number): number {
  return Math.max(1000, Math.min(SCORE_MAX, Math.round((1000 * measure) / threshold)));
}
