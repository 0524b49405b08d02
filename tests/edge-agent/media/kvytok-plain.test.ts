import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { realTimers } from '../../../edge-agent/adapters/timers.ts';
import { createSoftwareKeys } from '../../../edge-agent/keys/software-keys.ts';
import { createKvytokPlain } from '../../../edge-agent/media/kvytok-plain.ts';
import { openCard } from '../../../edge-agent/media/read-medium.ts';
import type { CardReading, CardTransport } from '../../../edge-agent/ports.ts';
import { cardTokenId, issueCard, signIdentity } from '../../../simulators/cards/issue-card.ts';
import type { Misbehaviour } from '../../../simulators/cards/misbehaviour.ts';
import { createCardApplication, createVirtualCard } from '../../../simulators/cards/virtual-card.ts';
import {
  issuer,
  issuerKeys,
  order,
  tokenKey,
  VALID_FROM_S,
  VALID_UNTIL_S,
} from '../../simulators/cards/sample-card.ts';

/** The reader with versions of the token key. */
function mediumWith(versions: readonly (readonly [number, Uint8Array])[]) {
  return createKvytokPlain({
    issuerKeys: new Map([['i001', issuerKeys.publicKey]]),
    keys: createSoftwareKeys({ tokens: new Map([['token', new Map(versions)]]) }),
  });
}

const plain = mediumWith([[1, tokenKey]]);
const CARD_APDUS_MAX = plain.apdusMax;

async function read(card: CardTransport, timeMsMax = 5000, medium = plain): Promise<CardReading> {
  const opened = await openCard(card, [medium], { timers: realTimers, timeMsMax });
  opened.end();
  return opened.reading;
}

/** The token, or the reason. */
const tokenOf = (reading: CardReading) =>
  reading.ok ? 'card' in reading && reading.card.tokenId : reading.reason;

function misread(misbehaviour: Misbehaviour, timeMsMax?: number): Promise<CardReading> {
  return read(createVirtualCard({ ...order(), misbehaviour }), timeMsMax);
}

const UNREADABLE = { ok: false, reason: 'CARD_UNREADABLE' };
const UNKNOWN = { ok: false, reason: 'CARD_UNKNOWN' };
const NOT_GENUINE = { ok: false, reason: 'CARD_NOT_GENUINE' };

/** Answers from a list, then nothing; counts the commands. */
function scripted(answers: readonly string[]): CardTransport & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    transmit: async (apdu) => {
      asked.push(Buffer.from(apdu).toString('hex'));
      return Buffer.from(answers[asked.length - 1] ?? '', 'hex');
    },
  };
}

const FCI = '6f0a8408f04b5659544f4b01';
const files = issueCard(order());
const EF01 = files.ef01.toString('hex');
const EF02 = files.ef02.toString('hex');

/** A card whose identity was changed and signed again by the real issuer: only the rule on the field can refuse it. */
function signedWith(change: (ef01: Buffer) => void): CardTransport {
  const ef01 = Buffer.from(files.ef01);
  change(ef01);
  const application = createCardApplication({ ef01, ef02: signIdentity(ef01, issuer.privateKey) });
  return { transmit: async (apdu) => application.answer(apdu) };
}

describe('a good card', () => {
  it('tells its token, kind, validity and language', async () => {
    const mediumId = Buffer.from('a1b2c3d4e5f60718293a4b5c6d7e8f90', 'hex');
    const card = createVirtualCard(order({ mediumKind: 'wallet', mediumId, language: 'de' }));
    expect(await read(card)).toEqual({
      ok: true,
      card: {
        tokenId: cardTokenId(mediumId, tokenKey),
        mediumKind: 'wallet',
        validFromMs: VALID_FROM_S * 1000,
        validUntilMs: VALID_UNTIL_S * 1000,
        language: 'de',
      },
    });
  });

  it('has a token made of the key version and half of an HMAC-SHA256', async () => {
    const reading = await read(createVirtualCard(order()), 5000, mediumWith([[12, tokenKey]]));
    const mac = createHmac('sha256', tokenKey).update(order().mediumId).digest('hex');
    expect(tokenOf(reading)).toBe(`k12.${mac.slice(0, 32)}`);
  });

  it('has the token of the key before beside it while a token key rotates', async () => {
    const medium = mediumWith([
      [1, tokenKey],
      [2, randomBytes(32)],
    ]);
    const reading = await read(createVirtualCard(order()), 5000, medium);
    expect(tokenOf(reading)).toMatch(/^k2\./);
    expect(reading).toMatchObject({ card: { formerTokenId: cardTokenId(order().mediumId, tokenKey) } });
  });

  it('is read with three commands, exactly those of the layout page', async () => {
    const card = scripted([`${FCI}9000`, `${EF01}9000`, `${EF02}9000`]);
    expect((await read(card)).ok).toBe(true);
    expect(card.asked).toEqual(['00a4040008f04b5659544f4b0100', '00b0810028', '00b0820040']);
  });

  it('may hand out every answer in parts', async () => {
    const card = scripted([
      '610c',
      `${FCI}9000`,
      `${EF01.slice(0, 40)}6114`,
      `${EF01.slice(40)}9000`,
      `${EF02.slice(0, 20)}6136`,
      `${EF02.slice(20, 100)}610e`,
      `${EF02.slice(100)}9000`,
    ]);
    expect((await read(card)).ok).toBe(true);
    expect(card.asked.filter((command) => command.startsWith('00c0'))).toEqual([
      '00c000000c',
      '00c0000014',
      '00c0000036',
      '00c000000e',
    ]);
  });

  it('may correct the length once for each command', async () => {
    const card = scripted(['6c0c', `${FCI}9000`, '6c28', `${EF01}9000`, '6c40', `${EF02}9000`]);
    expect((await read(card)).ok).toBe(true);
    expect(card.asked[1]).toBe('00a4040008f04b5659544f4b010c');
  });

  it('may carry data objects in its FCI that the reader does not know', async () => {
    const card = scripted([`6f0f8408f04b5659544f4b01a5035001409000`, `${EF01}9000`, `${EF02}9000`]);
    expect((await read(card)).ok).toBe(true);
  });

  it('that is slow is read within the time and unreadable past it', async () => {
    expect((await misread({ kind: 'slow', delayMs: 5 }, 5000)).ok).toBe(true);
    expect(await misread({ kind: 'slow', delayMs: 60 }, 100)).toEqual(UNREADABLE);
  });
});

describe('a card on a bad day', () => {
  it.each([0, 1, 2])('that leaves after %i answers is unreadable', async (apdus) => {
    expect(await misread({ kind: 'gone-after', apdus })).toEqual(UNREADABLE);
  });

  it('that leaves after the third answer was read in time', async () => {
    expect((await misread({ kind: 'gone-after', apdus: 3 })).ok).toBe(true);
  });

  it.each<[string, Misbehaviour]>([
    ['one byte short', { kind: 'wrong-length', bytes: -1 }],
    ['one byte long', { kind: 'wrong-length', bytes: 1 }],
    ['promising more for ever', { kind: 'endless-more' }],
    ['correcting lengths for ever', { kind: 'endless-length' }],
    ['with a truncated FCI', { kind: 'truncated-tlv' }],
  ])('%s is unreadable', async (_what, misbehaviour) => {
    expect(await misread(misbehaviour)).toEqual(UNREADABLE);
  });

  it('of another system is unknown, one whose signature does not hold is not genuine', async () => {
    expect(await misread({ kind: 'no-application' })).toEqual(UNKNOWN);
    expect(await misread({ kind: 'bad-signature' })).toEqual(NOT_GENUINE);
  });

  it('that never answers is given up when its time is over', async () => {
    expect(await misread({ kind: 'silent' }, 30)).toEqual(UNREADABLE);
  });

  it('on a reader that rejects or throws is unreadable', async () => {
    const rejecting = { transmit: () => Promise.reject(new Error('Reader unavailable')) };
    const throwing: CardTransport = {
      transmit: () => {
        throw new Error('broken');
      },
    };
    expect(await read(rejecting)).toEqual(UNREADABLE);
    expect(await read(throwing)).toEqual(UNREADABLE);
  });

  it('never costs more commands than its budget', async () => {
    let asked = 0;
    const greedy: CardTransport = {
      transmit: async () => {
        asked += 1;
        return Buffer.from('6101', 'hex');
      },
    };
    expect(await read(greedy)).toEqual(UNREADABLE);
    expect(asked).toBe(CARD_APDUS_MAX);
  });
});

describe('what the reader makes of answers', () => {
  it.each([
    ['no application', ['6a82'], UNKNOWN],
    ['function not supported', ['6a81'], UNKNOWN],
    ['instruction not supported', ['6d00'], UNKNOWN],
    ['class not supported', ['6e00'], UNKNOWN],
    ['a length that is not taken', ['6700'], UNKNOWN],
    ['conditions that are not met', ['6985'], UNKNOWN],
    ['an application that was invalidated', ['6283'], { ok: false, reason: 'CARD_LOCKED' }],
    ['a fault of the card', ['6f00'], UNREADABLE],
    ['one byte', ['90'], UNREADABLE],
    ['success without an FCI', ['9000'], UNREADABLE],
    ['an FCI of another application', ['6f0a8408f04b5659544f4b029000'], UNKNOWN],
    ['an FCI of a longer name', ['6f0b8409f04b5659544f4b01019000'], UNKNOWN],
    ['an FCI without a name', ['6f028200' + '9000'], UNREADABLE],
    ['an FCI with two names', ['6f148408f04b5659544f4b018408f04b5659544f4b019000'], UNREADABLE],
    ['an FCI with an indefinite length', ['6f808408f04b5659544f4b0100009000'], UNREADABLE],
    ['an FCI with a wasteful length', ['6f810a8408f04b5659544f4b019000'], UNREADABLE],
    ['an FCI with a byte behind it', [`${FCI}009000`], UNREADABLE],
    ['a file that is missing', [`${FCI}9000`, '6a82'], UNKNOWN],
    ['a file that asks for authentication', [`${FCI}9000`, '6982'], UNKNOWN],
    ['a file that ends early', [`${FCI}9000`, `${EF01.slice(0, 78)}6282`], UNREADABLE],
    ['a missing signature', [`${FCI}9000`, `${EF01}9000`, '6a82'], UNKNOWN],
    ['an answer longer than any short one', [`${FCI}9000`, `${'00'.repeat(257)}9000`], UNREADABLE],
  ])('%s', async (_what, answers, expected) => {
    expect(await read(scripted(answers))).toEqual(expected);
  });

  it('knows a later layout without asking for its other files', async () => {
    const later = issueCard(order({ layoutVersion: 2 }));
    const card = scripted([`${FCI}9000`, `${later.ef01.toString('hex')}9000`]);
    expect(await read(card)).toEqual(UNKNOWN);
    expect(card.asked).toHaveLength(2);
  });

  it.each<[string, (ef01: Buffer) => void]>([
    ['medium kind 0', (ef01) => ef01.writeUInt8(0, 1)],
    ['medium kind 3', (ef01) => ef01.writeUInt8(3, 1)],
    ['a language that no screen speaks', (ef01) => ef01.write('fr', 26)],
    ['an end that is its beginning', (ef01) => ef01.writeUInt32BE(VALID_FROM_S, 22)],
    ['a used reserved byte', (ef01) => ef01.writeUInt8(1, 39)],
  ])('takes no card with %s, even if the issuer signed it', async (_what, change) => {
    expect(await read(signedWith(change))).toEqual(UNKNOWN);
  });

  it('takes a card that is valid for one second', async () => {
    const reading = await read(signedWith((ef01) => ef01.writeUInt32BE(VALID_FROM_S + 1, 22)));
    expect(reading).toMatchObject({
      card: { validFromMs: VALID_FROM_S * 1000, validUntilMs: (VALID_FROM_S + 1) * 1000 },
    });
  });

  it('takes no card signed by a stranger under our key id, nor by an issuer that is not pinned', async () => {
    const stranger = generateKeyPairSync('ed25519');
    const forged = createVirtualCard(order({ issuer: { keyId: 'i001', privateKey: stranger.privateKey } }));
    const foreign = createVirtualCard(order({ issuer: { ...issuer, keyId: 'i002' } }));
    expect(await read(forged)).toEqual(NOT_GENUINE);
    expect(await read(foreign)).toEqual(UNKNOWN);
  });
});

describe('property: only what the issuer signed is a card', () => {
  it('any changed bit of either file is refused', async () => {
    for (const file of ['ef01', 'ef02'] as const) {
      for (let bit = 0; bit < files[file].length * 8; bit++) {
        const changed = Buffer.from(files[file]);
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const application = createCardApplication({ ...files, [file]: changed });
        const reading = await read({ transmit: async (apdu) => application.answer(apdu) });
        const keyId = file === 'ef01' && bit >= 28 * 8 && bit < 32 * 8;
        const layout = file === 'ef01' && bit < 8;
        expect(reading, `${file} bit ${bit}`).toEqual(keyId || layout ? UNKNOWN : NOT_GENUINE);
      }
    }
  });

  it('random answers never make a card, a crash or a long conversation', async () => {
    const status = fc.constantFrom('9000', '6110', '6c28', '6a82', '6282', '');
    const answer = fc.tuple(fc.uint8Array({ maxLength: 70 }), status);
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { maxLength: 20 }), async (answers) => {
        const card = scripted(answers.map(([data, sw]) => Buffer.from(data).toString('hex') + sw));
        const reading = await read(card);
        expect(reading.ok).toBe(false);
        expect(card.asked.length).toBeLessThanOrEqual(CARD_APDUS_MAX);
      }),
      { numRuns: 5000 },
    );
  });

  it('a true conversation with any one answer changed is a card only if the files came through whole', async () => {
    const honest = [`${FCI}9000`, `${EF01}9000`, `${EF02}9000`].map((hex) => Buffer.from(hex, 'hex'));
    const change = fc.record({
      which: fc.nat(2),
      cut: fc.nat(66),
      at: fc.nat(65),
      xor: fc.nat(255),
      insert: fc.uint8Array({ maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ which, cut, at, xor, insert }) => {
        const answers = honest.map((answer, index) =>
          index === which ? mutate(answer, cut, at, xor, insert) : answer,
        );
        const untouched = answers.every((answer, index) => answer.equals(honest[index] as Buffer));
        const reading = await read(scripted(answers.map((answer) => answer.toString('hex'))));
        expect(reading.ok).toBe(untouched);
      }),
      { numRuns: 6000 },
    );
  });

  it('garbage from a card with any seed is refused', async () => {
    for (let seed = 0; seed < 500; seed++) {
      expect((await misread({ kind: 'garbage', seed })).ok, `seed ${seed}`).toBe(false);
    }
  });
});

/** Cuts the end, flips bits of one byte and inserts bytes there: often all three, sometimes nothing. */
function mutate(answer: Buffer, cut: number, at: number, xor: number, insert: Uint8Array): Buffer {
  const kept = Buffer.from(answer.subarray(0, answer.length - (cut % (answer.length + 1))));
  const place = at % Math.max(kept.length, 1);
  if (place < kept.length) kept.writeUInt8(kept.readUInt8(place) ^ xor, place);
  return Buffer.concat([kept.subarray(0, place), insert, kept.subarray(place)]);
}
