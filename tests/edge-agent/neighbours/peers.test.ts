import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createPeers, type Peers, type Ride } from '../../../edge-agent/neighbours/peers.ts';
import {
  type AskMessage,
  openMessage,
  sealMessage,
  vehicleKeyOf,
} from '../../../edge-agent/neighbours/wire.ts';

const key = vehicleKeyOf(randomBytes(32), 'bus-12');
const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
const RIDE: Ride = { tokenId: `k1.${hex(16)}`, epoch: hex(16), seq: 5, ageMs: 0, companions: 0 };

/** Devices on one network; everything that was sent is kept. */
function network() {
  let nowMs = 1000;
  const doors: { id: string; peers: Peers; rides: Ride[] }[] = [];
  const air: Buffer[] = [];
  const deliver = (datagram: Uint8Array, from: string) => {
    air.push(Buffer.from(datagram));
    for (const door of doors) if (door.id !== from) door.peers.receive(datagram);
  };
  return {
    air,
    pass: (ms: number) => {
      nowMs += ms;
    },
    door(id: string, options: { key?: Buffer; mute?: boolean } = {}) {
      const rides: Ride[] = [];
      const peers = createPeers({
        deviceId: id,
        boot: hex(16),
        key: options.key ?? key,
        random: randomBytes,
        nowMs: () => nowMs,
        send: (datagram) => {
          if (!options.mute) deliver(datagram, id);
        },
        onRide: (ride) => void rides.push(ride),
        answer: () => ({ rides: [], outOfOrder: [], knowsSinceAgeMs: 7 }),
      });
      const door = { id, peers, rides };
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

describe('a ride at one door', () => {
  it('is heard at the others, also the very first of a run', () => {
    const net = network();
    const [one, two, three] = ['val-1', 'val-2', 'val-3'].map((id) => net.door(id));
    one?.peers.rode(RIDE);
    one?.peers.rode({ ...RIDE, seq: 6 });
    for (const door of [two, three]) expect(door?.rides.map(({ seq }) => seq)).toEqual([5, 6]);
    expect(one?.rides).toEqual([]);
  });

  it('is as old as it was, with the time that the challenge took', () => {
    const net = network();
    const one = net.door('val-1', { mute: true });
    const two = net.door('val-2');
    const ride = sealMessage(
      { v: 1, from: 'val-1', boot: hex(16), n: 0, kind: 'ride', ...RIDE, ageMs: 40 },
      key,
      randomBytes(12),
    );
    two.peers.receive(ride);
    const who = openMessage(net.air.at(-1) as Buffer, key);
    net.pass(25);
    if (who?.kind !== 'who') throw new Error('no challenge');
    const boot = (openMessage(ride, key) as { boot: string }).boot;
    two.peers.receive(
      sealMessage(
        { v: 1, from: 'val-1', boot, n: 1, kind: 'here', to: 'val-2', challenge: who.challenge },
        key,
        randomBytes(12),
      ),
    );
    expect(two.rides).toEqual([{ ...RIDE, ageMs: 65 }]);
    expect(one.rides).toEqual([]);
  });

  it('counts once, however often the datagram is sent again', () => {
    const net = network();
    const one = net.door('val-1');
    const two = net.door('val-2');
    one.peers.rode(RIDE);
    one.peers.rode({ ...RIDE, seq: 6 });
    for (const datagram of [...net.air]) two.peers.receive(datagram);
    expect(two.rides).toHaveLength(2);
  });

  it('of a run that is over is not believed again: nobody answers the challenge', () => {
    const net = network();
    net.door('val-1').peers.rode(RIDE);
    const recorded = [...net.air];
    net.leave('val-1');
    net.door('val-1'); // the same device, started anew
    const two = net.door('val-2');
    for (const datagram of recorded) two.peers.receive(datagram);
    expect(two.rides).toEqual([]);
  });

  it('may overtake another one, within a window', () => {
    const net = network();
    const boot = hex(16);
    const two = net.door('val-2');
    const message = (n: number) =>
      sealMessage({ v: 1, from: 'val-1', boot, n, kind: 'ride', ...RIDE, seq: n + 1 }, key, randomBytes(12));
    two.peers.receive(message(100));
    const who = openMessage(net.air.at(-1) as Buffer, key);
    if (who?.kind !== 'who') throw new Error('no challenge');
    two.peers.receive(
      sealMessage(
        { v: 1, from: 'val-1', boot, n: 101, kind: 'here', to: 'val-2', challenge: who.challenge },
        key,
        randomBytes(12),
      ),
    );
    for (const n of [99, 103, 102, 102, 103, 37, 36]) two.peers.receive(message(n));
    // 37 and 36 are further behind 103 than messages overtake each other.
    expect(two.rides.map(({ seq }) => seq - 1)).toEqual([100, 99, 103, 102]);
  });
});

describe('what is not believed', () => {
  it('a device of another vehicle is not heard, and does not hear', () => {
    const net = network();
    const one = net.door('val-1');
    const stranger = net.door('val-9', { key: vehicleKeyOf(randomBytes(32), 'bus-13') });
    one.peers.rode(RIDE);
    stranger.peers.rode(RIDE);
    expect([one.rides, stranger.rides]).toEqual([[], []]);
    expect(one.peers.counters.dropped).toBe(1);
  });

  it('a flood is dropped unopened, and afterwards rides are heard again', () => {
    const net = network();
    const one = net.door('val-1');
    const two = net.door('val-2');
    for (let n = 0; n < 10_000; n++) two.peers.receive(randomBytes(40));
    one.peers.rode(RIDE);
    expect(two.rides).toEqual([]);
    expect(two.peers.counters.dropped).toBeGreaterThanOrEqual(10_000);
    net.pass(2000);
    one.peers.rode({ ...RIDE, seq: 6 });
    expect(two.rides.map(({ seq }) => seq)).toContain(6);
  });

  it('many runs that never answer leave room for one that does', () => {
    const net = network();
    const two = net.door('val-2');
    for (let n = 0; n < 60; n++) {
      net.pass(1000);
      two.peers.receive(
        sealMessage(
          { v: 1, from: `ghost-${n}`, boot: hex(16), n: 0, kind: 'ride', ...RIDE },
          key,
          randomBytes(12),
        ),
      );
    }
    net.door('val-1').peers.rode(RIDE);
    expect(two.rides).toHaveLength(1);
  });
});

it('an inspector is answered with the question it asked', () => {
  const net = network();
  net.door('val-1');
  const question = hex(16);
  const ask: AskMessage = {
    v: 1,
    from: 'ins-1',
    boot: hex(16),
    n: 0,
    kind: 'ask',
    question,
    tokenIds: [RIDE.tokenId],
    sinceAgeMs: 5,
  };
  net.door('ins-1');
  const before = net.air.length;
  const asked = sealMessage(ask, key, randomBytes(12));
  net.door('val-2').peers.receive(asked);
  const answer = openMessage(net.air.at(before) as Buffer, key);
  expect(answer).toMatchObject({ kind: 'answer', from: 'val-2', question, knowsSinceAgeMs: 7 });
});
