import { createHash, generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { crc32, xor } from '../../../../simulators/cards/desfire/aes.ts';
import { behindReader } from '../../../../simulators/cards/desfire/behind-reader.ts';
import { diversifyKey } from '../../../../simulators/cards/desfire/derive-keys.ts';
import { createDesfireCard, type DesfireCard } from '../../../../simulators/cards/desfire/desfire-card.ts';
import { blankEeprom, type ChipModel } from '../../../../simulators/cards/desfire/eeprom.ts';
import {
  type DesfireOrder,
  identityBytes,
  issueDesfire,
  strangerDesfire,
} from '../../../../simulators/cards/desfire/issue-desfire.ts';
import { issuerKeys } from '../sample-card.ts';
import { desfireOrder, masterKeys } from './sample-desfire.ts';
import { ev1, ev2, hex, plain, type TestSession, unhex } from './test-reader.ts';

const SELECT = '00a4040008f04b5659544f4b0200';
const IDENTITY = '01 000000 800000';
const NEWEST_THREE = '02 000000 030000';
const HINT = '03 000000 600000';
const ZERO = Buffer.alloc(16);

/** As the page has it, byte for byte. */
const ofCard = (key: Uint8Array, uid: Uint8Array, aid = '4b5654') =>
  diversifyKey(key, Buffer.concat([uid, unhex(aid), Buffer.from('KVYTOK')]));

function select(card: DesfireCard): void {
  expect(hex(card.answer(unhex(SELECT)))).toBe('9000');
}

/** A session as the tap makes it. */
function session(card: DesfireCard, order: DesfireOrder, keyNo: 1 | 2 | 4, after?: TestSession): TestSession {
  const name = ({ 1: 'read', 2: 'log', 4: 'hint' } as const)[keyNo];
  const key = ofCard(order.keys[name], order.uid);
  return order.model === 'EV1' ? ev1(card, keyNo, key) : ev2(card, keyNo, key, after);
}

describe('an issued card', () => {
  it.each(['EV1', 'EV2', 'EV3'] as const)('is read and written as the page says (%s)', (model) => {
    const order = desfireOrder({ model, keys: masterKeys(2) });
    const card = createDesfireCard({ eeprom: issueDesfire(order) });
    select(card);
    expect(plain(card, 0x60).data.slice(28, 42)).toBe(hex(order.uid));
    expect(plain(card, 0x64, '01').data).toBe('02');
    const reading = session(card, order, 1);
    const [read, list, write] = model === 'EV1' ? [0xbd, 0xbb, 0x3b] : [0xad, 0xab, 0x8b];
    const file1 = reading.send(read, 'full', IDENTITY, '', { answerBytes: 128 }).data;
    expect(file1).toBe(hex(identityBytes(order)));
    const records = reading.send(list, 'full', NEWEST_THREE, '', { answerBytes: 96 }).data;
    expect(records).toBe('00'.repeat(96));
    expect(reading.send(read, 'full', HINT, '', { answerBytes: 96 }).data).toBe('00'.repeat(96));
    const writing = session(card, order, 2, model === 'EV1' ? undefined : reading);
    const record = `01${'5a'.repeat(22)}${'00'.repeat(9)}`;
    expect(writing.send(write, 'full', '02 000000 200000', record).status).toBe('9100');
    expect(writing.send(0xc7, 'mac', '').status).toBe('9100');
    card.reset();
    select(card);
    const again = session(card, order, 1).send(list, 'full', NEWEST_THREE, '', { answerBytes: 96 });
    expect(again.data.slice(128)).toBe(record);
  });

  it('carries what was ordered, signed for layout 2', () => {
    const order = desfireOrder({
      kind: 'inspector',
      language: 'pl',
      product: { id: unhex('0102030405060708'), validUntilS: 0x70000000 },
    });
    const bytes = identityBytes(order);
    expect(hex(bytes.subarray(0, 64))).toBe(
      `0212${'000102030405060708090a0b0c0d0e0f'}6955b90072bd0c00706c69303031010203040506070870000000` +
        `04112233445566${'00'.repeat(13)}`,
    );
    const signed = Buffer.concat([Buffer.from('kvytok card v2\n'), bytes.subarray(0, 64)]);
    expect(verify(null, signed, issuerKeys.publicKey, bytes.subarray(64))).toBe(true);
  });

  it('carries log and hint, in their places', () => {
    const list = generateKeyPairSync('ed25519');
    const order = desfireOrder({
      log: [
        {
          atS: 1,
          vehicleId: 'bus-7',
          routeId: null,
          deviceId: 'val-1',
          seq: 258,
          companions: 2,
          clockUnsure: true,
        },
      ],
      hint: { asOfS: 2, balanceMinor: -150, listKeyId: 'city', listKey: list.privateKey },
    });
    const card = createDesfireCard({ eeprom: issueDesfire(order) });
    select(card);
    const reading = session(card, order, 1);
    const record = reading.send(0xab, 'full', '02 000000 010000').data;
    const tag = (id: string) => createHash('sha256').update(id).digest('hex').slice(0, 8);
    expect(record).toBe(`010100000001${tag('bus-7')}00000000${tag('val-1')}0000010202${'00'.repeat(9)}`);
    const hint = unhex(reading.send(0xad, 'full', HINT).data);
    expect(hex(hint.subarray(0, 20))).toBe(`010100000002ffffff6a0000${'63697479'}00000000`);
    const signed = Buffer.concat([Buffer.from('kvytok hint v1\n'), hint.subarray(0, 32)]);
    expect(verify(null, signed, list.publicKey, hint.subarray(32))).toBe(true);
  });

  it('with random UID tells its UID under key 3, in the same field', async () => {
    const order = desfireOrder({ randomUid: true });
    const card = createDesfireCard({ eeprom: issueDesfire(order) });
    const field = await behindReader(card).transmit(unhex('ffca000000'));
    expect(hex(field)).toMatch(/^08[0-9a-f]{6}9000$/);
    select(card);
    expect(plain(card, 0x60).data.slice(28, 42)).toBe('00'.repeat(7));
    const asking = ev2(card, 3, order.keys.uid);
    expect(asking.send(0x51, 'full', '').data).toBe(hex(order.uid));
    const reading = session(card, order, 1, asking);
    expect(reading.send(0xad, 'full', IDENTITY).data).toBe(hex(identityBytes(order)));
  });

  it('gives nothing to who has no key, or the key of another chip', () => {
    const order = desfireOrder();
    const card = createDesfireCard({ eeprom: issueDesfire(order) });
    select(card);
    for (const [ins, data] of [
      [0xad, IDENTITY],
      [0xab, NEWEST_THREE],
      [0x6f, ''],
      [0xf5, '01'],
      [0x45, ''],
    ] as const)
      expect(plain(card, ins, data).status).toBe('91ae');
    expect(() => ev2(card, 1, ofCard(order.keys.read, unhex('04112233445567')))).toThrow('91ae');
    expect(session(card, order, 2).send(0xad, 'full', IDENTITY).status).toBe('91ae');
    expect(session(card, order, 1).send(0x8b, 'full', '02 000000 200000', '00'.repeat(32)).status).toBe(
      '91ae',
    );
  });

  it('is what a station makes of a blank one, command by command', () => {
    for (const model of ['EV1', 'EV2', 'EV3'] as const) {
      const order = desfireOrder({ model, randomUid: true });
      const card = createDesfireCard({ eeprom: blankEeprom(model, order.uid) });
      issueByCommands(card, order);
      expect(card.eeprom()).toEqual(issueDesfire(order));
    }
  });

  it('refuses an order that the layout cannot hold', () => {
    expect(() => issueDesfire(desfireOrder({ mediumId: Buffer.alloc(15) }))).toThrow(RangeError);
    expect(() => issueDesfire(desfireOrder({ uid: Buffer.alloc(4) }))).toThrow(RangeError);
    expect(() => issueDesfire(desfireOrder({ validUntilS: 0 }))).toThrow(RangeError);
    expect(() => issueDesfire(desfireOrder({ product: { id: Buffer.alloc(7), validUntilS: 1 } }))).toThrow(
      RangeError,
    );
  });
});

/** The steps of "Issuing" on the page. */
function issueByCommands(card: DesfireCard, order: DesfireOrder): void {
  const { keys, uid, model } = order;
  const open = (keyNo: number, key: Uint8Array) =>
    model === 'EV1' ? ev1(card, keyNo, key) : ev2(card, keyNo, key);
  const version = hex(Buffer.of(keys.generation));
  const done = (heard: { status: string }) => expect(heard.status).toBe('9100');
  const picc = ofCard(keys.picc, uid, '000000');
  done(open(0, ZERO).send(0xc4, 'full', '80', hex(picc) + version));
  done(open(0, picc).send(0xca, 'mac', '4b5654 09 a5 42e5 f04b5659544f4b02'));
  plain(card, 0x5a, '4b5654');
  const master = open(0, ZERO);
  done(master.send(0xcd, 'mac', '01 01e1 03 001f 800000'));
  done(master.send(0xc0, 'mac', '02 02e1 03 0012 200000 060000'));
  done(master.send(0xcb, 'mac', '03 03e1 03 401f 600000'));
  done(master.send(0x3d, 'full', IDENTITY, hex(identityBytes(order))));
  for (let i = 0; i < 5; i++) {
    done(master.send(0x3b, 'full', '02 000000 200000', '00'.repeat(32)));
    done(master.send(0xc7, 'mac', ''));
  }
  const own = [keys.master, keys.read, keys.log, undefined, keys.hint].map((key) => key && ofCard(key, uid));
  for (const keyNo of [4, 3, 2, 1]) {
    const key = own[keyNo] ?? Buffer.from(keys.uid);
    done(master.send(0xc4, 'full', `0${keyNo}`, hex(xor(key, ZERO)) + version, { tail: hex(crc32(key)) }));
  }
  done(master.send(0xc4, 'full', '00', hex(own[0] as Buffer) + version));
  plain(card, 0x5a, '000000');
  done(open(0, picc).send(0x5c, 'full', '00', '02'));
}

describe("a stranger's card", () => {
  it.each(['plain', 'mac', 'full'] as const)('gives its number under its own key (%s)', (comm) => {
    const key = Buffer.alloc(16, 0xab);
    const model: ChipModel = 'EV2';
    const number = unhex('3131323233333434');
    const card = createDesfireCard({
      eeprom: strangerDesfire({
        model,
        uid: unhex('04aabbccddeeff'),
        aid: 'a1b2f1',
        dfName: Buffer.from('STADT'),
        keys: [
          { bytes: ZERO, version: 0 },
          { bytes: key, version: 3 },
        ],
        file: { no: 15, comm, readKey: 1, bytes: number },
      }),
    });
    expect(hex(card.answer(unhex(SELECT)))).toBe('6a82');
    expect(plain(card, 0x5a, '4b5654').status).toBe('91a0');
    expect(plain(card, 0x5a, 'a1b2f1').status).toBe('9100');
    expect(plain(card, 0xbd, '0f000000080000').status).toBe('91ae');
    expect(ev2(card, 1, key).send(0xbd, comm, '0f000000080000').data).toBe(hex(number));
  });
});

describe('a reader in front of a card', () => {
  const card = createDesfireCard({ eeprom: blankEeprom('EV2', unhex('04112233445566')) });
  it.each([
    ['the UID', 'ffca000000', '041122334455669000'],
    ['the UID by its length', 'ffca000007', '041122334455669000'],
    ['too short a length', 'ffca000004', '6c07'],
    ['too long a length', 'ffca00000a', '041122334455666282'],
    ['historical bytes', 'ffca010000', '809000'],
    ['no length', 'ffca0000', '6700'],
    ['what it does not know', 'ff82000000', '6a81'],
    ['a command of the card', '9064000001 00 00', '009100'],
  ])('answers for %s', async (_what, apdu, answer) => {
    expect(hex(await behindReader(card).transmit(unhex(apdu)))).toBe(answer);
  });
});
