import { beforeEach, describe, expect, it } from 'vitest';
import { cmac, decryptCbc, oddBytes } from '../../../../simulators/cards/desfire/aes.ts';
import { transactionKeys } from '../../../../simulators/cards/desfire/derive-keys.ts';
import { createDesfireCard, type DesfireCard } from '../../../../simulators/cards/desfire/desfire-card.ts';
import { blankEeprom, type ChipModel } from '../../../../simulators/cards/desfire/eeprom.ts';
import { ev1, ev2, hex, plain, type TestSession, unhex, wrap } from './test-reader.ts';

const ZERO = Buffer.alloc(16);
const UID = unhex('04112233445566');
const AID = '010203';
/** Standard, backup, value, linear, cyclic; all FULL, read 1, write 2, read and write 0. */
const FILES: readonly (readonly [ins: number, order: string])[] = [
  [0xcd, '01 03 0012 800000'],
  [0xcb, '02 03 0012 200000'],
  [0xcc, '03 03 0012 00000000 64000000 0a000000 01'],
  [0xc1, '04 03 0012 100000 020000'],
  [0xc0, '05 03 0012 100000 040000'],
];

let card: DesfireCard;
function withFiles(model: ChipModel = 'EV2'): DesfireCard {
  card = createDesfireCard({ eeprom: blankEeprom(model, UID) });
  plain(card, 0xca, `${AID} 0f 83`);
  plain(card, 0x5a, AID);
  for (const [ins, order] of FILES) expect(plain(card, ins, order).status).toBe('9100');
  return card;
}
beforeEach(() => {
  withFiles();
});

/** `[file, from, count]` as the card takes it. */
const range = (fileNo: number, from: number, count: number) =>
  hex(Buffer.of(fileNo, from, 0, 0, count, 0, 0));
const master = () => ev2(card, 0, ZERO);
const write = (session: TestSession, fileNo: number, data: string, from = 0) =>
  session.send(0x3d, 'full', range(fileNo, from, data.length / 2), data).status;
const read = (session: TestSession, fileNo: number, count = 0, from = 0) =>
  session.send(0xbd, 'full', range(fileNo, from, count));
const commit = (session: TestSession) => session.send(0xc7, 'mac', '').status;

describe('access', () => {
  it('follows the rights: read by 1, write by 2, both by 0, nobody without a key', () => {
    expect(plain(card, 0xbd, range(1, 0, 4)).status).toBe('91ae');
    expect(read(ev2(card, 1, ZERO), 1, 4).data).toBe('00000000');
    expect(read(ev2(card, 2, ZERO), 1, 4).status).toBe('91ae');
    expect(write(ev2(card, 1, ZERO), 1, 'aabb')).toBe('91ae');
    expect(write(ev2(card, 2, ZERO), 1, 'aabb')).toBe('9100');
    expect(read(master(), 1, 2).data).toBe('aabb');
  });

  it('is plain, in a session too, where it is free; and denied where it is for no one', () => {
    plain(card, 0x5a, AID);
    plain(card, 0xcd, '06 03 eeee 080000');
    plain(card, 0xcd, '07 03 ffff 080000');
    expect(plain(card, 0xbd, range(6, 0, 8)).data).toBe('00'.repeat(8));
    const session = ev2(card, 1, ZERO);
    expect(session.send(0xbd, 'plain', range(6, 0, 8)).data).toBe('00'.repeat(8));
    expect(read(session, 1, 2).data).toBe('0000');
    expect(master().send(0xbd, 'full', range(7, 0, 8)).status).toBe('919d');
  });

  it('refuses what lies outside a file, and files of another kind', () => {
    expect(read(master(), 1, 1, 128).status).toBe('91be');
    expect(read(master(), 1, 129).status).toBe('91be');
    expect(write(master(), 1, 'aa'.repeat(9), 120)).toBe('91be');
    expect(read(master(), 3, 1).status).toBe('919d');
    expect(master().send(0x6c, 'full', '01').status).toBe('919d');
    expect(read(master(), 9, 1).status).toBe('91f0');
  });
});

describe('frames', () => {
  const LONG = 'c4'.repeat(128);

  it('carry long data both ways by AF, and in one piece by the ISO variants', () => {
    const session = master();
    expect(write(session, 1, LONG)).toBe('9100');
    expect(read(session, 1).data).toBe(LONG);
    expect(session.send(0xad, 'full', range(1, 0, 128)).data).toBe(LONG);
    const first = card.answer(wrap(0xbd, unhex(range(1, 0, 0))));
    expect(hex(first.subarray(-2))).toBe('917e');
  });

  it('hold 59 bytes of an answer; a piece above 255 comes whole when it is asked for', () => {
    plain(card, 0x5a, AID);
    plain(card, 0xcd, '06 00 eeee 2c0100');
    const first = card.answer(wrap(0xbd, unhex('06000000 000000')));
    expect([first.length, hex(first.subarray(-2))]).toEqual([61, '91af']);
    card.reset();
    plain(card, 0x5a, AID);
    expect(card.answer(unhex('90ad000000000706000000 2c0100 0000'))).toHaveLength(302);
    expect(hex(card.answer(unhex('90ad00000706000000 2c0100 00')))).toBe('917e');
  });

  it('of EV1 take no more than 55 bytes of a command, and no ISO variant', () => {
    withFiles('EV1');
    expect(hex(card.answer(wrap(0x3d, Buffer.alloc(56))))).toBe('917e');
    expect(plain(card, 0xad, range(1, 0, 0)).status).toBe('911c');
  });

  it('that are missing or too many are refused', () => {
    master();
    expect(hex(card.answer(wrap(0x3d, unhex(`${range(1, 0, 64)}${'00'.repeat(40)}`))))).toBe('91af');
    expect(hex(card.answer(wrap(0x60)))).toBe('91ca');
    master();
    expect(hex(card.answer(wrap(0x3d, unhex(`${range(1, 0, 1)}${'00'.repeat(40)}`))))).toBe('917e');
  });
});

describe('EV1 AES messaging', () => {
  it('reads and writes in every mode, the vector running on', () => {
    for (const model of ['EV1', 'EV2'] as const) {
      withFiles(model);
      plain(card, 0xcd, '06 01 0012 200000');
      plain(card, 0xcd, '07 00 0012 200000');
      const session = ev1(card, 0, ZERO);
      const data = 'ab'.repeat(32);
      expect(session.send(0x3d, 'full', range(1, 0, 32), data).status).toBe('9100');
      expect(session.send(0x3d, 'mac', range(6, 0, 32), data, { macSent: true }).status).toBe('9100');
      expect(session.send(0x3d, 'plain', range(7, 0, 32), data).status).toBe('9100');
      expect(session.send(0xbd, 'full', range(1, 0, 32), '', { answerBytes: 32 }).data).toBe(data);
      expect(session.send(0xbd, 'mac', range(6, 0, 32)).data).toBe(data);
      expect(session.send(0xbd, 'plain', range(7, 0, 0)).data).toBe(data);
      expect(session.send(0xbd, 'full', range(1, 0, 0)).data).toBe(data + '00'.repeat(96));
      expect(session.send(0xdc, 'full', '03', '03000000').status).toBe('9100');
      expect(session.send(0xc7, 'mac', '').status).toBe('9100');
      expect(session.send(0x6c, 'full', '03', '', { answerBytes: 4 }).data).toBe('07000000');
    }
  });

  it('notices a wrong MAC and a wrong CRC', () => {
    plain(card, 0xcd, '06 01 0012 200000');
    ev1(card, 0, ZERO);
    expect(plain(card, 0x3d, `${range(6, 0, 1)}aa${'00'.repeat(8)}`).status).toBe('911e');
    ev1(card, 0, ZERO);
    expect(plain(card, 0x3d, `${range(1, 0, 1)}${'00'.repeat(16)}`).status).toBe('911e');
  });
});

describe('a transaction', () => {
  it('changes backup, value and record files at its commit, standard files at once', () => {
    const session = master();
    write(session, 1, 'a1');
    write(session, 2, 'b2');
    session.send(0x0c, 'full', '03', '05000000');
    session.send(0x3b, 'full', range(5, 0, 2), 'c5c5');
    expect(read(session, 1, 1).data).toBe('a1');
    expect(read(session, 2, 1).data).toBe('00');
    expect(session.send(0x6c, 'full', '03').data).toBe('0a000000');
    expect(session.send(0xf5, 'mac', '05').data.slice(-6)).toBe('000000');
    expect(commit(session)).toBe('9100');
    expect(read(session, 2, 1).data).toBe('b2');
    expect(session.send(0x6c, 'full', '03').data).toBe('0f000000');
    expect(session.send(0xbb, 'full', range(5, 0, 1)).data).toBe(`c5c5${'00'.repeat(14)}`);
    expect(commit(session)).toBe('910c');
  });

  it.each([
    ['AbortTransaction', (session: TestSession) => session.send(0xa7, 'mac', '').status],
    ['any error', (session: TestSession) => session.send(0xf5, 'mac', '09').status],
    ['another selection', () => plain(card, 0x5a, AID).status],
    ['the field going off', () => card.reset()],
  ])('is undone by %s', (_what, interrupt) => {
    const session = master();
    write(session, 2, 'b2');
    interrupt(session);
    card.reset();
    plain(card, 0x5a, AID);
    expect(read(master(), 2, 1).data).toBe('00');
    expect(commit(master())).toBe('910c');
  });

  it('goes on over an authentication with another key', () => {
    const one = ev2(card, 2, ZERO);
    expect(write(one, 2, 'b2')).toBe('9100');
    const two = ev2(card, 1, ZERO, one);
    expect(commit(two)).toBe('9100');
    expect(read(two, 2, 1).data).toBe('b2');
    expect(write(master(), 2, 'b3')).toBe('9100');
    expect(commit(master())).toBe('9100');
    expect(read(master(), 2, 1).data).toBe('b3');
  });
});

describe('a value file', () => {
  const change = (session: TestSession, ins: number, amount: string) =>
    session.send(ins, 'full', '03', amount).status;

  it('stays within its limits, pending changes counted', () => {
    const session = master();
    expect(change(session, 0x0c, '5a000000')).toBe('9100');
    expect(change(session, 0x0c, '01000000')).toBe('91be');
    const again = master();
    expect(change(again, 0xdc, '0a000000')).toBe('9100');
    expect(change(again, 0xdc, '01000000')).toBe('91be');
    expect(change(master(), 0x0c, 'ffffffff')).toBe('919e');
  });

  it('gives back at most the last debit, once', () => {
    const session = master();
    expect(change(session, 0x1c, '01000000')).toBe('91be');
    const paying = master();
    change(paying, 0xdc, '04000000');
    commit(paying);
    const writer = ev2(card, 2, ZERO);
    expect(change(writer, 0x1c, '03000000')).toBe('9100');
    expect(commit(writer)).toBe('9100');
    expect(change(writer, 0x1c, '01000000')).toBe('91be');
    expect(master().send(0x6c, 'full', '03').data).toBe('09000000');
  });

  it('is credited by read & write only, debited by any right', () => {
    expect(change(ev2(card, 2, ZERO), 0x0c, '01000000')).toBe('91ae');
    expect(change(ev2(card, 1, ZERO), 0xdc, '01000000')).toBe('9100');
  });
});

describe('a record file', () => {
  const add = (fileNo: number, byte: string) => {
    const session = master();
    const written = session.send(0x3b, 'full', range(fileNo, 0, 16), byte.repeat(16)).status;
    return written === '9100' ? commit(session) : written;
  };
  const firstBytes = (fileNo: number, from = 0, count = 0) =>
    master()
      .send(0xbb, 'full', range(fileNo, from, count))
      .data.match(/.{32}/g)
      ?.map((record) => record.slice(0, 2));

  it('that is cyclic keeps one place for the record being written and forgets the oldest', () => {
    for (const byte of ['01', '02', '03', '04', '05']) expect(add(5, byte)).toBe('9100');
    expect(firstBytes(5)).toEqual(['03', '04', '05']);
    expect(firstBytes(5, 0, 1)).toEqual(['05']);
    expect(firstBytes(5, 1, 2)).toEqual(['03', '04']);
    expect(master().send(0xbb, 'full', range(5, 0, 4)).status).toBe('91be');
    expect(master().send(0xbb, 'full', range(5, 3, 0)).status).toBe('91be');
  });

  it('that is linear is full at its end', () => {
    expect([add(4, '01'), add(4, '02'), add(4, '03')]).toEqual(['9100', '9100', '91be']);
    expect(firstBytes(4)).toEqual(['01', '02']);
    expect(master().send(0xbb, 'full', range(5, 0, 0)).status).toBe('91be');
  });

  it('takes one record in parts within a transaction, updates one, and is cleared as a whole', () => {
    const session = master();
    session.send(0x3b, 'full', range(4, 0, 2), 'a1a2');
    session.send(0x3b, 'full', range(4, 2, 2), 'a3a4');
    commit(session);
    expect(session.send(0xbb, 'full', range(4, 0, 1)).data).toBe(`a1a2a3a4${'00'.repeat(12)}`);
    expect(session.send(0xdb, 'full', '04000000010000020000', 'bbbb').status).toBe('9100');
    commit(session);
    expect(session.send(0xbb, 'full', range(4, 0, 1)).data).toBe(`a1bbbba4${'00'.repeat(12)}`);
    expect(session.send(0xeb, 'mac', '04').status).toBe('9100');
    expect(session.send(0x3b, 'full', range(4, 0, 1), 'aa').status).toBe('919d');
    expect(firstBytes(4)).toHaveLength(1);
    const clearing = master();
    clearing.send(0xeb, 'mac', '04');
    commit(clearing);
    expect(master().send(0xbb, 'full', range(4, 0, 0)).status).toBe('91be');
  });
});

describe('a TransactionMAC file', () => {
  const KEY = Buffer.alloc(16, 0x77);
  const pad = (...bytes: Uint8Array[]) => {
    const joined = Buffer.concat(bytes);
    return Buffer.concat([joined, Buffer.alloc((16 - (joined.length % 16)) % 16)]);
  };
  const make = (rights: string) =>
    master().send(0xce, 'full', `06 01 ${rights} 02`, hex(KEY), { tail: '09' }).status;

  it('is made once, written by no one, and tells the version of its key', () => {
    expect(make('f01e')).toBe('919e');
    expect(make('f01f')).toBe('9100');
    expect(make('f01f')).toBe('91de');
    expect(master().send(0xf5, 'mac', '06').data).toBe('0501f01f0209');
  });

  it('counts commits and signs what they did', () => {
    make('f01f');
    const session = master();
    session.send(0xdc, 'full', '03', '02000000');
    session.send(0x3b, 'full', range(5, 0, 4), 'deadbeef');
    const answer = session.send(0xc7, 'mac', '01');
    const input = Buffer.concat([
      pad(unhex('dc0302000000')),
      pad(unhex(`3b${range(5, 0, 4)}`)),
      pad(unhex('deadbeef')),
    ]);
    const mac = oddBytes(cmac(transactionKeys(KEY, 0, UID).mac, input));
    expect(answer).toEqual({ data: `01000000${hex(mac)}`, status: '9100' });
    expect(ev2(card, 1, ZERO).send(0xbd, 'mac', range(6, 0, 0)).data).toBe(`01000000${hex(mac)}`);
    expect(master().send(0xc7, 'mac', '01').status).toBe('910c');
  });

  it('wants the reader named where its rights say so, and hands the last one on', () => {
    make('101f');
    const [one, two] = ['11'.repeat(16), '22'.repeat(16)];
    const unnamed = ev2(card, 1, ZERO);
    unnamed.send(0xdc, 'full', '03', '01000000');
    expect(commit(unnamed)).toBe('919d');
    const first = ev2(card, 1, ZERO);
    first.send(0xdc, 'full', '03', '01000000');
    expect(first.send(0xc8, 'mac', '', one).status).toBe('9100');
    expect(commit(first)).toBe('9100');
    const second = ev2(card, 1, ZERO);
    second.send(0xdc, 'full', '03', '01000000');
    const before = second.send(0xc8, 'mac', '', two).data;
    const keys = transactionKeys(KEY, 1, UID);
    expect(hex(decryptCbc(keys.enc, unhex(before)))).toBe(one);
    const input = Buffer.concat([pad(unhex('dc0301000000')), pad(unhex(`c8${two}${before}`))]);
    const mac = hex(oddBytes(cmac(keys.mac, input)));
    expect(second.send(0xc7, 'mac', '01').data).toBe(`02000000${mac}`);
  });
});
