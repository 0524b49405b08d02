/**
 * The other devices of this vehicle: what is believed of a datagram, and what is done with it. A run of a device is met by
 * a challenge first, so that a datagram of yesterday is none today; from then on each of its messages counts once.
 * No clock is compared: times are ages. Everything is bounded, and nothing here can make a passenger wait.
 */
import {
  type AnswerMessage,
  type AskMessage,
  type NeighbourMessage,
  openMessage,
  type RideMessage,
  sealMessage,
} from './wire.ts';

/** A ride as this device knows it. */
export type Ride = Pick<RideMessage, 'tokenId' | 'formerTokenId' | 'epoch' | 'seq' | 'ageMs' | 'companions'>;

export interface PeersDeps {
  readonly deviceId: string;
  /** This run of this device. */
  readonly boot: string;
  readonly key: Uint8Array;
  /** Random bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** Monotonic real milliseconds. */
  readonly nowMs: () => number;
  /** To every neighbour; may lose it. */
  readonly send: (datagram: Uint8Array) => void;
  /** A neighbour has let somebody on. */
  readonly onRide: (ride: Ride) => void;
  readonly answer: (ask: AskMessage) => Pick<AnswerMessage, 'rides' | 'outOfOrder' | 'knowsSinceAgeMs'>;
}

export interface Peers {
  receive(datagram: Uint8Array): void;
  /** Tells the others. */
  rode(ride: Ride): void;
  readonly counters: Readonly<PeerCounters>;
}

export interface PeerCounters {
  ridesHeard: number;
  /** Datagrams that were not opened, repeated, or too many. */
  dropped: number;
}

const KNOWN_MAX = 32;
const PENDING_MAX = 16;
const HELD_MAX = 8;
/** A challenge is answered within this time, or asked again. */
const CHALLENGE_MS = 2000;
/** Datagrams in a row, and how many more each second. */
const BURST = 100;
const PER_SECOND = 50;
/** Messages that may overtake each other. */
const WINDOW = 64n;

type From = Pick<NeighbourMessage, 'from' | 'boot'>;

/** Which numbers of a run were taken: the highest, and the ones below it as bits. */
interface Taken {
  highest: number;
  below: bigint;
}

interface Pending {
  readonly challenge: string;
  readonly sinceMs: number;
  readonly held: readonly { readonly ride: RideMessage; readonly atMs: number }[];
}

/** Makes them; nobody is known yet. */
export function createPeers(deps: PeersDeps): Peers {
  const { deviceId, boot, key, random, nowMs } = deps;
  const known = new Map<string, Taken>();
  const pending = new Map<string, Pending>();
  const counters: PeerCounters = { ridesHeard: 0, dropped: 0 };
  let n = 0;
  let budget = BURST;
  let budgetAtMs = nowMs();

  const nameOf = ({ from, boot: run }: From): string => `${from} ${run}`;
  const head = () => ({ v: 1 as const, from: deviceId, boot, n: n++ });
  const say = (message: NeighbourMessage) => deps.send(sealMessage(message, key, random(12)));

  /** A flood costs no more than this many openings. */
  function affordable(): boolean {
    const atMs = nowMs();
    budget = Math.min(BURST, budget + ((atMs - budgetAtMs) * PER_SECOND) / 1000);
    budgetAtMs = atMs;
    if (budget < 1) return false;
    budget -= 1;
    return true;
  }

  function heard(ride: RideMessage, heldMs: number): void {
    counters.ridesHeard++;
    const { tokenId, formerTokenId, epoch, seq, ageMs, companions } = ride;
    const former = formerTokenId === undefined ? {} : { formerTokenId };
    deps.onRide({ tokenId, ...former, epoch, seq, ageMs: ageMs + Math.round(heldMs), companions });
  }

  function ride(message: RideMessage): boolean {
    const name = nameOf(message);
    const taken = known.get(name);
    if (taken) {
      if (!take(taken, message.n)) return false;
      heard(message, 0);
      return true;
    }
    const atMs = nowMs();
    const before = pending.get(name);
    const asked = before !== undefined && atMs - before.sinceMs < CHALLENGE_MS;
    const held = [...(before?.held ?? []).slice(1 - HELD_MAX), { ride: message, atMs }];
    if (asked) {
      pending.set(name, { ...before, held });
      return true;
    }
    if (!before && pending.size >= PENDING_MAX) pending.delete(pending.keys().next().value as string);
    const challenge = Buffer.from(random(16)).toString('hex');
    pending.set(name, { challenge, sinceMs: atMs, held });
    say({ ...head(), kind: 'who', to: message.from, challenge });
    return true;
  }

  function here(message: NeighbourMessage & { kind: 'here' }): boolean {
    const name = nameOf(message);
    const wait = pending.get(name);
    if (message.to !== deviceId || wait?.challenge !== message.challenge) return false;
    pending.delete(name);
    if (known.size >= KNOWN_MAX) known.delete(known.keys().next().value as string);
    const taken: Taken = { highest: message.n, below: 0n };
    known.set(name, taken);
    const atMs = nowMs();
    for (const { ride: held, atMs: heldAtMs } of wait.held)
      if (take(taken, held.n)) heard(held, atMs - heldAtMs);
    return true;
  }

  function believe(message: NeighbourMessage): boolean {
    if (message.from === deviceId) return false;
    switch (message.kind) {
      case 'ride':
        return ride(message);
      case 'here':
        return here(message);
      case 'who':
        if (message.to === deviceId)
          say({ ...head(), kind: 'here', to: message.from, challenge: message.challenge });
        return true;
      case 'ask':
        say({ ...head(), kind: 'answer', question: message.question, ...deps.answer(message) });
        return true;
      case 'answer':
        return true; // to an inspector
    }
  }

  return {
    counters,
    receive(datagram) {
      const message = affordable() ? openMessage(datagram, key) : undefined;
      if (message === undefined || !believe(message)) counters.dropped++;
    },
    rode: (mine) => say({ ...head(), kind: 'ride', ...mine }),
  };
}

/** Takes a number once. One that is older than the window is taken for a repetition. */
function take(taken: Taken, n: number): boolean {
  if (n > taken.highest) {
    const ahead = BigInt(n - taken.highest);
    taken.below =
      ahead > WINDOW ? 0n : ((taken.below << ahead) | (1n << (ahead - 1n))) & ((1n << WINDOW) - 1n);
    taken.highest = n;
    return true;
  }
  const behind = BigInt(taken.highest - n);
  if (behind === 0n || behind > WINDOW) return false;
  const bit = 1n << (behind - 1n);
  if ((taken.below & bit) !== 0n) return false;
  taken.below |= bit;
  return true;
}
