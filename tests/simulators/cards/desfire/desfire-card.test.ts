import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { crc32 as crc } from '../../../../simulators/cards/desfire/aes.ts';
import { createDesfireCard, type DesfireCard } from '../../../../simulators/cards/desfire/desfire-card.ts';
import { blankEeprom, type ChipModel } from '../../../../simulators/cards/desfire/eeprom.ts';
import { ev1, ev2, hex, plain, type TestSession, unhex, wrap } from './test-reader.ts';

const ZERO = Buffer.alloc(16);
const UID = unhex('04112233445566');
const MODELS: readonly ChipModel[] = ['EV1', 'EV2', 'EV3'];

function blank(model: ChipModel = 'EV2'): DesfireCard {
  return createDesfireCard({ eeprom: blankEeprom(model, UID) });
}

let card: DesfireCard;
beforeEach(() => {
  card = blank();
});

describe('the blank card', () => {
  it.each([
    ['EV1', '04010101001805', '04010101041805'],
    ['EV2', '04010112001a05', '04010102011a05'],
    ['EV3', '04010133001a05', '04010103001a05'],
  ] as const)('tells its version as %s in three frames', (model, hardware, software) => {
    card = blank(model);
    expect(hex(card.answer(wrap(0x60)))).toBe(`${hardware}91af`);
    expect(hex(card.answer(wrap(0xaf)))).toBe(`${software}91af`);
    expect(hex(card.answer(wrap(0xaf)))).toBe(`${hex(UID)}ba55ed100026219100`);
    expect(hex(card.answer(wrap(0xaf)))).toBe('911c');
  });

  it('has its AES master key of zeros, version 0, and no application', () => {
    expect(plain(card, 0x64, '00')).toEqual({ data: '00', status: '9100' });
    expect(plain(card, 0x64, '01').status).toBe('9140');
    expect(plain(card, 0x45)).toEqual({ data: '0f81', status: '9100' });
    expect(plain(card, 0x6a)).toEqual({ data: '', status: '9100' });
    expect(ev2(card, 0, ZERO).send(0x51, 'full', '').data).toBe(hex(UID));
  });

  it.each([
    ['unknown class', '8060000000', '6e00'],
    ['parameters of a native command', '9060010000', '6a86'],
    ['lengths that do not fit', '90600000030000', '6700'],
    ['an ISO command that it does not know', '00b0000000', '6d00'],
    ['an unknown native command', '9001000000', '911c'],
    ['a continuation of nothing', '90af000000', '911c'],
    ['an application that is not there', '905a00000301020300', '91a0'],
    ['a DF name that is not there', '00a4040008f04b5659544f4b0200', '6a82'],
    ['the name of the card itself', '00a4040007d276000085010000', '9000'],
  ])('answers %s', (_what, apdu, answer) => {
    expect(hex(card.answer(unhex(apdu)))).toBe(answer);
  });

  it('answers any bytes at all with at least a status word', () => {
    const native = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 60 }));
    fc.assert(
      fc.property(fc.array(native, { maxLength: 12 }), (commands) => {
        for (const [ins, data] of commands)
          expect(card.answer(wrap(ins, data)).length).toBeGreaterThanOrEqual(2);
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 270 }), (bytes) => {
        expect(card.answer(bytes).length).toBeGreaterThanOrEqual(2);
      }),
      { numRuns: 500 },
    );
  });
});

describe('authentication', () => {
  it('refuses a wrong key, a key that is not there, and EV2 on an EV1 chip', () => {
    expect(() => ev2(card, 0, Buffer.alloc(16, 1))).toThrow('91ae');
    expect(() => ev2(card, 1, ZERO)).toThrow('9140');
    expect(() => ev2(blank('EV1'), 0, ZERO)).toThrow('911c');
    expect(plain(card, 0x77, '00').status).toBe('91ae');
  });

  it('keeps identifier and counter over EV2NonFirst', () => {
    const first = ev2(card, 0, ZERO);
    expect(first.send(0x64, 'mac', '00').data).toBe('00');
    const second = ev2(card, 0, ZERO, first);
    expect(second.send(0x64, 'mac', '00').data).toBe('00');
    expect(second.send(0x51, 'full', '').data).toBe(hex(UID));
  });

  it('ends the session at a wrong MAC and at any error', () => {
    ev2(card, 0, ZERO);
    expect(plain(card, 0x64, `00${'00'.repeat(8)}`).status).toBe('911e');
    expect(plain(card, 0x51).status).toBe('91ae');
    const session = ev2(card, 0, ZERO);
    expect(session.send(0xda, 'mac', '010203').status).toBe('91a0');
    expect(plain(card, 0x51).status).toBe('91ae');
  });

  it('speaks EV1 AES on every chip, with one running vector over many commands', () => {
    for (const model of MODELS) {
      card = blank(model);
      const session = ev1(card, 0, ZERO);
      expect(session.send(0x60, 'mac', '').data).toContain(hex(UID));
      expect(session.send(0x51, 'full', '', '', { answerBytes: 7 }).data).toBe(hex(UID));
      expect(session.send(0x64, 'mac', '00').data).toBe('00');
    }
  });

  it('aborts when something else comes in the middle', () => {
    card.answer(wrap(0x71, unhex('0000')));
    expect(hex(card.answer(wrap(0x60)))).toBe('91ca');
    card.answer(wrap(0x60));
    expect(hex(card.answer(wrap(0x64, unhex('00'))))).toBe('91ca');
  });
});

describe('the card level', () => {
  /** Selecting the card ends what session there was. */
  const create = (aid: string, rest = '0f83') => {
    plain(card, 0x5a, '000000');
    return plain(card, 0xca, aid + rest).status;
  };

  it('makes, lists, selects and deletes applications', () => {
    expect(create('4b5654', `0f85 42e5 ${'f04b5659544f4b02'}`)).toBe('9100');
    expect(create('010203')).toBe('9100');
    expect(create('010203')).toBe('91de');
    expect(create('040506', '0f83 42e5 aabb')).toBe('91de');
    expect(create('000000')).toBe('919e');
    expect(create('040506', '0f03')).toBe('919e');
    expect(create('040506', '0f80')).toBe('919e');
    expect(plain(card, 0x6a).data).toBe('4b5654010203');
    expect(plain(card, 0x6d).data).toBe('4b565442e5f04b5659544f4b02');
    expect(hex(card.answer(unhex('00a4040008f04b5659544f4b0200')))).toBe('9000');
    expect(plain(card, 0x45)).toEqual({ data: '0f85', status: '9100' });
    expect(hex(card.answer(unhex('00a4000c02e54200')))).toBe('9000');
    plain(card, 0x5a, '000000');
    expect(ev2(card, 0, ZERO).send(0xda, 'mac', '010203').status).toBe('9100');
    expect(plain(card, 0x5a, '010203').status).toBe('91a0');
  });

  it('asks for the master key where its settings say so', () => {
    expect(ev2(card, 0, ZERO).send(0x54, 'full', '', '09').status).toBe('9100');
    expect(create('010203')).toBe('91ae');
    expect(plain(card, 0x6a).status).toBe('91ae');
    expect(ev2(card, 0, ZERO).send(0xca, 'mac', '0102030f83').status).toBe('9100');
    expect(ev2(card, 0, ZERO).send(0x54, 'full', '', '01').status).toBe('9100');
    expect(ev2(card, 0, ZERO).send(0x54, 'full', '', '0f').status).toBe('919d');
  });

  it('runs out of memory, and says how much there is', () => {
    expect(plain(card, 0x6e).data).toBe('001f00');
    create('010203');
    plain(card, 0x5a, '010203');
    expect(plain(card, 0xcd, '01 00 eeee 001000').status).toBe('9100');
    expect(plain(card, 0xcd, '02 00 eeee 001000').status).toBe('910e');
    expect(plain(card, 0xcd, '02 00 eeee 200000').status).toBe('9100');
  });

  it('turns the random UID on for ever: other in every field, zeros in GetVersion, real in a session', () => {
    const before = card.fieldId();
    expect(hex(before)).toBe(hex(UID));
    expect(ev2(card, 0, ZERO).send(0x5c, 'full', '00', '02').status).toBe('9100');
    expect(ev2(card, 0, ZERO).send(0x5c, 'full', '00', '00').status).toBe('9100');
    plain(card, 0x5a, '000000');
    expect(plain(card, 0x60).data.slice(28, 42)).toBe('00'.repeat(7));
    expect(hex(card.fieldId())).toMatch(/^08[0-9a-f]{6}$/);
    const shown = hex(card.fieldId());
    card.reset();
    expect(hex(card.fieldId())).not.toBe(shown);
    expect(ev2(card, 0, ZERO).send(0x51, 'full', '').data).toBe(hex(UID));
  });

  it('formats, unless that was forbidden; new applications begin with the default key', () => {
    const session = ev2(card, 0, ZERO);
    expect(session.send(0x5c, 'full', '01', `${'11'.repeat(16)}${'00'.repeat(8)}07`).status).toBe('9100');
    create('010203');
    plain(card, 0x5a, '010203');
    expect(plain(card, 0x64, '02').data).toBe('07');
    ev2(card, 1, Buffer.alloc(16, 0x11));
    plain(card, 0x5a, '000000');
    expect(plain(card, 0xfc).status).toBe('91ae');
    expect(ev2(card, 0, ZERO).send(0xfc, 'mac', '').status).toBe('9100');
    plain(card, 0x5a, '000000');
    expect(plain(card, 0x6a).data).toBe('');
    ev2(card, 0, ZERO).send(0x5c, 'full', '00', '01');
    expect(ev2(card, 0, ZERO).send(0xfc, 'mac', '').status).toBe('919d');
  });
});

describe('files of every kind', () => {
  beforeEach(() => {
    plain(card, 0xca, '010203 0f 85');
    plain(card, 0x5a, '010203');
  });

  it('are made, described, changed and deleted', () => {
    expect(plain(card, 0xcd, '01 03 0012 800000').status).toBe('9100');
    expect(plain(card, 0xcb, '02 01 eeee 200000').status).toBe('9100');
    expect(plain(card, 0xcc, '03 00 eeee 00000000 64000000 0a000000 01').status).toBe('9100');
    expect(plain(card, 0xc1, '04 00 eeee 100000 030000').status).toBe('9100');
    expect(plain(card, 0xc0, '05 00 eeee 200000 060000').status).toBe('9100');
    expect(plain(card, 0x6f).data).toBe('0102030405');
    expect(plain(card, 0xf5, '01').data).toBe('00030012800000');
    expect(plain(card, 0xf5, '02').data).toBe('0101eeee200000');
    expect(plain(card, 0xf5, '03').data).toBe('0200eeee00000000640000000000000001');
    expect(plain(card, 0xf5, '05').data).toBe('0400eeee200000060000000000');
    expect(plain(card, 0xf5, '06').status).toBe('91f0');
    expect(plain(card, 0x5f, '05 01 1234').status).toBe('9100');
    expect(plain(card, 0x5f, '05 00 1234').status).toBe('91ae');
    expect(ev2(card, 2, ZERO).send(0x5f, 'full', '05', '001234').status).toBe('9100');
    plain(card, 0x5a, '010203');
    expect(plain(card, 0xdf, '05').status).toBe('9100');
    expect(plain(card, 0xdf, '05').status).toBe('91f0');
  });

  it.each([
    ['a number above 31', 0xcd, '20 00 eeee 800000', '919e'],
    ['no bytes', 0xcd, '06 00 eeee 000000', '919e'],
    ['a mode that is none', 0xcd, '06 04 eeee 800000', '919e'],
    ['a key that is not there', 0xcd, '06 00 eee5 800000', '919e'],
    ['limits the wrong way round', 0xcc, '06 00 eeee 64000000 00000000 0a000000 00', '91be'],
    ['a cyclic file of one record', 0xc0, '06 00 eeee 200000 010000', '919e'],
    ['too few bytes', 0xcd, '06 00 eeee 8000', '917e'],
  ])('are not made with %s', (_what, ins, order, status) => {
    expect(plain(card, ins, order).status).toBe(status);
  });

  it('carry ISO file ids where the application has them', () => {
    plain(card, 0x5a, '000000');
    plain(card, 0xca, '040506 0f a5 43e5');
    plain(card, 0x5a, '040506');
    expect(plain(card, 0xcd, '01 00 eeee 800000').status).toBe('917e');
    expect(plain(card, 0xcd, '01 01ef 00 eeee 800000').status).toBe('9100');
    expect(plain(card, 0xcd, '02 01ef 00 eeee 800000').status).toBe('91de');
    expect(plain(card, 0x61).data).toBe('01ef');
  });
});

describe('keys', () => {
  const NEW = Buffer.alloc(16, 0x42);
  let sessions: readonly [string, (keyNo: number, key: Buffer) => TestSession][];
  beforeEach(() => {
    plain(card, 0xca, '010203 0f 93 01 00 02 10 00');
    plain(card, 0x5a, '010203');
    sessions = [
      ['EV2', (keyNo, key) => ev2(card, keyNo, key)],
      ['EV1', (keyNo, key) => ev1(card, keyNo, key)],
    ];
  });
  /** JAMCRC of 16 bytes 42. */
  const NEW_CRC = hex(crc(NEW));

  it('of others are changed XORed with the old one and with a CRC, and the session goes on', () => {
    for (const [name, open] of sessions) {
      card.restore(card.eeprom());
      plain(card, 0x5a, '010203');
      const keyNo = name === 'EV2' ? 1 : 2;
      const session = open(0, ZERO);
      expect(session.send(0xc4, 'full', `0${keyNo}`, `${hex(NEW)}05`, { tail: NEW_CRC }).status).toBe('9100');
      expect(session.send(0x64, 'mac', `0${keyNo}`).data).toBe('05');
      ev2(card, keyNo, NEW);
    }
  });

  it('of the session end it, without a MAC', () => {
    const session = ev2(card, 0, ZERO);
    expect(session.send(0xc4, 'full', '00', `${hex(NEW)}01`)).toEqual({ data: '', status: '9100' });
    expect(plain(card, 0x51).status).toBe('91ae');
    ev2(card, 0, NEW);
    expect(ev1(card, 0, NEW).send(0xc4, 'full', '00', `${hex(ZERO)}00`).status).toBe('9100');
    ev2(card, 0, ZERO);
  });

  it('are not changed with a wrong CRC, from another session, or when the settings freeze them', () => {
    const wrong = { tail: '00000000' };
    expect(ev2(card, 0, ZERO).send(0xc4, 'full', '01', `${hex(NEW)}05`, wrong).status).toBe('911e');
    expect(ev2(card, 1, ZERO).send(0xc4, 'full', '02', `${hex(NEW)}05`, { tail: NEW_CRC }).status).toBe(
      '91ae',
    );
    expect(ev2(card, 0, ZERO).send(0x54, 'full', '', 'ff').status).toBe('9100');
    expect(ev2(card, 0, ZERO).send(0xc4, 'full', '01', `${hex(NEW)}05`, { tail: NEW_CRC }).status).toBe(
      '919d',
    );
  });

  it('come in sets: a second one is filled, finished and rolled to', () => {
    const session = ev2(card, 0, ZERO);
    expect(session.send(0x56, 'mac', '0102').status).toBe('9100');
    for (const keyNo of ['00', '01', '02'])
      expect(session.send(0xc6, 'full', `01${keyNo}`, `${hex(NEW)}09`, { tail: NEW_CRC }).status).toBe(
        '9100',
      );
    expect(session.send(0x57, 'mac', '0102').status).toBe('9100');
    expect(session.send(0x64, 'mac', '4101').data).toBe('09');
    expect(session.send(0x64, 'mac', '01').data).toBe('00');
    expect(session.send(0x55, 'mac', '01')).toEqual({ data: '', status: '9100' });
    expect(plain(card, 0x64, '01').data).toBe('09');
    ev2(card, 2, NEW);
    expect(() => ev2(card, 2, ZERO)).toThrow('91ae');
  });

  it('of the card itself name their kind', () => {
    plain(card, 0x5a, '000000');
    expect(ev2(card, 0, ZERO).send(0xc4, 'full', '00', `${hex(NEW)}01`).status).toBe('919e');
    expect(ev2(card, 0, ZERO).send(0xc4, 'full', '80', `${hex(NEW)}01`).status).toBe('9100');
    ev2(card, 0, NEW);
  });
});
