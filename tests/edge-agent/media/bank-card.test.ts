import { createDecipheriv, createPublicKey, diffieHellman, hkdfSync, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadMedia } from '../../../edge-agent/adapters/load-media.ts';
import { realTimers } from '../../../edge-agent/adapters/timers.ts';
import type { KernelRequest } from '../../../edge-agent/emv/kernel.ts';
import { createBankCard } from '../../../edge-agent/media/bank-card.ts';
import { openCard } from '../../../edge-agent/media/read-medium.ts';
import type { CardFacts, CardReading, CardTransport } from '../../../edge-agent/ports.ts';
import { readObjects } from '../../../edge-agent/tlv.ts';
import { type BankCardKind, bankCard, TEST_PANS, TEST_PAR } from '../../../simulators/cards/emv/profiles.ts';
import { createVirtualCard, type VirtualCard } from '../../../simulators/cards/virtual-card.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { takeBankCards } from '../support/bank-folder.ts';
import { createTestCity, enrol } from '../support/edge-city.ts';

const city = createTestCity();
let folder: ReturnType<typeof tempFolder>;
beforeEach(() => {
  folder = tempFolder('bank');
  enrol(folder.path, city);
});
afterEach(() => folder.remove());

/** In memory of the reader's own, as every adapter hands answers over. */
function copied(card: VirtualCard, seen: Uint8Array[] = []): CardTransport {
  return {
    transmit: async (apdu) => {
      const answer = Uint8Array.from(await card.transmit(apdu));
      seen.push(answer);
      return answer;
    },
  };
}

async function read(card: VirtualCard, seen: Uint8Array[] = []): Promise<CardReading> {
  const opened = await openCard(copied(card, seen), loadMedia(folder.path), {
    timers: realTimers,
    timeMsMax: 2000,
  });
  opened.end();
  return opened.reading;
}

async function factsOf(kind: BankCardKind): Promise<CardFacts> {
  const reading = await read(bankCard(kind));
  if (!reading.ok || !('card' in reading)) throw new Error(JSON.stringify(reading));
  return reading.card;
}

/** What the acquirer sees. */
function opened(sealed: Buffer, privateKey: KeyObject): Buffer {
  const info = Buffer.from('kvytok bank v1\nacq-test');
  const raw = (key: KeyObject) => Buffer.from(key.export({ format: 'jwk' }).x as string, 'base64url');
  const theirs = sealed.subarray(1, 33);
  const ephemeral = createPublicKey({
    key: { kty: 'OKP', crv: 'X25519', x: theirs.toString('base64url') },
    format: 'jwk',
  });
  const shared = diffieHellman({ privateKey, publicKey: ephemeral });
  const salt = Buffer.concat([theirs, raw(createPublicKey(privateKey))]);
  const key = Buffer.from(hkdfSync('sha256', shared, salt, info, 32));
  const cipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(33, 45)).setAAD(info);
  cipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([cipher.update(sealed.subarray(45, -16)), cipher.final()]);
}

describe('a bank card at a validator', () => {
  it('is a medium with two tokens, a language, and data that only the acquirer can read', async () => {
    const acquirer = takeBankCards(folder.path);
    const card = await factsOf('mastercard');
    expect(card).toMatchObject({
      mediumKind: 'bank',
      language: 'uk',
      bank: { oda: 'cda', par: TEST_PAR, acquirerKeyId: 'acq-test' },
    });
    expect([card.tokenId, card.formerTokenId]).toEqual([
      expect.stringMatching(/^k2\./),
      expect.stringMatching(/^k1\./),
    ]);
    const sealed = Buffer.from(card.bank?.authorisation ?? '', 'base64url');
    const objects = readObjects(opened(sealed, acquirer), 'emv') ?? [];
    const said = new Map(objects.map(({ tag, value }) => [tag.toString(16), value.toString('hex')]));
    // The tags that every scheme wants of a later authorisation, and the number.
    for (const tag of [
      '5a',
      '5f24',
      '9a',
      '9c',
      '5f2a',
      '9f1a',
      '9f02',
      '9f03',
      '9f36',
      '82',
      '84',
      '95',
      '9f10',
      '9f26',
      '9f33',
      '9f37',
    ])
      expect(said.has(tag), tag).toBe(true);
    expect(said.get('5a')).toBe(TEST_PANS.mastercard);
    expect([said.get('9f1a'), said.get('5f2a'), said.get('9f02')]).toEqual(['0804', '0980', '000000000000']);
    expect(JSON.stringify(card)).not.toContain(TEST_PANS.mastercard.slice(0, 8));
  });

  it('and a card of the city have tokens of their own, in whatever order keys live', async () => {
    takeBankCards(folder.path);
    const tokens = new Set([
      (await factsOf('visa')).tokenId,
      (await factsOf('amex')).tokenId,
      (await factsOf('maestro')).tokenId,
    ]);
    expect(tokens.size).toBe(3);
  });

  it.each([
    ['locked', 'CARD_LOCKED'],
    ['blocked', 'CARD_LOCKED'],
    ['expired', 'CARD_EXPIRED'],
    ['no-oda', 'BANK_CARD_NOT_TAKEN'],
    // The validator cannot judge them: that is not their fault.
    ['unknown-authority', 'BANK_CARD_NOT_TAKEN'],
    ['authority-over', 'BANK_CARD_NOT_TAKEN'],
    ['wrong-static-data', 'CARD_NOT_GENUINE'],
  ] as [BankCardKind, string][])('%s is red with %s', async (kind, reason) => {
    takeBankCards(folder.path);
    expect(await read(bankCard(kind))).toEqual({ ok: false, reason });
  });

  it('of no application that the city lists is not taken; where none are taken, it is asked nothing', async () => {
    const notTaken = { ok: false, reason: 'BANK_CARD_NOT_TAKEN' };
    const asked: Uint8Array[] = [];
    expect(await read(bankCard('visa'), asked)).toEqual(notTaken);
    expect(asked).toHaveLength(3);
    takeBankCards(folder.path, { applications: [{ aid: 'a0000000041010', scheme: 'mastercard' }] });
    expect(await read(bankCard('visa'))).toEqual(notTaken);
  });

  it('leaves no byte of what it said, also when it is refused', async () => {
    takeBankCards(folder.path);
    for (const kind of ['visa', 'mastercard', 'unknown-authority'] as const) {
      const seen: Uint8Array[] = [];
      await read(bankCard(kind), seen);
      expect(seen.length).toBeGreaterThan(4);
      // The first answers are of the kinds of card that were tried before.
      for (const answer of seen.slice(2)) expect(answer.every((byte) => byte === 0)).toBe(true);
    }
  });

  it('is not found on a card of the city', async () => {
    takeBankCards(folder.path);
    const { issuer } = city;
    const order = { mediumKind: 'wallet', mediumId: Buffer.alloc(16, 1), language: 'uk', issuer } as const;
    const card = createVirtualCard({ ...order, validFromS: 0, validUntilS: 4_000_000_000 });
    expect(await read(card)).toMatchObject({ ok: true, card: { mediumKind: 'wallet' } });
    const stranger = createVirtualCard({
      ...order,
      validFromS: 0,
      validUntilS: 1,
      misbehaviour: { kind: 'no-application' },
    });
    expect(await read(stranger)).toEqual({ ok: false, reason: 'CARD_UNKNOWN' });
  });

  it('is told the date of the place, and a locked phone’s holder what to do', async () => {
    const asked: KernelRequest[] = [];
    const medium = createBankCard({
      kernel: {
        read: async (_talk, request) => {
          asked.push(request);
          return { outcome: 'refused', why: 'phone-locked' };
        },
      },
      nowMs: () => Date.UTC(2026, 11, 31, 22, 5, 6),
      timeZone: 'Europe/Kyiv',
      language: 'uk',
    });
    const { reading } = await openCard(copied(bankCard('visa')), [medium], {
      timers: realTimers,
      timeMsMax: 100,
    });
    expect(reading).toEqual({ ok: false, reason: 'PHONE_LOCKED' });
    expect(asked[0]?.localDate.toString('hex')).toBe('270101');
    expect(asked[0]?.localTime.toString('hex')).toBe('000506');
  });
});

describe('the files of a device folder', () => {
  const load = (name: string, change: (file: Record<string, unknown>) => unknown) => () => {
    takeBankCards(folder.path);
    const path = join(folder.path, name);
    writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))));
    return loadMedia(folder.path);
  };
  const keys = (change: object) => (file: Record<string, unknown>) => ({
    ...file,
    keys: (file['keys'] as object[]).map((key, n) => (n === 0 ? { ...key, ...change } : key)),
  });

  it.each([
    ['bank-card.json', 'no acquirer', () => ({ v: 1 }), /bank-card\.json/],
    [
      'bank-card.json',
      'a zone that is none',
      (file: object) => ({ ...file, timeZone: 'Europe/Nowhere' }),
      /timeZone/,
    ],
    [
      'bank-card.json',
      'no key for sealing',
      (file: object) => ({ ...file, acquirer: { keyId: 'a', publicKey: 'x' } }),
      /acquirer\/publicKey/,
    ],
    ['ca-keys.json', 'a wrong checksum', keys({ checksum: '00'.repeat(20) }), /CA_KEYS_INVALID.*A0000000/],
    ['ca-keys.json', 'a live key', keys({ test: false }), /CA_KEYS_LIVE/],
    ['card-keys.json', 'no key for tokens', () => ({ v: 1 }), /pan-token/],
    [
      'card-keys.json',
      'three versions of it',
      () => ({
        v: 1,
        tokens: { 'pan-token': { 1: 'aa'.repeat(32), 2: 'bb'.repeat(32), 3: 'cc'.repeat(32) } },
      }),
      /card-keys\.json\/tokens/,
    ],
  ])('%s with %s is refused by name', (name, _what, change, problem) => {
    expect(load(name, change)).toThrow(problem);
  });

  it('take live keys where that is said', () => {
    takeBankCards(folder.path, { allowLiveKeys: true });
    const path = join(folder.path, 'ca-keys.json');
    writeFileSync(path, JSON.stringify(keys({ test: false })(JSON.parse(readFileSync(path, 'utf8')))));
    expect(loadMedia(folder.path).map(({ name }) => name)).toContain('bank-card');
  });

  it('never have a secret quoted', () => {
    const secret = 'ab'.repeat(70);
    expect(load('card-keys.json', () => ({ v: 1, tokens: { 'pan-token': { 1: secret } } }))).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(secret.slice(0, 16)) }),
    );
  });
});
