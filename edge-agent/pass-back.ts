/**
 * Which media rode a moment ago: two touches are one ride. The memory is rebuilt from the journal after a crash, so
 * a rider whose green was written but never shown touches again and has ridden once.
 */
import { type JournalRecord, parseRecord, type Whereabouts } from '#contracts/record.ts';
import { instantOf } from './clock-evidence.ts';
import type { EarlierRide } from './decide-tap.ts';
import type { Beside, DevicePolicy, StoredRecord } from './ports.ts';

/** Most rides remembered; a bus boards fewer within any sensible window. */
const RIDES_MAX = 4096;

interface Ride {
  /** Null = at another door, and not touched here yet. */
  readonly seq: number | null;
  readonly atMs: number;
  /** Monotonic time; absent for a ride of an earlier boot. */
  readonly monoMs?: number;
  readonly vehicleId: string | undefined;
  readonly companions: number;
  readonly bags: number;
}

/** An instant by both clocks of this boot. */
export interface Moment {
  readonly nowMs: number;
  readonly monoMs: number;
}

export interface PassBackMemory {
  /** The ride that a touch now could repeat. */
  earlier(tokenId: string, vehicleId: string | undefined, now: Moment): EarlierRide | null;
  /** Remembers a first touch; repetitions do not lengthen its window. */
  remember(tokenId: string, ride: { seq: number; vehicleId: string | undefined }, now: Moment): void;
  /** Another door of the vehicle says that it let this medium on. Not later than what is known here already. */
  rodeElsewhere(
    tokenId: string,
    ride: { ageMs: number; vehicleId: string | undefined; companions: number; bags?: number },
    now: Moment,
  ): void;
  /** A repetition of a ride at another door was written here: from now on it stands for that ride. */
  adopt(tokenId: string, seq: number): void;
  /** Companions or bags were paid for in the ride of this number. */
  addBeside(tokenId: string, seq: number, beside: Beside): void;
  /** Forgets everything: sequence numbers of another epoch name other rides. */
  clear(): void;
  /** Reads the rides of an earlier boot from its records, newest first. */
  rebuild(newestFirst: readonly StoredRecord[]): void;
}

/** The vehicle is the place of a ride; where validators serve both ways, its stop too: at another one a touch is no repetition. */
export function passBackPlace(
  { vehicleId, stopId }: Whereabouts,
  direction: DevicePolicy['direction'],
): string | undefined {
  return direction === 'both' ? `${vehicleId ?? ''} ${stopId ?? ''}` : vehicleId;
}

/** Makes an empty memory for a window of `passBackMs`; what is called a vehicle is what {@link passBackPlace} says. */
export function createPassBackMemory(
  passBackMs: number,
  direction?: DevicePolicy['direction'],
): PassBackMemory {
  const rides = new Map<string, Ride>();

  // Within one boot the monotonic clock measures; a wall clock that was set back must not make an old ride new.
  const elapsed = (ride: Ride, now: Moment): number =>
    ride.monoMs === undefined ? Math.abs(now.nowMs - ride.atMs) : now.monoMs - ride.monoMs;

  function dropOld(now: Moment): void {
    for (const [tokenId, ride] of rides) {
      if (rides.size < RIDES_MAX && elapsed(ride, now) < passBackMs) return;
      rides.delete(tokenId);
    }
  }

  return {
    earlier(tokenId, vehicleId, now) {
      const ride = rides.get(tokenId);
      if (!ride || ride.vehicleId !== vehicleId) return null;
      const { seq, companions, bags } = ride;
      return { seq, elapsedMs: elapsed(ride, now), companions, bags };
    },
    remember(tokenId, { seq, vehicleId }, now) {
      rides.delete(tokenId);
      dropOld(now);
      const at = { atMs: now.nowMs, monoMs: now.monoMs };
      rides.set(tokenId, { seq, ...at, vehicleId, companions: 0, bags: 0 });
    },
    rodeElsewhere(tokenId, { ageMs, vehicleId, companions, bags = 0 }, now) {
      const ride = rides.get(tokenId);
      if (ride && ride.vehicleId === vehicleId && elapsed(ride, now) < passBackMs) {
        // Both doors know of it: the companions and bags are those of one ride.
        const most = Math.max(ride.companions, companions);
        rides.set(tokenId, { ...ride, companions: most, bags: Math.max(ride.bags, bags) });
        return;
      }
      if (ageMs >= passBackMs) return;
      rides.delete(tokenId);
      dropOld(now);
      const at = { atMs: now.nowMs - ageMs, monoMs: now.monoMs - ageMs };
      rides.set(tokenId, { seq: null, ...at, vehicleId, companions, bags });
    },
    adopt(tokenId, seq) {
      const ride = rides.get(tokenId);
      if (ride?.seq === null) rides.set(tokenId, { ...ride, seq });
    },
    addBeside: (tokenId, seq, beside) => addTo(rides, tokenId, seq, beside),
    clear: () => rides.clear(),
    rebuild(newestFirst) {
      for (const stored of newestFirst.toReversed()) {
        const record = parseRecord(stored.bytes);
        if (record.ok) rememberOld(rides, record.value, direction);
      }
    },
  };
}

function rememberOld(
  rides: Map<string, Ride>,
  record: JournalRecord,
  direction: DevicePolicy['direction'],
): void {
  if (record.kind !== 'tap') return;
  const { tokenId, where, companions, bags = 0, passBackOfSeq } = record.body;
  if (passBackOfSeq !== undefined) {
    addTo(rides, tokenId, passBackOfSeq, { companions, bags });
    return;
  }
  rides.delete(tokenId);
  const vehicleId = passBackPlace(where, direction);
  rides.set(tokenId, { seq: record.seq, atMs: instantOf(record.at), vehicleId, companions, bags });
}

function addTo(rides: Map<string, Ride>, tokenId: string, seq: number, more: Beside): void {
  const ride = rides.get(tokenId);
  // In place: the order of the map is that of the rides.
  if (ride?.seq !== seq) return;
  const { companions, bags } = ride;
  rides.set(tokenId, { ...ride, companions: companions + more.companions, bags: bags + more.bags });
}
