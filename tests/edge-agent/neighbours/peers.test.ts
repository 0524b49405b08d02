import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { LiveKeys, SealingKey } from '../../../edge-agent/neighbours/network-keys.ts';
import {
  createPeers,
  type Peers,
  type Ride,
  type RideElsewhere,
} from '../../../edge-agent/neighbours/peers.ts';
import { type AskMessage, openMessage, sealMessage } from '../../../edge-agent/neighbours/wire.ts';

const keyOf = (version = 1): SealingKey => ({ version, key: randomBytes(32) });
const only = (key: SealingKey): LiveKeys => ({ accepted: [key], sealing: key });
const key = keyOf();
const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
const RIDE: Ride = { tokenId: `k1.${hex(16)}`, epoch: hex(16), seq: 5, ageMs: 0, companions: 0 };

/** Devices on one network; everything that was sent is kept. */
function network() {
  let nowMs = 1000;
  const doors: { id: string; peers: Peers; rides: RideElsewhere[]; met: string[]; answered: number }[] = [];
  const air: Buffer[] = [];
  const deliver = (datagram: Uint8Array, from: string) => {
    air.push(Buffer.from(datagram));
    for (const door of doors) if (door.id !== from) door.peers.receive(datagram, from);
  };
  return {
    air,
    pass: (ms: number) => {
      nowMs += ms;
    },
    /** The last message that was sent. */
    last: (live: LiveKeys = only(key)) => openMessage(air.at(-1) as Buffer, live.accepted)?.message,
    door(id: string, options: { keys?: LiveKeys; mute?: () => boolean } = {}) {
      const rides: RideElsewhere[] = [];
      const met: string[] = [];
      const door = { id, rides, met, answered: 0 } as unknown as (typeof doors)[number];
      door.peers = createPeers({
        deviceId: id,
        boot: hex(16),
        keys: () => options.keys ?? only(key),
        random: randomBytes,
        nowMs: () => nowMs,
        send: (datagram) => {
          if (options.mute?.()) air.push(Buffer.from(datagram));
          else deliver(datagram, id);
        },
        onRide: (ride) => void rides.push(ride),
        onMet: (deviceId) => void met.push(deviceId),
        answer: () => {
          door.answered++;
          return { rides: [], outOfOrder: [], knowsSinceAgeMs: 7 };
        },
      });
      doors.push(door);
      return door;
    },
    leave: (id: string) =>
      doors.splice(
        doors.findIndex((door) => door.id === id),
        1,
      ),
  };
}

/** A device of which only the datagrams are there, with a monotonic clock of its own. */
function sender(from: string, source = from) {
  const boot = hex(16);
  let n = 0;
  const head = (sentMs: number, number = n++) => ({ v: 1 as const, from, boot, n: number, sentMs });
  return {
    source,
    ride: (sentMs: number, change: Partial<Ride> = {}, number?: number) =>
      sealMessage({ ...head(sentMs, number), kind: 'ride', ...RIDE, ...change }, key, randomBytes(12)),
    here: (sentMs: number, to: string, challenge: string, number?: number) =>
      sealMessage({ ...head(sentMs, number), kind: 'here', to, challenge }, key, randomBytes(12)),
  };
}

/** Makes a door meet a sender whose clock stands at `sentMs`. */
function meet(
  net: ReturnType<typeof network>,
  door: { peers: Peers },
  from: ReturnType<typeof sender>,
  sentMs: number,
) {
  const who = net.last();
  if (who?.kind !== 'who') throw new Error('no challenge');
  door.peers.receive(from.here(sentMs, 'val-2', who.challenge), from.source);
}

describe('a ride at one door', () => {
  it('is heard at the others, also the very first of a run', () => {
    const net = network();
    const [one, two, three] = ['val-1', 'val-2', 'val-3'].map((id) => net.door(id));
    one?.peers.rode(RIDE);
    one?.peers.rode({ ...RIDE, seq: 6, bags: 2 });
    for (const door of [two, three])
      expect(door?.rides.map(({ deviceId, seq, bags }) => [deviceId, seq, bags])).toEqual([
        ['val-1', 5, undefined],
        ['val-1', 6, 2],
      ]);
    expect(one?.rides).toEqual([]);
  });

  it('is as old as it was, with the time that the challenge took, which may count twice', () => {
    const net = network();
    const two = net.door('val-2');
    const one = sender('val-1');
    two.peers.receive(one.ride(7000, { ageMs: 40 }), one.source);
    net.pass(25);
    meet(net, two, one, 7025);
    expect(two.rides).toEqual([{ ...RIDE, deviceId: 'val-1', ageMs: 40 + 25 + 25 }]);
  });

  it('that was held back on the way is as old as it is, by the clock of its sender', () => {
    const net = network();
    const two = net.door('val-2');
    const one = sender('val-1');
    two.peers.receive(one.ride(7000), one.source);
    meet(net, two, one, 7000);
    const heldBack = one.ride(7500, { seq: 6 });
    net.pass(90_000);
    two.peers.receive(heldBack, one.source);
    two.peers.receive(one.ride(97_000, { seq: 7 }), one.source);
    expect(two.rides.map(({ seq, ageMs }) => [seq, ageMs])).toEqual([
      [5, 0],
      [6, 89_500],
      [7, 0],
    ]);
  });

  it('is believed by clocks that were tied to each other of late, and no answer that was held back ties them', () => {
    const net = network();
    const two = net.door('val-2');
    const one = sender('val-1');
    two.peers.receive(one.ride(7000), one.source);
    meet(net, two, one, 7000);
    net.pass(600_000);
    // Ten minutes on, the clock of the sender has lost a second; held back is nothing.
    two.peers.receive(one.ride(606_000, { seq: 6 }), one.source);
    expect(two.rides).toHaveLength(1);
    const asked = net.last();
    if (asked?.kind !== 'who') throw new Error('no challenge');
    net.pass(2000);
    two.peers.receive(one.here(606_000, 'val-2', asked.challenge), one.source);
    expect(two.rides).toHaveLength(1);
    two.peers.receive(one.ride(608_000, { seq: 7 }), one.source);
    meet(net, two, one, 608_000);
    expect(two.rides.slice(1).map(({ seq, ageMs }) => [seq, ageMs])).toEqual([
      [6, 2000],
      [7, 0],
    ]);
  });

  it('counts once, however often the datagram is sent again, also after the clocks were tied anew', () => {
    const net = network();
    const one = net.door('val-1');
    const two = net.door('val-2');
    one.peers.rode(RIDE);
    one.peers.rode({ ...RIDE, seq: 6 });
    for (const datagram of [...net.air]) two.peers.receive(datagram, 'val-1');
    expect(two.rides).toHaveLength(2);
    net.pass(600_000);
    one.peers.rode({ ...RIDE, seq: 7 });
    for (const datagram of [...net.air]) two.peers.receive(datagram, 'val-1');
    expect(two.rides.map(({ seq }) => seq)).toEqual([5, 6, 7]);
  });

  it('of a run that is over is not believed again: nobody answers the challenge', () => {
    const net = network();
    net.door('val-1').peers.rode(RIDE);
    const recorded = [...net.air];
    net.leave('val-1');
    net.door('val-1'); // the same device, started anew
    const two = net.door('val-2');
    for (const datagram of recorded) two.peers.receive(datagram, 'val-1');
    expect(two.rides).toEqual([]);
  });

  it('may overtake another one, within a window', () => {
    const net = network();
    const two = net.door('val-2');
    const one = sender('val-1');
    const message = (n: number) => one.ride(7000, { seq: n + 1 }, n);
    two.peers.receive(message(100), one.source);
    const who = net.last();
    if (who?.kind !== 'who') throw new Error('no challenge');
    two.peers.receive(one.here(7000, 'val-2', who.challenge, 101), one.source);
    for (const n of [99, 103, 102, 102, 103, 37, 36]) two.peers.receive(message(n), one.source);
    // 37 and 36 are further behind 103 than messages overtake each other.
    expect(two.rides.map(({ seq }) => seq - 1)).toEqual([100, 99, 103, 102]);
  });
});

describe('a device that is there', () => {
  it('is met by its greeting, without a ride, and each time anew', () => {
    const net = network();
    const [one, two] = [net.door('val-1'), net.door('val-2')];
    one.peers.hello();
    expect(two.met).toContain('val-1');
    expect(two.rides).toEqual([]);
    two.met.length = 0;
    one.peers.hello();
    expect(two.met).toEqual(['val-1']);
  });

  it('is not met by a greeting of yesterday', () => {
    const net = network();
    net.door('val-1').peers.hello();
    const recorded = [...net.air];
    net.leave('val-1');
    const two = net.door('val-2');
    for (const datagram of recorded) two.peers.receive(datagram, 'val-1');
    expect(two.met).toEqual([]);
  });
});

describe('what is not believed', () => {
  it('a device of another vehicle is not heard, and does not hear', () => {
    const net = network();
    const one = net.door('val-1');
    const stranger = net.door('val-9', { keys: only(keyOf()) });
    one.peers.rode(RIDE);
    stranger.peers.rode(RIDE);
    expect([one.rides, stranger.rides]).toEqual([[], []]);
    expect(one.peers.counters.dropped).toBe(1);
  });

  it('many runs that never answer leave room for one that does', () => {
    const net = network();
    const two = net.door('val-2');
    for (let n = 0; n < 60; n++) {
      net.pass(1000);
      const ghost = sender(`ghost-${n}`);
      two.peers.receive(ghost.ride(0), ghost.source);
    }
    net.door('val-1').peers.rode(RIDE);
    expect(two.rides).toHaveLength(1);
  });
});

describe('a flood', () => {
  it('from one address is dropped unopened; another address is heard meanwhile, also for the first time', () => {
    const net = network();
    const one = net.door('val-1');
    const two = net.door('val-2');
    for (let n = 0; n < 10_000; n++) two.peers.receive(randomBytes(60), 'flood');
    one.peers.rode(RIDE);
    expect(two.rides.map(({ seq }) => seq)).toEqual([5]);
    expect(two.peers.counters.dropped).toBeGreaterThanOrEqual(10_000);
  });

  it('from many addresses drowns strangers, and no device that is known', () => {
    const net = network();
    const one = net.door('val-1');
    const two = net.door('val-2');
    one.peers.rode(RIDE);
    for (let n = 0; n < 10_000; n++) two.peers.receive(randomBytes(60), `flood-${n}`);
    one.peers.rode({ ...RIDE, seq: 6 });
    const three = net.door('val-3');
    three.peers.rode({ ...RIDE, seq: 7 });
    expect(two.rides.map(({ seq }) => seq)).toEqual([5, 6]);
    net.pass(2000);
    three.peers.rode({ ...RIDE, seq: 8 });
    expect(two.rides.map(({ seq }) => seq)).toEqual(expect.arrayContaining([8]));
  });

  it('of recorded datagrams makes no address a known one', () => {
    const net = network();
    const one = net.door('val-1');
    const two = net.door('val-2');
    one.peers.rode(RIDE);
    const recorded = [...net.air];
    const opened = () => two.peers.counters.dropped;
    for (let n = 0; n < 40; n++) for (const datagram of recorded) two.peers.receive(datagram, 'echo');
    const before = opened();
    // Had `echo` become known, its budget would be its own and larger.
    for (let n = 0; n < 500; n++) two.peers.receive(randomBytes(60), 'echo');
    expect(opened() - before).toBe(500);
    one.peers.rode({ ...RIDE, seq: 6 });
    expect(two.rides.map(({ seq }) => seq)).toEqual([5, 6]);
  });

  it('of one recorded question costs so many answers and no more', () => {
    const net = network();
    const two = net.door('val-2');
    const question = hex(16);
    const ask: AskMessage = {
      ...{ v: 1, from: 'ins-1', boot: hex(16), n: 0, sentMs: 0, kind: 'ask' },
      ...{ question, tokenIds: [RIDE.tokenId], sinceAgeMs: 5 },
    };
    const asked = sealMessage(ask, key, randomBytes(12));
    for (let n = 0; n < 1000; n++) two.peers.receive(asked, `echo-${n % 9}`);
    expect(two.answered).toBe(20);
    net.pass(1000);
    for (let n = 0; n < 1000; n++) two.peers.receive(asked, `echo-${n % 9}`);
    expect(two.answered).toBe(30);
  });
});

describe('while the key is followed by the next', () => {
  const next = keyOf(2);
  const both: LiveKeys = { accepted: [key, next], sealing: key };

  it('devices with both keys and with the old one alone hear each other', () => {
    const net = network();
    const old = net.door('val-1');
    const fresh = net.door('val-2', { keys: both });
    old.peers.rode(RIDE);
    fresh.peers.rode({ ...RIDE, seq: 6 });
    expect(fresh.rides.map(({ seq }) => seq)).toEqual([5]);
    expect(old.rides.map(({ seq }) => seq)).toEqual([6]);
  });

  it('one that has gone over is heard by one that has not yet, and challenged by its own key', () => {
    const net = network();
    const ahead = net.door('val-1', { keys: only(next) });
    const behind = net.door('val-2', { keys: both });
    ahead.peers.rode(RIDE);
    expect(behind.rides.map(({ seq }) => seq)).toEqual([5]);
  });
});

it('an inspector is answered with the question it asked, by the key it asked with', () => {
  const net = network();
  const question = hex(16);
  const ask: AskMessage = {
    ...{ v: 1, from: 'ins-1', boot: hex(16), n: 0, sentMs: 0, kind: 'ask' },
    ...{ question, tokenIds: [RIDE.tokenId], sinceAgeMs: 5 },
  };
  const next = keyOf(2);
  const two = net.door('val-2', { keys: { accepted: [key, next], sealing: key } });
  for (const asking of [key, next]) {
    two.peers.receive(sealMessage(ask, asking, randomBytes(12)), 'ins');
    expect(net.last(only(asking))).toMatchObject({
      kind: 'answer',
      from: 'val-2',
      question,
      knowsSinceAgeMs: 7,
    });
  }
});
