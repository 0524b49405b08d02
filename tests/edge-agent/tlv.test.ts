import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readObjects } from '../../edge-agent/tlv.ts';

function read(hex: string): string[] | undefined {
  return readObjects(Buffer.from(hex, 'hex'))?.map(
    ({ tag, value }) => `${tag.toString(16)}=${value.toString('hex')}`,
  );
}

describe('data objects', () => {
  it.each([
    ['nothing', '', []],
    ['an empty object', '8400', ['84=']],
    ['two objects', '8401ff50020102', ['84=ff', '50=0102']],
    ['a tag of two bytes', '9f260101', ['9f26=01']],
    ['the smallest length that needs two bytes', `8481 80${'00'.repeat(128)}`, [`84=${'00'.repeat(128)}`]],
    ['the smallest length that needs three', `84820100${'00'.repeat(256)}`, [`84=${'00'.repeat(256)}`]],
  ])('reads %s', (_what, hex, objects) => {
    expect(read(hex.replaceAll(' ', ''))).toEqual(objects);
  });

  it.each([
    ['a tag alone', '84'],
    ['a value one byte short', '8402ff'],
    ['a stray byte behind', '8401ff00'],
    ['an indefinite length', '848000'],
    ['127 bytes with a length of two bytes', `84817f${'00'.repeat(127)}`],
    ['255 bytes with a length of three bytes', `848200ff${'00'.repeat(255)}`],
    ['a length of four bytes', '84830000010a'],
    ['a cut length', '8482'],
    ['a cut tag', '9f'],
    ['a tag of two bytes that fits one', '9f1e0101'],
    ['a tag of three bytes', '9f81010101'],
    ['filler', '000084'],
    ['more objects than any card has', '8400'.repeat(33)],
  ])('refuses %s', (_what, hex) => {
    expect(read(hex)).toBeUndefined();
  });

  it.each([
    ['tags under 1F in two bytes', '9f0201019f1e00', ['9f02=01', '9f1e=']],
    ['tags of three bytes', 'df810100df8f0201ff', ['df8101=', 'df8f02=ff']],
    ['filler before, between and behind', '0084000000500101000000', ['84=', '50=01']],
    ['lengths in more bytes than they need', '848101ff508200010a', ['84=ff', '50=0a']],
  ])('of EMV have %s', (_what, hex, objects) => {
    const found = readObjects(Buffer.from(hex, 'hex'), 'emv') ?? [];
    expect(found.map(({ tag, value }) => `${tag.toString(16)}=${value.toString('hex')}`)).toEqual(objects);
    expect(readObjects(Buffer.from(hex, 'hex'))).toBeUndefined();
  });

  it.each([
    ['9F00', '9f0001ff'],
    ['9F80', '9f800101ff'],
    ['a tag of four bytes', 'df81810100'],
    ['an indefinite length', '708000000000'],
    ['65 objects', '8400'.repeat(65)],
  ])('of EMV do not have %s', (_what, hex) => {
    expect(readObjects(Buffer.from(hex, 'hex'), 'emv')).toBeUndefined();
  });

  it('account for every byte of what they were read from', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const objects = readObjects(Buffer.from(bytes));
        if (!objects) return;
        const written = objects.map(({ tag, value }) => {
          const head = tag > 0xff ? [tag >> 8, tag & 0xff] : [tag];
          const length =
            value.length < 0x80
              ? [value.length]
              : value.length < 0x100
                ? [0x81, value.length]
                : [0x82, value.length >> 8, value.length & 0xff];
          return Buffer.from([...head, ...length, ...value]);
        });
        expect(Buffer.concat(written).equals(bytes)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });
});
