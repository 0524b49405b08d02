import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vehicleKeyOf } from '#contracts/vehicle-key.ts';
import {
  ANSWER_ITEMS_MAX,
  ANSWER_PEERS_MAX,
  type AnswerMessage,
  DATAGRAM_BYTES_MAX,
  type NeighbourMessage,
  openMessage,
  type RideMessage,
  sealMessage,
} from '../../../edge-agent/neighbours/wire.ts';

const hex = (byte: string): string => byte.repeat(16);
const city = randomBytes(32);
const key = { version: 1, key: vehicleKeyOf(city, 'bus-12') };
const keys = [key];
const HEAD = { boot: hex('aa'), n: 0, sentMs: 0 };
const nonce = () => randomBytes(12);

const RIDE: RideMessage = {
  v: 1,
  from: 'val-1',
  boot: hex('ab'),
  n: 7,
  sentMs: 5,
  kind: 'ride',
  tokenId: `k1.${hex('cd')}`,
  epoch: hex('ef'),
  seq: 12,
  ageMs: 3,
  companions: 0,
};
const LONGEST_ID = `v${'x'.repeat(62)}`;
const ANSWER: AnswerMessage = {
  v: 1,
  from: LONGEST_ID,
  boot: hex('ab'),
  n: Number.MAX_SAFE_INTEGER,
  sentMs: Number.MAX_SAFE_INTEGER,
  kind: 'answer',
  question: hex('01'),
  rides: Array.from({ length: ANSWER_ITEMS_MAX }, () => ({
    deviceId: LONGEST_ID,
    epoch: hex('ef'),
    seq: Number.MAX_SAFE_INTEGER,
    ageMs: 366 * 86_400_000,
    companions: 20,
    bags: 20,
  })),
  outOfOrder: Array.from({ length: ANSWER_ITEMS_MAX }, () => ({
    fromAgeMs: 366 * 86_400_000,
    untilAgeMs: 366 * 86_400_000,
  })),
  peers: Array.from({ length: ANSWER_PEERS_MAX }, () => LONGEST_ID),
  knowsSinceAgeMs: 366 * 86_400_000,
};

describe('a message between devices of one vehicle', () => {
  it.each<[string, NeighbourMessage]>([
    ['a ride', RIDE],
    ['the longest answer', ANSWER],
    [
      'a question',
      {
        v: 1,
        from: 'ins-1',
        boot: hex('aa'),
        n: 0,
        sentMs: 0,
        kind: 'ask',
        question: hex('02'),
        tokenIds: [RIDE.tokenId],
        sinceAgeMs: 5,
      },
    ],
    ['hello', { v: 1, from: 'val-2', ...HEAD, kind: 'hello' }],
    ['who', { v: 1, from: 'val-2', ...HEAD, kind: 'who', to: 'val-1', challenge: hex('03') }],
    ['here', { v: 1, from: 'val-1', ...HEAD, kind: 'here', to: 'val-2', challenge: hex('03') }],
  ])('%s comes out as it went in, within one frame', (_what, message) => {
    const datagram = sealMessage(message, key, nonce());
    expect(datagram.length).toBeLessThanOrEqual(DATAGRAM_BYTES_MAX);
    expect(openMessage(datagram, keys)).toEqual({ message, key });
  });

  it('shows nothing of the token to who listens', () => {
    expect(sealMessage(RIDE, key, nonce()).toString('latin1')).not.toContain('cdcd');
  });

  it('is nothing under the key of another vehicle or another city', () => {
    const datagram = sealMessage(RIDE, key, nonce());
    const other = (bytes: Buffer) => [{ version: 1, key: bytes }];
    expect(openMessage(datagram, other(vehicleKeyOf(city, 'bus-13')))).toBeUndefined();
    expect(openMessage(datagram, other(vehicleKeyOf(randomBytes(32), 'bus-12')))).toBeUndefined();
  });

  it('is opened by the version that sealed it, and by no other that is live', () => {
    const next = { version: 2, key: vehicleKeyOf(randomBytes(32), 'bus-12') };
    expect(openMessage(sealMessage(RIDE, key, nonce()), [next, key])?.key).toBe(key);
    expect(openMessage(sealMessage(RIDE, next, nonce()), [next, key])?.key).toBe(next);
    expect(openMessage(sealMessage(RIDE, key, nonce()), [next])).toBeUndefined();
    // The version is part of what is sealed.
    expect(openMessage(sealMessage(RIDE, key, nonce()), [{ ...key, version: 2 }])).toBeUndefined();
  });

  it('is nothing with any one bit changed, or cut anywhere', () => {
    const datagram = sealMessage(RIDE, key, nonce());
    for (let bit = 0; bit < datagram.length * 8; bit++) {
      const changed = Buffer.from(datagram);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(openMessage(changed, keys), `bit ${bit}`).toBeUndefined();
    }
    for (let length = 0; length < datagram.length; length++)
      expect(openMessage(datagram.subarray(0, length), keys), `${length} bytes`).toBeUndefined();
  });

  it('is nothing when what was sealed is no message', () => {
    const wrong = [{ ...RIDE, v: 2 }, { ...RIDE, seq: -1 }, { ...RIDE, kind: 'other' }, null, 'ride', []];
    for (const message of wrong)
      expect(openMessage(sealMessage(message as never, key, nonce()), keys)).toBeUndefined();
  });

  it('garbage of any length is nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500 }), (bytes) => {
        expect(openMessage(bytes, keys)).toBeUndefined();
        expect(openMessage(Buffer.concat([Buffer.from('4b4e020001', 'hex'), bytes]), keys)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it('a message that does not fit is refused before it is sent', () => {
    const rides = Array.from({ length: 20 }, () => ANSWER.rides[0]) as AnswerMessage['rides'];
    expect(() => sealMessage({ ...ANSWER, rides }, key, nonce())).toThrow(RangeError);
  });
});
