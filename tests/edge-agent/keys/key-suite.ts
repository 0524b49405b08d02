/** What every key provider must do, whatever holds the keys. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { CardKey, SecureChannel } from '../../../edge-agent/desfire/card-key.ts';
import { Ev2Channel, ev2SessionKeys } from '../../../edge-agent/desfire/ev2-channel.ts';
import { type KeyProvider, tokenOf, UnknownKey } from '../../../edge-agent/keys/key-provider.ts';

/** Keys that the provider under test must hold: `token` in two versions, `pan-token` in one. */
export const TEST_TOKEN_KEYS = {
  token: new Map([
    [1, Buffer.alloc(32, 0x11)],
    [2, Buffer.alloc(32, 0x22)],
  ]),
  'pan-token': new Map([[7, Buffer.alloc(32, 0x77)]]),
} as const;

/** Card keys that the provider under test must hold. */
export const TEST_CARD_KEYS = {
  'desfire-read': new Map([
    [4, Buffer.from('00112233445566778899aabbccddeeff', 'hex')],
    [5, Buffer.alloc(16, 0x55)],
  ]),
  'desfire-log': new Map([[4, Buffer.alloc(16, 0x44)]]),
} as const;

/** Of NXP's note AN10922: input, and key of `desfire-read` version 4 with it. */
const DIVERSIFIED = {
  input: Buffer.from('04782e21801d803042f54e585020416275', 'hex'),
  key: Buffer.from('a8dd63a3b89d54b37ca802473fda9175', 'hex'),
} as const;

const NONE = Buffer.alloc(0);
const cbc = (key: Uint8Array, data: Uint8Array): Buffer =>
  createCipheriv('aes-128-cbc', key, Buffer.alloc(16)).setAutoPadding(false).update(data);
const uncbc = (key: Uint8Array, data: Uint8Array): Buffer =>
  createDecipheriv('aes-128-cbc', key, Buffer.alloc(16)).setAutoPadding(false).update(data);
const turned = (bytes: Buffer): Buffer => Buffer.concat([bytes.subarray(1), bytes.subarray(0, 1)]);

/** The card's side of a handshake, from the rules. `spoil` changes the last answer. */
async function shakeHands(
  key: CardKey,
  bytes: Uint8Array,
  within?: { channel: SecureChannel; place: { ti: Buffer; counter: number } },
  spoil = false,
): Promise<{ channel: SecureChannel | undefined; twin: Ev2Channel; place: { ti: Buffer; counter: number } }> {
  const handshake = key.begin(within ? 'ev2-non-first' : 'ev2-first', 1, within?.channel);
  const rndB = randomBytes(16);
  const answered = uncbc(bytes, await handshake.answer(cbc(bytes, rndB)));
  const rndA = answered.subarray(0, 16);
  expect(answered.subarray(16)).toEqual(turned(rndB));
  const place = within?.place ?? { ti: randomBytes(4), counter: 0 };
  const proof = within ? turned(rndA) : Buffer.concat([place.ti, turned(rndA), Buffer.alloc(12)]);
  const sent = cbc(bytes, proof);
  if (spoil) sent[0] = (sent[0] as number) ^ 1;
  const channel = await handshake.finish(sent);
  return { channel, twin: new Ev2Channel(1, { ...ev2SessionKeys(bytes, rndA, rndB), ...place }), place };
}

/** The part of the suite that opens sessions with cards: what goes over the air must be what the rules say. */
export function cardKeySuite(make: () => KeyProvider | Promise<KeyProvider>): void {
  const write = {
    ins: 0x8d,
    header: Buffer.of(2, 0, 0, 0, 3, 0, 0),
    data: Buffer.of(1, 2, 3),
    macSent: true,
  } as const;

  describe('card keys', () => {
    test('versions come newest first', async () => {
      expect((await make()).versions('desfire-read')).toEqual([5, 4]);
      expect((await make()).versions('desfire-log')).toEqual([4]);
    });
    test.each(['plain', 'mac', 'full'] as const)('a command in mode %s, and its answer', async (mode) => {
      const key = await (await make()).cardKey('desfire-read', 4, DIVERSIFIED.input);
      const { channel, twin } = await shakeHands(key, DIVERSIFIED.key);
      if (!channel) throw new Error('the card was not believed');
      expect(Buffer.from(await channel.protect({ ...write, mode }))).toEqual(
        Buffer.from(twin.protect({ ...write, mode })),
      );
      if (mode === 'plain') return;
      // An answer without data: its MAC is that of an empty command with code 0 under the next counter.
      twin.open(NONE, { mode: 'plain', bytes: 0 });
      const mac = Buffer.from(
        twin.protect({ ins: 0x00, header: NONE, data: NONE, mode: 'mac', macSent: true }),
      );
      expect(await channel.open(mac, { mode, bytes: 0 })).toEqual(NONE);
    });
    test('an answer with data is opened; a changed one is not', async () => {
      const data = Buffer.from('some data on a card');
      for (const spoil of [false, true]) {
        const key = await (await make()).cardKey('desfire-read', 5, null);
        const { channel, twin } = await shakeHands(key, TEST_CARD_KEYS['desfire-read'].get(5) as Buffer);
        await channel?.protect({ ...write, data: NONE, mode: 'mac' });
        twin.open(NONE, { mode: 'plain', bytes: 0 });
        const answer = Buffer.from(
          twin.protect({ ins: 0x00, header: NONE, data, mode: 'mac', macSent: true }),
        );
        if (spoil) answer[3] = (answer[3] as number) ^ 1;
        expect(await channel?.open(answer, { mode: 'mac', bytes: data.length })).toEqual(
          spoil ? undefined : data,
        );
      }
    });
    test('another key goes on within the transaction', async () => {
      const keys = await make();
      const first = await shakeHands(
        await keys.cardKey('desfire-read', 4, DIVERSIFIED.input),
        DIVERSIFIED.key,
      );
      if (!first.channel) throw new Error('the card was not believed');
      await first.channel.protect({ ...write, mode: 'plain' });
      await first.channel.open(NONE, { mode: 'plain', bytes: 0 });
      const within = { channel: first.channel, place: { ...first.place, counter: 1 } };
      const log = await keys.cardKey('desfire-log', 4, null);
      const { channel, twin } = await shakeHands(log, TEST_CARD_KEYS['desfire-log'].get(4) as Buffer, within);
      expect(Buffer.from((await channel?.protect({ ...write, mode: 'full' })) ?? NONE)).toEqual(
        Buffer.from(twin.protect({ ...write, mode: 'full' })),
      );
    });
    test('a card without the key gets no session', async () => {
      const key = await (await make()).cardKey('desfire-read', 4, DIVERSIFIED.input);
      expect((await shakeHands(key, DIVERSIFIED.key, undefined, true)).channel).toBeUndefined();
    });
    test.each([
      ['desfire-read', 6],
      ['nobody', 1],
    ] as const)('%s version %i is not there', async (name, version) => {
      await expect((await make()).cardKey(name, version, null)).rejects.toThrow(UnknownKey);
    });
  });
}

/** The part of the suite that asks for tokens. */
export function tokenKeySuite(make: () => KeyProvider): void {
  const MESSAGE = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

  describe('token keys', () => {
    test('versions come newest first; an unknown name has none', () => {
      const keys = make();
      expect(keys.versions('token')).toEqual([2, 1]);
      expect(keys.versions('pan-token')).toEqual([7]);
      expect(keys.versions('nobody')).toEqual([]);
    });
    test.each([1, 2] as const)('a MAC under version %i is HMAC-SHA256 under its key', async (version) => {
      const expected = createHmac('sha256', TEST_TOKEN_KEYS.token.get(version) as Buffer)
        .update(MESSAGE)
        .digest();
      expect(Buffer.from(await make().tokenMac('token', version, MESSAGE))).toEqual(expected);
      expect(await tokenOf(make(), { name: 'token', version }, MESSAGE)).toBe(
        `k${version}.${expected.toString('hex').slice(0, 32)}`,
      );
    });
    test.each([
      ['token', 3],
      ['nobody', 1],
    ] as const)('%s version %i is not there', async (name, version) => {
      await expect(make().tokenMac(name, version, MESSAGE)).rejects.toThrow(UnknownKey);
    });
  });
}
