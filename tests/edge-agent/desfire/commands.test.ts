import { describe, expect, test } from 'vitest';
import * as settings from '../../../edge-agent/desfire/commands/card-settings.ts';
import * as contents from '../../../edge-agent/desfire/commands/contents.ts';
import type { NewFile } from '../../../edge-agent/desfire/commands/files.ts';
import * as files from '../../../edge-agent/desfire/commands/files.ts';
import * as version from '../../../edge-agent/desfire/commands/version.ts';
import { type DesfireCard, openDesfire } from '../../../edge-agent/desfire/desfire-card.ts';
import { softwareCardKey } from '../../../edge-agent/desfire/software-card-key.ts';
import { type Exchange, knownRandom, scripted } from './scripted-card.ts';
import { hex } from './vectors.ts';

const PLAIN = 'plain' as const;
const ACCESS = { read: 1, write: 'never', readWrite: 0, change: 0 } as const;

/** Runs something against a card that expects exactly these exchanges. */
async function on<T>(exchanges: readonly Exchange[], run: (card: DesfireCard) => Promise<T>): Promise<T> {
  const talk = scripted(...exchanges);
  const result = await run(openDesfire(talk));
  expect(talk.left).toBe(0);
  return result;
}

const done = (value: unknown) => ({ ok: true, value });
const refused = (status: number) => ({ ok: false, failure: { kind: 'status', status } });
const MALFORMED = { ok: false, failure: { kind: 'malformed' } };

function versionFrames(major: string, uid: string, vendor = '04', type = '01'): Exchange[] {
  return [
    ['9060000000', `${vendor}${type}01${major}001A0591AF`],
    ['90AF000000', `04010102011A0591AF`],
    ['90AF000000', `${uid}CF1234567812269100`],
  ];
}

describe('GetVersion', () => {
  const UID = '04112233445566';
  test.each([
    ['01', 'ev1'],
    ['12', 'ev2'],
    ['22', 'ev2'],
    ['33', 'ev3'],
    ['00', undefined],
    ['02', undefined],
    ['44', undefined],
  ])('hardware %s is %s', async (major, generation) => {
    expect(await on(versionFrames(major, UID), version.getVersion)).toEqual(
      done({ generation, uid: hex(UID) }),
    );
  });
  test.each([
    ['05', '01'],
    ['04', '08'],
    ['04', '04'],
  ])('vendor %s, type %s is another chip', async (vendor, type) => {
    const answer = await on(versionFrames('12', UID, vendor, type), version.getVersion);
    expect(answer).toEqual(done({ generation: undefined, uid: hex(UID) }));
  });
  test('a card that hides its UID', async () => {
    const answer = await on(versionFrames('33', '00000000000000'), version.getVersion);
    expect(answer).toEqual(done({ generation: 'ev3', uid: undefined }));
  });
  test('too few bytes', async () => {
    expect(await on([['9060000000', '049100']], version.getVersion)).toEqual(MALFORMED);
  });
});

describe('bytes of commands and answers', () => {
  test('selecting', async () => {
    const name = hex('F04B5659544F4B02');
    const iso = '00A4040008F04B5659544F4B0200';
    expect(await on([[iso, '9000']], (card) => card.selectByName(name))).toEqual(done(undefined));
    expect(await on([[iso, '6F0A84089000']], (card) => card.selectByName(name))).toEqual(done(undefined));
    expect(await on([[iso, '6A82']], (card) => card.selectByName(name))).toEqual(refused(0x6a82));
    const aid = hex('4B5654');
    expect(await on([['905A0000034B565400', '9100']], (card) => card.selectByAid(aid))).toEqual(
      done(undefined),
    );
    expect(await on([['905A0000034B565400', '91A0']], (card) => card.selectByAid(aid))).toEqual(
      refused(0x91a0),
    );
  });
  test('key versions', async () => {
    expect(await on([['90640000010100', '079100']], (card) => version.getKeyVersion(card, 1))).toEqual(
      done(7),
    );
    expect(await on([['90640000010900', '9140']], (card) => version.getKeyVersion(card, 9))).toEqual(
      refused(0x9140),
    );
    expect(await on([['90640000010100', '07089100']], (card) => version.getKeyVersion(card, 1))).toEqual(
      MALFORMED,
    );
  });
  test('data: one APDU on EV2, in parts when it is long, native on EV1', async () => {
    const part = { fileNo: 1, offset: 2, mode: PLAIN };
    const read = '90AD00000701020000100000 00';
    expect(await on([[read, `${'AA'.repeat(16)}9100`]], (card) => contents.readData(card, part, 16))).toEqual(
      done(Buffer.alloc(16, 0xaa)),
    );
    expect(await on([[read, `${'AA'.repeat(15)}9100`]], (card) => contents.readData(card, part, 16))).toEqual(
      MALFORMED,
    );
    const long = await on(
      [
        ['90AD00000701000000E0000000', `${'AA'.repeat(224)}9100`],
        ['90AD00000701E0000001000000', 'BB9100'],
      ],
      (card) => contents.readData(card, { ...part, offset: 0 }, 225),
    );
    expect(long).toEqual(done(Buffer.concat([Buffer.alloc(224, 0xaa), hex('BB')])));
    const native = await on([['90BD00000701020000030000 00', 'CCDDEE9100']], (card) => {
      card.framing = 'native';
      return contents.readData(card, part, 3);
    });
    expect(native).toEqual(done(hex('CCDDEE')));
    const write = '908D00000901020000020000 1122 00';
    expect(await on([[write, '9100']], (card) => contents.writeData(card, part, hex('1122')))).toEqual(
      done(undefined),
    );
    expect(await on([[write, '919D']], (card) => contents.writeData(card, part, hex('1122')))).toEqual(
      refused(0x919d),
    );
  });
  test('records', async () => {
    const range = { fileNo: 2, skip: 0, count: 2, recordBytes: 2, mode: PLAIN };
    const ask = '90AB00000702000000020000 00';
    expect(await on([[ask, '010203049100']], (card) => contents.readRecords(card, range))).toEqual(
      done([hex('0102'), hex('0304')]),
    );
    expect(await on([[ask, '91BE']], (card) => contents.readRecords(card, range))).toEqual(refused(0x91be));
    const part = { fileNo: 2, offset: 0, mode: PLAIN };
    const write = '908B00000902000000020000 AABB 00';
    expect(await on([[write, '9100']], (card) => contents.writeRecord(card, part, hex('AABB')))).toEqual(
      done(undefined),
    );
    const update = '90BA00000C02010000000000020000 AABB 00';
    expect(
      await on([[update, '9100']], (card) =>
        contents.updateRecord(card, { ...part, recordNo: 1 }, hex('AABB')),
      ),
    ).toEqual(done(undefined));
    expect(await on([['90EB0000010200', '9100']], (card) => contents.clearRecords(card, 2))).toEqual(
      done(undefined),
    );
  });
  test('values and transactions', async () => {
    const file = { fileNo: 4, mode: PLAIN };
    expect(await on([['906C0000010400', 'FEFFFFFF9100']], (card) => contents.getValue(card, file))).toEqual(
      done(-2),
    );
    const changes = [
      ['credit', '900C00000504 0A000000 00'],
      ['debit', '90DC00000504 0A000000 00'],
      ['limitedCredit', '901C00000504 0A000000 00'],
    ] as const;
    for (const [how, apdu] of changes)
      expect(await on([[apdu, '9100']], (card) => contents.changeValue(card, how, file, 10))).toEqual(
        done(undefined),
      );
    await expect(on([], (card) => contents.changeValue(card, 'debit', file, -1))).rejects.toThrow(RangeError);
    expect(await on([['90C7000000', '9100']], contents.commitTransaction)).toEqual(done(undefined));
    expect(await on([['90C7000000', '910C']], contents.commitTransaction)).toEqual(refused(0x910c));
    expect(await on([['90C70000010100', '0700000001020304050607089100']], contents.commitWithMac)).toEqual(
      done({ counter: 7, value: hex('0102030405060708') }),
    );
    expect(await on([['90A7000000', '9100']], contents.abortTransaction)).toEqual(done(undefined));
    const reader = Buffer.alloc(16, 5);
    expect(
      await on([[`90C8000010${reader.toString('hex')}00`, '9100']], (card) =>
        contents.commitReaderId(card, reader),
      ),
    ).toEqual(done(Buffer.alloc(0)));
  });
  test('files', async () => {
    expect(await on([['906F000000', '0102039100']], files.getFileIds)).toEqual(done([1, 2, 3]));
    expect(await on([['906F000000', `${'01'.repeat(33)}9100`]], files.getFileIds)).toEqual(MALFORMED);
    expect(await on([['9061000000', '01E102E19100']], files.getIsoFileIds)).toEqual(done([0xe101, 0xe102]));
    expect(
      await on([['90F50000010100', '0003001F8000009100']], (card) => files.getFileSettings(card, 1)),
    ).toEqual(done({ type: 'standard', mode: 'full', access: ACCESS, bytes: 128 }));
    const access = { ...ACCESS, write: 2 } as const;
    const cyclic = '04030012 200000 060000 050000';
    expect(files.parseFileSettings(hex(cyclic))).toEqual({
      type: 'cyclic',
      mode: 'full',
      access,
      recordBytes: 32,
      recordsMax: 6,
      records: 5,
    });
    const value = '0201E0EF 9CFFFFFF E8030000 00000000 01';
    expect(files.parseFileSettings(hex(value))).toMatchObject({
      type: 'value',
      mode: 'mac',
      lowerLimit: -100,
      upperLimit: 1000,
      access: { read: 'free', write: 'never', readWrite: 'free', change: 0 },
    });
    expect(files.parseFileSettings(hex('0500F01F0200'))?.type).toBe('transaction-mac');
    for (const cut of [cyclic, value, '0003001F800000'])
      for (let bytes = 0; bytes < hex(cut).length; bytes++)
        expect(files.parseFileSettings(hex(cut).subarray(0, bytes))).toBeUndefined();
    expect(files.parseFileSettings(hex('0600001F800000'))).toBeUndefined();
  });
  test('files of layout 2 are made with the bytes of docs/CARD-LAYOUT.md', async () => {
    const standard: NewFile = {
      type: 'standard',
      fileNo: 1,
      isoId: 0xe101,
      mode: 'full',
      access: ACCESS,
      bytes: 128,
    };
    const cyclic: NewFile = {
      type: 'cyclic',
      fileNo: 2,
      isoId: 0xe102,
      mode: 'full',
      recordBytes: 32,
      recordsMax: 6,
      access: { ...ACCESS, write: 2 },
    };
    const backup: NewFile = {
      type: 'backup',
      fileNo: 3,
      isoId: 0xe103,
      mode: 'full',
      bytes: 96,
      access: { ...ACCESS, readWrite: 4 },
    };
    const made = [
      [standard, '90CD0000090101E103001F80000000'],
      [cyclic, '90C000000C0202E103001220000006000000'],
      [backup, '90CB0000090303E103401F60000000'],
    ] as const;
    for (const [file, apdu] of made)
      expect(await on([[apdu, '9100']], (card) => files.createFile(card, file))).toEqual(done(undefined));
    const iso = { isoId: 0xe542, dfName: hex('F04B5659544F4B02') };
    const order = { aid: hex('4B5654'), keySettings: 0x09, keys: 5, iso };
    const apdu = '90CA00000F4B565409A542E5F04B5659544F4B0200';
    expect(await on([[apdu, '9100']], (card) => settings.createApplication(card, order))).toEqual(
      done(undefined),
    );
    expect(await on([[apdu, '91DE']], (card) => settings.createApplication(card, order))).toEqual(
      refused(0x91de),
    );
    const value: NewFile = {
      type: 'value',
      fileNo: 4,
      mode: PLAIN,
      access: ACCESS,
      lowerLimit: -1,
      upperLimit: 2,
      value: 0,
      limitedCredit: true,
    };
    const valueApdu = '90CC0000110400001FFFFFFFFF020000000000000001 00';
    expect(await on([[valueApdu, '9100']], (card) => files.createFile(card, value))).toEqual(done(undefined));
    expect(await on([['90DF0000010400', '9100']], (card) => files.deleteFile(card, 4))).toEqual(
      done(undefined),
    );
  });
  test('the card itself', async () => {
    expect(await on([['906A000000', '4B56540102039100']], settings.getApplicationIds)).toEqual(
      done([hex('4B5654'), hex('010203')]),
    );
    expect(await on([['906A000000', '4B569100']], settings.getApplicationIds)).toEqual(MALFORMED);
    expect(
      await on([['90DA0000034B565400', '9100']], (card) => settings.deleteApplication(card, hex('4B5654'))),
    ).toEqual(done(undefined));
    expect(await on([['906E000000', '0010009100']], settings.getFreeMemory)).toEqual(done(4096));
    expect(await on([['90FC000000', '9100']], settings.formatCard)).toEqual(done(undefined));
    expect(await on([['9045000000', '0FA59100']], settings.getKeySettings)).toEqual(
      done({ settings: 0x0f, keysAndType: 0xa5 }),
    );
    expect(
      await on([['905C000002000200', '9100']], (card) => settings.setConfiguration(card, 0, hex('02'))),
    ).toEqual(done(undefined));
  });
});

describe('sessions', () => {
  const key = softwareCardKey(Buffer.alloc(16), knownRandom());
  test('a handshake that the card refuses, or answers in another form, gives no session', async () => {
    const wrong: readonly [string, object][] = [
      ['91AE', refused(0x91ae)],
      ['919D', refused(0x919d)],
      ['9100', MALFORMED],
      [`${'00'.repeat(15)}91AF`, MALFORMED],
      [`${'00'.repeat(17)}91AF`, MALFORMED],
      ['', { ok: false, failure: { kind: 'gone' } }],
    ];
    for (const [answer, result] of wrong)
      expect(
        await on([['9071000002010000', answer]], (card) => card.authenticate('ev2-first', 1, key)),
        answer,
      ).toEqual(result);
  });
  test('what needs a session is a mistake of the caller without one', async () => {
    await expect(on([], (card) => card.changeKey({ keyNo: 0, newKey: key, newVersion: 1 }))).rejects.toThrow(
      TypeError,
    );
    await expect(
      on([['9077000001010 0', `${'00'.repeat(16)}91AF`]], (card) =>
        card.authenticate('ev2-non-first', 1, key),
      ),
    ).rejects.toThrow(TypeError);
  });
});
