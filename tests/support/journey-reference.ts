/**
 * Which taps belong together, once more: written from the words of `fare-engine/tariffs/README.md`, not from the engine. Slow: for each
 * tap it looks through all taps before it. One medium, one network, exact clocks, validators that say the way or do not.
 */
export interface ReferenceTap {
  readonly tapId: string;
  readonly atMs: number;
  readonly way: 'in' | 'out' | null;
  readonly vehicleId: string | null;
  readonly deviceId: string;
  readonly stopId: string;
}

export interface ReferenceRules {
  readonly maxJourneyMs: number;
  readonly cancelMs: number;
  readonly passBackMs: number;
}

/** What a tap turned out to be, with the tap on the other side. */
export type ReferencePart = `${'entry' | 'exit' | 'cancelled' | 'again'} ${string}` | 'entry' | 'exit';

/** The part of each tap, by id. */
export function referenceParts(
  taps: readonly ReferenceTap[],
  { maxJourneyMs, cancelMs, passBackMs }: ReferenceRules,
): Map<string, ReferencePart> {
  const sorted = [...taps].sort((a, b) => a.atMs - b.atMs || (a.tapId < b.tapId ? -1 : 1));
  const parts = new Map<string, ReferencePart>();
  /** The way that a tap turned out to be; `null` = it only repeated another. */
  const ways = new Map<string, 'in' | 'out' | null>();
  const samePlace = (a: ReferenceTap, b: ReferenceTap) =>
    a.vehicleId !== null || b.vehicleId !== null ? a.vehicleId === b.vehicleId : a.deviceId === b.deviceId;
  sorted.forEach((tap, i) => {
    const last = sorted.slice(0, i).findLast((one) => ways.get(one.tapId) !== null);
    const lastWay = last && ways.get(last.tapId);
    const soon = last && tap.atMs - last.atMs <= passBackMs && samePlace(tap, last);
    if (last && soon && (tap.way === lastWay || (tap.way === null && tap.stopId === last.stopId))) {
      ways.set(tap.tapId, null);
      parts.set(tap.tapId, `again ${last.tapId}`);
      return;
    }
    const otherVehicle =
      last?.vehicleId != null && tap.vehicleId !== null && last.vehicleId !== tap.vehicleId;
    const ends =
      last && lastWay === 'in' && tap.way !== 'in' && !otherVehicle && tap.atMs - last.atMs <= maxJourneyMs;
    if (last && ends) {
      const none = tap.stopId === last.stopId && cancelMs > 0 && tap.atMs - last.atMs <= cancelMs;
      parts.set(last.tapId, none ? `cancelled ${tap.tapId}` : `entry ${tap.tapId}`);
      parts.set(tap.tapId, none ? `cancelled ${last.tapId}` : `exit ${last.tapId}`);
      ways.set(tap.tapId, 'out');
      return;
    }
    const way = tap.way ?? 'in';
    ways.set(tap.tapId, way);
    parts.set(tap.tapId, way === 'in' ? 'entry' : 'exit');
  });
  return parts;
}
