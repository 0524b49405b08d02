import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { CardMediaFile, StrangerDesfire, UidOnly } from '#contracts/card-media.ts';
import { diversifyKey } from '../../../edge-agent/desfire/diversify.ts';
import { behindReader } from '../../../simulators/cards/desfire/behind-reader.ts';
import { createDesfireCard } from '../../../simulators/cards/desfire/desfire-card.ts';
import { type StrangerOrder, strangerDesfire } from '../../../simulators/cards/desfire/issue-desfire.ts';
import { cardOf, ENTRY, present, UID } from './desfire-rig.ts';

const NUMBER = Buffer.from('0804112233445566', 'hex');
/** Number, end of validity as YYYYMMDD, something that is not ours. */
const CONTENTS = Buffer.concat([NUMBER, Buffer.from('20301231', 'hex'), Buffer.alloc(20, 0xee)]);
const READ_KEY = Buffer.alloc(16, 0x33);
const UID_KEY = Buffer.alloc(16, 0x34);
const ZERO = { bytes: Buffer.alloc(16), version: 0 };

const CONFIG: StrangerDesfire = {
  kind: 'stranger-desfire',
  name: 'lviv',
  select: { aid: 'a1b2c3' },
  proof: {
    keyNo: 1,
    key: 'lviv-read',
    diversifiedWith: { aid: 'a1b2c3' },
    hiddenUid: { keyNo: 2, key: 'lviv-uid' },
  },
  file: { no: 5, mode: 'mac', offset: 0, bytes: 32 },
  number: { offset: 0, bytes: 8 },
  validUntil: { offset: 8, form: 'bcd-yyyymmdd' },
  as: 'passenger',
  mediumKind: 'social',
  language: 'uk',
};

function strangerCard(changes: Partial<StrangerOrder> = {}, contents = CONTENTS) {
  const own = diversifyKey(READ_KEY, Buffer.concat([UID, Buffer.from('a1b2c3', 'hex')]));
  const order: StrangerOrder = {
    model: 'EV2',
    uid: UID,
    aid: 'a1b2c3',
    keys: [ZERO, { bytes: own, version: 3 }, { bytes: UID_KEY, version: 3 }],
    file: { no: 5, comm: 'mac', readKey: 1, bytes: contents },
    ...changes,
  };
  return createDesfireCard({ eeprom: strangerDesfire(order) });
}

async function read(card: ReturnType<typeof strangerCard>, ...media: CardMediaFile['media']) {
  const { reading, end } = await present(card, { media });
  end();
  return reading;
}

const tokenOf = (number: Uint8Array, name = 'lviv\n') =>
  `k1.${createHmac('sha256', Buffer.alloc(32, 7)).update(name).update(number).digest('hex').slice(0, 32)}`;
const TAKEN = {
  ok: true,
  card: {
    tokenId: tokenOf(NUMBER),
    mediumKind: 'social',
    language: 'uk',
    validFromMs: 0,
    // The last day to its end, in every zone.
    validUntilMs: Date.UTC(2031, 0, 2),
  },
};

describe('a card that passengers carry already', () => {
  test.each([false, true])('is read by its number with its own key, random UID: %s', async (randomUid) => {
    expect(await read(strangerCard({ randomUid }), CONFIG)).toEqual(TAKEN);
  });
  test('is found after our own cards were looked for, and ours before it', async () => {
    const media = [{ kind: 'kvytok-desfire' }, CONFIG] as const;
    expect(await read(strangerCard(), ...media)).toEqual(TAKEN);
    expect(await read(cardOf(), CONFIG, { kind: 'kvytok-desfire' })).toMatchObject({ ok: true });
  });
  test('on EV1 where its configuration says so', async () => {
    const card = () => strangerCard({ model: 'EV1' });
    expect(await read(card(), CONFIG)).toEqual({ ok: false, reason: 'MEDIUM_NOT_TAKEN' });
    expect(await read(card(), { ...CONFIG, ev1: true })).toEqual(TAKEN);
  });
  test('may be recognised as foreign', async () => {
    expect(await read(strangerCard(), { ...CONFIG, as: 'foreign' })).toEqual({
      ok: false,
      reason: 'CARD_FOREIGN',
    });
  });
  test('without the key is not genuine, also when it would be foreign', async () => {
    const copy = () =>
      strangerCard({ keys: [ZERO, { bytes: READ_KEY, version: 3 }, { bytes: UID_KEY, version: 3 }] });
    for (const as of ['passenger', 'foreign'] as const)
      expect(await read(copy(), { ...CONFIG, as })).toEqual({ ok: false, reason: 'CARD_NOT_GENUINE' });
  });
  test('of a key version that does not live, or without a number or a date, is unknown', async () => {
    const unknown = { ok: false, reason: 'CARD_UNKNOWN' };
    expect(await read(strangerCard({ keys: [ZERO, { ...ZERO, version: 2 }, ZERO] }), CONFIG)).toEqual(
      unknown,
    );
    expect(await read(strangerCard({}, Buffer.alloc(32)), CONFIG)).toEqual(unknown);
    for (const date of ['20300230', '20301301', 'ffffffff']) {
      const contents = Buffer.from(CONTENTS);
      contents.write(date, 8, 'hex');
      expect(await read(strangerCard({}, contents), CONFIG), date).toEqual(unknown);
    }
  });
  test('that anybody may read is taken where the city says identification only', async () => {
    const open = { no: 5, comm: 'plain', readKey: 14, bytes: CONTENTS } as const;
    const config: StrangerDesfire = {
      ...CONFIG,
      proof: 'identification-only',
      file: { ...CONFIG.file, mode: 'plain' },
    };
    expect(await read(strangerCard({ file: open }), config)).toEqual(TAKEN);
    const { validUntil: _, ...endless } = config;
    expect(await read(strangerCard({ file: open }), endless)).toMatchObject({
      card: { validUntilMs: 4_294_967_295_000 },
    });
  });
  test('has no log of ours', async () => {
    expect(await (await present(strangerCard(), { media: [CONFIG] })).settle(ENTRY)).toBe('no-log');
  });
  test('numbers of two issuers are two tokens', async () => {
    const other = await read(strangerCard(), { ...CONFIG, name: 'rivne' });
    expect(other).toMatchObject({ card: { tokenId: tokenOf(NUMBER, 'rivne\n') } });
  });
});

describe('a number that any chip shows', () => {
  const UID_ONLY: UidOnly = {
    kind: 'uid-only',
    identificationOnly: true,
    uidBytes: [7],
    mediumKind: 'wallet',
    language: 'uk',
  };
  const stranger = (randomUid = false) => behindReader(strangerCard({ randomUid, aid: '010203' }));
  const reason = async (card: ReturnType<typeof stranger>, media: CardMediaFile['media']) => {
    const { reading, end } = await present(card, { media });
    end();
    return reading.ok ? reading : reading.reason;
  };
  test('is refused unless the policy lists it', async () => {
    expect(await reason(stranger(), [{ kind: 'kvytok-desfire' }, CONFIG])).toBe('CARD_UNKNOWN');
    expect(await reason(stranger(), [{ kind: 'kvytok-desfire' }, UID_ONLY])).toMatchObject({
      card: { tokenId: tokenOf(UID, 'uid\n'), mediumKind: 'wallet' },
    });
  });
  test('is none when it is drawn anew each time, or of a length that is not listed', async () => {
    expect(await reason(stranger(true), [{ ...UID_ONLY, uidBytes: [4, 7] }])).toBe('CARD_UNKNOWN');
    expect(await reason(stranger(), [{ ...UID_ONLY, uidBytes: [10] }])).toBe('CARD_UNKNOWN');
  });
});
