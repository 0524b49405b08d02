/**
 * The other devices of this vehicle: what is believed of a datagram, and what is done with it. A run of a device is met by
 * a challenge first, so that a datagram of yesterday is none today; from then on each of its messages counts once, and is
 * as old as it is: its challenge has tied the run's clock to ours. No wall clock is compared: times are ages. Everything is
 * bounded, and nothing here can make a passenger wait.
 */
import { createBudget, createFloodGuard } from './flood-guard.ts';
import type { LiveKeys, SealingKey } from './network-keys.ts';
import {
  type AnswerMessage,
  type AskMessage,
  type HelloMessage,
  type NeighbourMessage,
  openMessage,
  type RideMessage,
  sealMessage,
} from './wire.ts';

/** A ride as this device knows it. */
export type Ride = Pick<
  RideMessage,
  'tokenId' | 'formerTokenId' | 'epoch' | 'seq' | 'ageMs' | 'companions' | 'bags'
>;

/** A ride at another door. */
export interface RideElsewhere extends Ride {
  readonly deviceId: string;
}

/** What an inspector is told. */
export type Answer = Pick<AnswerMessage, 'rides' | 'outOfOrder' | 'peers' | 'knowsSinceAgeMs'>;

export interface PeersDeps {
  readonly deviceId: string;
  /** This run of this device. */
  readonly boot: string;
  /** Keys of the vehicle's network as they hold now. */
  readonly keys: () => LiveKeys;
  /** Random bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** Monotonic real milliseconds. */
  readonly nowMs: () => number;
  /** To every neighbour; may lose it. */
  readonly send: (datagram: Uint8Array) => void;
  /** A neighbour has let somebody on. */
  readonly onRide: (ride: RideElsewhere) => void;
  /** A neighbour is there, or was so long ago. */
  readonly onMet: (deviceId: string, ageMs: number) => void;
  readonly answer: (ask: AskMessage) => Answer;
}

export interface Peers {
  /** `source`: the address from which it came, which nothing has proven. */
  receive(datagram: Uint8Array, source: string): void;
  /** Tells the others. */
  rode(ride: Ride): void;
  /** Tells the others that this device is there. */
  hello(): void;
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
/** A challenge is answered within this time, or asked again. So much at most an age is overestimated by. */
const CHALLENGE_MS = 2000;
/** So long two monotonic clocks stay tied to each other: a ten-thousandth of it is 60 ms. */
const TIED_MS = 600_000;
/** An answer costs a look into the journal: a recorded question that is sent again and again is not worth more. */
const ASKS = { burst: 20, perSecond: 10 };
/** Messages that may overtake each other. */
const WINDOW = 64n;

type From = Pick<NeighbourMessage, 'from' | 'boot'>;
/** What counts only when it is known to be of now. */
type Told = RideMessage | HelloMessage;

/** Which numbers of a run were taken: the highest, and the ones below it as bits. */
interface Taken {
  highest: number;
  below: bigint;
}

/** A moment by both clocks: what the run sent at `sentMs` was sent here not before `atMs`. */
interface Tie {
  readonly atMs: number;
  readonly sentMs: number;
}

interface Run {
  readonly taken: Taken;
  readonly tie: Tie;
}

interface Pending {
  readonly challenge: string;
  readonly sinceMs: number;
  readonly held: readonly Told[];
}

/** Makes them; nobody is known yet. */
export function createPeers(deps: PeersDeps): Peers {
  const { deviceId, boot, keys, random, nowMs } = deps;
  const known = new Map<string, Run>();
  const pending = new Map<string, Pending>();
  const counters: PeerCounters = { ridesHeard: 0, dropped: 0 };
  const guard = createFloodGuard(nowMs);
  const mayAnswer = createBudget(ASKS, nowMs);
  let n = 0;

  const nameOf = ({ from, boot: run }: From): string => `${from} ${run}`;
  const head = () => ({ v: 1 as const, from: deviceId, boot, n: n++, sentMs: Math.round(nowMs()) });
  const say = (message: NeighbourMessage, key: SealingKey) =>
    deps.send(sealMessage(message, key, random(12)));

  function believed(told: Told, tie: Tie): void {
    const heldBackMs = Math.max(0, Math.round(nowMs() - tie.atMs - (told.sentMs - tie.sentMs)));
    deps.onMet(told.from, heldBackMs);
    if (told.kind === 'hello') return;
    counters.ridesHeard++;
    const { tokenId, formerTokenId, epoch, seq, companions, bags } = told;
    const more = {
      ...(formerTokenId !== undefined && { formerTokenId }),
      ...(bags !== undefined && { bags }),
    };
    const ageMs = told.ageMs + heldBackMs;
    deps.onRide({ deviceId: told.from, tokenId, ...more, epoch, seq, ageMs, companions });
  }

  function hear(told: Told, key: SealingKey, source: string): boolean {
    const name = nameOf(told);
    const run = known.get(name);
    if (!run || nowMs() - run.tie.atMs >= TIED_MS) return challenge(told, key);
    if (!take(run.taken, told.n)) return false;
    guard.trust(source);
    believed(told, run.tie);
    return true;
  }

  /** Keeps a message until its sender has proven to be there. */
  function challenge(told: Told, key: SealingKey): boolean {
    const name = nameOf(told);
    const before = pending.get(name);
    const held = [...(before?.held ?? []).slice(1 - HELD_MAX), told];
    if (before && nowMs() - before.sinceMs < CHALLENGE_MS) {
      pending.set(name, { ...before, held });
      return true;
    }
    if (!before && pending.size >= PENDING_MAX) pending.delete(pending.keys().next().value as string);
    const asked = Buffer.from(random(16)).toString('hex');
    pending.set(name, { challenge: asked, sinceMs: nowMs(), held });
    say({ ...head(), kind: 'who', to: told.from, challenge: asked }, key);
    return true;
  }

  function here(message: NeighbourMessage & { kind: 'here' }, source: string): boolean {
    const name = nameOf(message);
    const wait = pending.get(name);
    if (message.to !== deviceId || wait?.challenge !== message.challenge) return false;
    // One that was held back would tie the clocks wrongly.
    if (nowMs() - wait.sinceMs >= CHALLENGE_MS) return false;
    pending.delete(name);
    const before = known.get(name);
    const taken = before?.taken ?? { highest: message.n, below: 0n };
    if (before) take(taken, message.n);
    const tie = { atMs: wait.sinceMs, sentMs: message.sentMs };
    known.delete(name);
    if (known.size >= KNOWN_MAX) known.delete(known.keys().next().value as string);
    known.set(name, { taken, tie });
    guard.trust(source);
    deps.onMet(message.from, 0);
    for (const told of wait.held) if (take(taken, told.n)) believed(told, tie);
    return true;
  }

  function believe(message: NeighbourMessage, key: SealingKey, source: string): boolean {
    if (message.from === deviceId) return false;
    switch (message.kind) {
      case 'ride':
      case 'hello':
        return hear(message, key, source);
      case 'here':
        return here(message, source);
      case 'who':
        if (message.to === deviceId)
          say({ ...head(), kind: 'here', to: message.from, challenge: message.challenge }, key);
        return true;
      case 'ask':
        if (!mayAnswer()) return false;
        say({ ...head(), kind: 'answer', question: message.question, ...deps.answer(message) }, key);
        return true;
      case 'answer':
        return true; // to an inspector
    }
  }

  return {
    counters,
    receive(datagram, source) {
      const opened = guard.admits(source) ? openMessage(datagram, keys().accepted) : undefined;
      if (!opened || !believe(opened.message, opened.key, source)) counters.dropped++;
    },
    rode: (mine) => say({ ...head(), kind: 'ride', ...mine }, keys().sealing),
    hello: () => say({ ...head(), kind: 'hello' }, keys().sealing),
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
