/** After the light: the ride is written into the card's own log, where it has one. It never decides a colour. */
import type { Whereabouts } from '#contracts/record.ts';
import type { Logger } from '#platform/logger.ts';
import { tagOf } from './card-log.ts';
import type { CardFacts, CardLogEntry, CardReading, CardVisit } from './ports.ts';

/** The entry that a green makes. */
export function logEntryOf(
  green: { readonly seq: number; readonly companions: number; readonly where: Whereabouts },
  at: { readonly deviceId: string; readonly nowMs: number; readonly clockUnsure: boolean },
): CardLogEntry {
  return {
    atMs: at.nowMs,
    vehicleTag: tagOf(green.where.vehicleId),
    routeTag: tagOf(green.where.routeId),
    deviceTag: tagOf(at.deviceId),
    seq: green.seq,
    companions: green.companions,
    clockUnsure: at.clockUnsure,
  };
}

/** Settles one card; a reader that throws has not settled. */
export async function settleCard(visit: CardVisit, entry: CardLogEntry, log: Logger): Promise<void> {
  try {
    const outcome = await visit.settle(entry);
    log.debug({ outcome }, 'edge.card.settled');
  } catch (error) {
    log.warn({ reason: (error as Error).message }, 'edge.card.not-settled');
  }
}

/** The passenger's card in a reading, if it is one. */
export function cardOf(reading: CardReading): CardFacts | undefined {
  return reading.ok && 'card' in reading ? reading.card : undefined;
}
