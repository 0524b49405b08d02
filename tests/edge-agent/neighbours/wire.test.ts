import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ANSWER_ITEMS_MAX,
  type AnswerMessage,
  DATAGRAM_BYTES_MAX,
  type NeighbourMessage,
  openMessage,
  type RideMessage,
  sealMessage,
  vehicleKeyOf,
} from '../../../edge-agent/neighbours/wire.ts';

const hex = (byte: string): string => byte.repeat(16);
const city = randomBytes(32);
const key = vehicleKeyOf(city, 'bus-12');
const nonce = () => randomBytes(12);

const RIDE: RideMessage = {
  v: 1,
  from: 'val-1',
  boot: hex('ab'),
  n: 7,
  kind: 'ride',
  tokenId: `k1.${hex('cd')}`,
  epoch: hex('ef'),
  seq: 12,
  ageMs: 3,
  companions: 0,
};
const ANSWER: AnswerMessage = {
  v: 1,
  from: `v${'x'.repeat(30)}`,
  boot: hex('ab'),
  n: Number.MAX_SAFE_INTEGER,
  kind: 'answer',
  question: hex('01'),
  rides: Array.from({ length: ANSWER_ITEMS_MAX }, () => ({
    epoch: hex('ef'),
    seq: Number.MAX_SAFE_INTEGER,
    ageMs: 366 * 86_400_000,
    companions: 20,
  })),
  outOfOrder: Array.from({ length: ANSWER_ITEMS_MAX }, () => ({
    fromAgeMs: 366 * 86_400_000,
    untilAgeMs: 366 * 86_400_000,
  })),
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
        kind: 'ask',
        question: hex('02'),
        tokenIds: [RIDE.tokenId],
        sinceAgeMs: 5,
      },
    ],
    ['who', { v: 1, from: 'val-2', boot: hex('aa'), n: 0, kind: 'who', to: 'val-1', challenge: hex('03') }],
    ['here', { v: 1, from: 'val-1', boot: hex('aa'), n: 0, kind: 'here', to: 'val-2', challenge: hex('03') }],
  ])('%s comes out as it went in, within one frame', (_what, message) => {
    const datagram = sealMessage(message, key, nonce());
    expect(datagram.length).toBeLessThanOrEqual(DATAGRAM_BYTES_MAX);
    expect(openMessage(datagram, key)).toEqual(message);
  });

  it('shows nothing of the token to who listens', () => {
    expect(sealMessage(RIDE, key, nonce()).toString('latin1')).not.toContain('cdcd');
  });

  it('is nothing under the key of another vehicle or another city', () => {
    const datagram = sealMessage(RIDE, key, nonce());
    expect(openMessage(datagram, vehicleKeyOf(city, 'bus-13'))).toBeUndefined();
    expect(openMessage(datagram, vehicleKeyOf(randomBytes(32), 'bus-12'))).toBeUndefined();
  });

  it('is nothing with any one bit changed, or cut anywhere', () => {
    const datagram = sealMessage(RIDE, key, nonce());
    for (let bit = 0; bit < datagram.length * 8; bit++) {
      const changed = Buffer.from(datagram);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(openMessage(changed, key), `bit ${bit}`).toBeUndefined();
    }
    for (let length = 0; length < datagram.length; length++)
      expect(openMessage(datagram.subarray(0, length), key), `${length} bytes`).toBeUndefined();
  });

  it('is nothing when what was sealed is no message', () => {
    const wrong = [{ ...RIDE, v: 2 }, { ...RIDE, seq: -1 }, { ...RIDE, kind: 'other' }, null, 'ride', []];
    for (const message of wrong)
      expect(openMessage(sealMessage(message as never, key, nonce()), key)).toBeUndefined();
  });

  it('garbage of any length is nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500 }), (bytes) => {
        expect(openMessage(bytes, key)).toBeUndefined();
        expect(openMessage(Buffer.concat([Buffer.from('4b4e01', 'hex'), bytes]), key)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it('a message that does not fit is refused before it is sent', () => {
    const rides = Array.from({ length: 20 }, () => ANSWER.rides[0]) as AnswerMessage['rides'];
    expect(() => sealMessage({ ...ANSWER, rides }, key, nonce())).toThrow(RangeError);
  });
});
