/**
 * What this device has heard of the others of its vehicle, for an inspector who asks when they may be dead: which there are,
 * also across a restart, and who rode at their doors.
 */
import { type Static, Type } from 'typebox';
import { DeviceId, FeedId, InstantMs } from '#contracts/ids.ts';
import { decodeJsonText, parserOf } from '#contracts/parse.ts';
import type { Timekeeper } from '../clock-evidence.ts';
import type { Journal } from '../journal.ts';
import type { Timers } from '../ports.ts';
import type { Answer, RideElsewhere } from './peers.ts';
import { ANSWER_PEERS_MAX, type AskMessage } from './wire.ts';

export interface VehicleMemoryDeps {
  /** What was heard in another vehicle is of no use in this one. */
  readonly vehicleId: string | undefined;
  readonly journal: Pick<Journal, 'note' | 'setNote'>;
  readonly keeper: Pick<Timekeeper, 'nowMs' | 'state'>;
  readonly timers: Pick<Timers, 'nowMs'>;
}

export interface VehicleMemory {
  /** Another device of this vehicle was there so long ago. */
  met(deviceId: string, ageMs: number): void;
  /** It let somebody on. */
  rode(ride: RideElsewhere): void;
  /** Rides at other doors that a question asks for. */
  ridesOf(ask: Pick<AskMessage, 'tokenIds' | 'sinceAgeMs'>): Answer['rides'];
  /** Other devices of this vehicle, longest silent first. */
  peers(): string[];
}

const NOTE = 'neighbours';
const PEERS_MAX = 16;
/** Who was silent for so long was taken out: its vehicle would otherwise be in doubt for ever. */
const PEER_KEPT_MS = 7 * 86_400_000;
/** The note is written anew when somebody new is met, and else so often at most. */
const SAVED_EVERY_MS = 3_600_000;
/** More than board one vehicle while a ride stands. */
const RIDES_MAX = 1024;

/** When each was heard last, city time; null = at a time that nobody knew. */
const Met = Type.Tuple([DeviceId, Type.Union([InstantMs, Type.Null()])]);
type Met = Static<typeof Met>;
const Note = Type.Object({
  vehicleId: Type.Optional(FeedId),
  met: Type.Array(Met, { maxItems: PEERS_MAX }),
});
const parseNote = parserOf(Note);

interface Heard {
  readonly ride: RideElsewhere;
  /** By the timers. */
  readonly atMs: number;
}

/** Makes it, with what an earlier run has noted. */
export function createVehicleMemory(deps: VehicleMemoryDeps): VehicleMemory {
  const { vehicleId, journal, keeper, timers } = deps;
  let peers = noteOf(journal.note(NOTE), vehicleId);
  let savedMs = -Infinity;
  const rides = new Map<string, Heard>();
  const cityMs = (): number | null => (keeper.state().syncAgeMs === null ? null : keeper.nowMs());

  /** Who was heard while nobody knew the time was heard now, as soon as somebody does. */
  function look(): void {
    const nowMs = cityMs();
    if (nowMs === null) return;
    peers = peers
      .map(([id, atMs]): Met => [id, atMs ?? nowMs])
      .filter(([, atMs]) => atMs === null || nowMs - atMs < PEER_KEPT_MS);
  }

  return {
    met(deviceId, ageMs) {
      const isNew = !peers.some(([id]) => id === deviceId);
      const nowMs = cityMs();
      const others = peers.filter(([id]) => id !== deviceId).slice(-(PEERS_MAX - 1));
      peers = [...others, [deviceId, nowMs === null ? null : Math.round(nowMs - ageMs)]];
      look();
      if (!isNew && timers.nowMs() - savedMs < SAVED_EVERY_MS) return;
      if (journal.setNote(NOTE, JSON.stringify({ vehicleId, met: peers }))) savedMs = timers.nowMs();
    },
    rode(ride) {
      const key = `${ride.deviceId} ${ride.epoch} ${ride.seq}`;
      // The same ride with more companions or bags is told again.
      const known = rides.get(key)?.ride;
      const companions = Math.max(ride.companions, known?.companions ?? 0);
      const bags = Math.max(ride.bags ?? 0, known?.bags ?? 0);
      rides.delete(key);
      rides.set(key, {
        ride: { ...ride, companions, ...(bags > 0 && { bags }) },
        atMs: timers.nowMs() - ride.ageMs,
      });
      if (rides.size > RIDES_MAX) rides.delete(rides.keys().next().value as string);
    },
    ridesOf({ tokenIds, sinceAgeMs }) {
      return [...rides.values()].flatMap(({ ride, atMs }) => {
        const { deviceId, tokenId, formerTokenId, epoch, seq, companions, bags } = ride;
        const ageMs = Math.max(0, Math.round(timers.nowMs() - atMs));
        const asked = tokenIds.some((token) => token === tokenId || token === formerTokenId);
        const found = { deviceId, epoch, seq, ageMs, companions, ...(bags !== undefined && { bags }) };
        return asked && ageMs <= sinceAgeMs ? [found] : [];
      });
    },
    peers() {
      look();
      return peers.map(([id]) => id).slice(0, ANSWER_PEERS_MAX);
    },
  };
}

function noteOf(text: string | null, vehicleId: string | undefined): Met[] {
  const json = text === null ? undefined : decodeJsonText(text);
  const note = json?.ok ? parseNote(json.value) : undefined;
  return note?.ok && note.value.vehicleId === vehicleId ? note.value.met : [];
}
