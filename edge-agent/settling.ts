/**
 * After the light: the ride is written into the card's own log, where it has one. It never decides a colour. An answer that
 * was lost leaves it open whether the card has the ride; that is remembered and looked up at the card's next touch.
 */
import type { Whereabouts } from '#contracts/record.ts';
import type { Logger } from '#platform/logger.ts';
import { sameRide, tagOf } from './card-log.ts';
import type { Beside, CardFacts, CardLogEntry, CardVisit } from './ports.ts';

/** What became of the logs of cards since the start. */
export interface SettleCounters {
  written: number;
  notWritten: number;
  unknown: number;
  /** Of the unknown ones: the card was met again, and has the ride · does not have it. */
  foundLater: number;
  missingLater: number;
}

export interface Settling {
  /** Settles one green; a reader that throws has not settled. */
  settle(visit: CardVisit, entry: CardLogEntry, card: CardFacts): Promise<void>;
  /** A card was read: what was unknown of it may be known now. */
  met(card: CardFacts): void;
  readonly counters: Readonly<SettleCounters>;
}

export interface SettlingDeps {
  /** A small text that outlives a restart. Null = none. A failed write is told by `false`. */
  readonly notes: { read(): string | null; write(text: string): boolean };
  readonly log: Logger;
}

/** Most cards whose log is unknown; the oldest is forgotten, and with it only a figure in the health report. */
const UNKNOWN_MAX = 64;

interface Unknown {
  readonly tokenId: string;
  readonly deviceTag: string;
  readonly seq: number;
}

/** Makes it, with what an earlier run has left open. */
export function createSettling({ notes, log }: SettlingDeps): Settling {
  const counters: SettleCounters = { written: 0, notWritten: 0, unknown: 0, foundLater: 0, missingLater: 0 };
  let open = parseUnknown(notes.read());

  const keep = (next: Unknown[]): void => {
    open = next.slice(-UNKNOWN_MAX);
    if (!notes.write(JSON.stringify(open))) log.warn('edge.card.unsettled-not-kept');
  };

  return {
    counters,
    async settle(visit, entry, { tokenId }) {
      try {
        const outcome = await visit.settle(entry);
        if (outcome === 'written') counters.written++;
        if (outcome === 'not-written') counters.notWritten++;
        if (outcome !== 'unknown') return;
        counters.unknown++;
        keep([...open, { tokenId, deviceTag: entry.deviceTag, seq: entry.seq }]);
      } catch (error) {
        counters.notWritten++;
        log.warn({ reason: (error as Error).message }, 'edge.card.not-settled');
      }
    },
    met({ tokenId, formerTokenId, log: rides }) {
      if (rides === undefined || open.length === 0) return;
      const mine = open.filter((one) => one.tokenId === tokenId || one.tokenId === formerTokenId);
      if (mine.length === 0) return;
      for (const one of mine) {
        if (rides.some((ride) => sameRide(ride, one))) counters.foundLater++;
        else counters.missingLater++;
      }
      keep(open.filter((one) => !mine.includes(one)));
    },
  };
}

function parseUnknown(text: string | null): Unknown[] {
  // Written by this file alone, into a store that is checked as a whole.
  return text === null ? [] : (JSON.parse(text) as Unknown[]);
}

/** The entry that a green makes. */
export function logEntryOf(
  green: { readonly seq: number; readonly beside: Beside; readonly where: Whereabouts },
  at: { readonly deviceId: string; readonly nowMs: number; readonly clockUnsure: boolean },
): CardLogEntry {
  return {
    atMs: at.nowMs,
    vehicleTag: tagOf(green.where.vehicleId),
    routeTag: tagOf(green.where.routeId),
    deviceTag: tagOf(at.deviceId),
    seq: green.seq,
    companions: green.beside.companions,
    ...(green.beside.bags > 0 && { bags: green.beside.bags }),
    clockUnsure: at.clockUnsure,
  };
}
