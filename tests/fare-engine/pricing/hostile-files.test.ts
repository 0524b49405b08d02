/** Whatever bytes a package or a feed has: problems with places, never a crash. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFeed } from '#pricing/gtfs/read-feed.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { PACKAGE } from '../../support/tariff.ts';

const names = Object.keys(PACKAGE);

/** Replaces a stretch of one file by other bytes. */
const damage = fc.record({
  name: fc.constantFrom(...names),
  at: fc.nat(2000),
  length: fc.nat(40),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc
      .constantFrom(
        '"',
        ',',
        '\n',
        '-1',
        '&a',
        '*a',
        '{',
        ']',
        'null',
        '99999999999999999999',
        '2026-02-30',
        '\u0000',
        ': ',
      )
      .map((text) => Buffer.from(text)),
  ),
});

describe('damaged files', () => {
  it('are refused with a place, or read', () => {
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (damages) => {
        const files = filesOf(PACKAGE);
        for (const { name, at, length, bytes } of damages) {
          const old = files.get(name) as Uint8Array;
          const start = Math.min(at, old.length);
          files.set(name, Buffer.concat([old.subarray(0, start), bytes, old.subarray(start + length)]));
        }
        const read = readTariffPackage(files);
        for (const problems of [read.problems, readFeed(files).problems]) {
          for (const p of problems) {
            expect(p.file === '' || p.message === '' || p.howToMend === '').toBe(false);
            expect(p.line >= 1 && p.column >= 1).toBe(true);
          }
        }
        if (!read.ok) expect(read.problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });

  it('with aliases that would fill the memory are refused', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (let i = 0; i < 8; i++) {
      const [from, to] = [String.fromCharCode(97 + i), String.fromCharCode(98 + i)];
      bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(',')}]`);
    }
    const read = readTariffPackage(filesOf({ ...PACKAGE, 'funding.yaml': bomb.join('\n') }));
    expect(read.ok).toBe(false);
    expect(read.problems).toContainEqual(
      expect.objectContaining({ file: 'funding.yaml', message: 'too many aliases (*name)' }),
    );
  });

  it('may be called __proto__ or constructor without harm', () => {
    const read = readFeed(
      filesOf({
        'agency.txt': 'agency_timezone\nEurope/Kyiv\n',
        'fare_products.txt': '__proto__,fare_product_id,amount,currency\nx,constructor,1.00,UAH\n',
        'fare_leg_rules.txt': 'fare_product_id,toString\nconstructor,y\n',
      }),
    );
    expect(read.problems).toEqual([]);
    expect(read.feed.products.get('constructor')).toHaveLength(1);
  });
});
