/**
 * One vehicle: the driver's part. It tells the real agent its line and what its receiver says of the position, opens and
 * closes shifts trip by trip, and holds the riders' cards to its reader. At which stop it is, the agent finds out.
 */
import type { Whereabouts } from '#contracts/record.ts';
import type { Agent } from '../../edge-agent/agent.ts';
import type { CardTransport, ScreenView } from '../../edge-agent/ports.ts';
import type { VirtualCard } from '../cards/virtual-card.ts';
import type { GnssReceiver } from './gnss-receiver.ts';
import type { Run, Timetable } from './timetable.ts';
import { type VehiclePlace, whereIs } from './vehicle-place.ts';

/** What a vehicle needs of its validator. */
export interface VehicleParts {
  readonly vehicleId: string;
  readonly blockId: string;
  readonly agent: Pick<Agent, 'setWhereabouts' | 'observe' | 'openShift' | 'closeShift' | 'onAnswer'>;
  readonly reader: { present(card: CardTransport): Promise<void> };
  readonly timetable: Timetable;
  /** What the vehicle's receiver makes of its true position. */
  readonly receiver: GnssReceiver;
}

export interface Vehicle {
  readonly vehicleId: string;
  readonly blockId: string;
  /** Moves to where the timetable puts it at an instant. */
  drive(nowMs: number): VehiclePlace;
  /** Holds a card to the reader and gives what the screen showed; null when it showed nothing. */
  touch(card: VirtualCard): Promise<ScreenView | null>;
  /** Ends the shift, if one is open. */
  park(): void;
}

export function createVehicle(parts: VehicleParts): Vehicle {
  const { agent, reader, timetable, vehicleId, blockId, receiver } = parts;
  let shift: string | null = null;
  let lane: Promise<unknown> = Promise.resolve();

  const follow = (run: Run | null, where: Whereabouts): void => {
    const wanted = run === null ? null : `${run.day}/${run.trip.tripId}`;
    if (wanted === shift) return;
    if (shift !== null) agent.closeShift();
    // A journal that cannot take the shift now is asked again at the next move.
    shift = wanted !== null && agent.openShift(where) ? wanted : null;
  };

  const touchNow = async (card: VirtualCard): Promise<ScreenView | null> => {
    let shown: ScreenView | null = null;
    const forget = agent.onAnswer((view) => {
      shown = view;
    });
    try {
      // It comes into the field.
      card.reset();
      await reader.present(card);
    } finally {
      forget();
    }
    return shown;
  };

  return {
    vehicleId,
    blockId,
    drive(nowMs) {
      const place = whereIs(timetable, blockId, nowMs);
      if (place.kind === 'idle') {
        follow(null, { vehicleId });
        agent.setWhereabouts({ vehicleId });
        return place;
      }
      const run = place.kind === 'driving' ? place.run : place.next;
      const { tripId, routeId, directionId } = run.trip;
      const where = { vehicleId, routeId, tripId, directionId };
      follow(run, where);
      agent.setWhereabouts(where);
      const standing = place.kind === 'waiting' || place.atStopId !== null;
      const fix = receiver.read(place.position, standing, nowMs);
      if (fix !== null) agent.observe(fix);
      return place;
    },
    touch(card) {
      const mine = lane.then(() => touchNow(card));
      lane = mine.catch(() => {});
      return mine;
    },
    park() {
      follow(null, { vehicleId });
    },
  };
}
