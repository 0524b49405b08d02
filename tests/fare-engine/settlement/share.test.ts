import { describe, expect, test } from 'vitest';
import type { SplitRule } from '#pricing/revenue-split.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import type { Boardings } from '../../../fare-engine/settlement/facts.ts';
import { shareOf } from '../../../fare-engine/settlement/share.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { capsFile } from '../../support/money-tariff.ts';
import { PACKAGE } from '../../support/tariff.ts';

const row = (carrierId: string, boardings: number, firsts: number, ownMinor = 0n): Boardings => ({
  ...{ kind: 'pass' as const, id: 'month', currency: 'UAH' },
  ...{ carrierId, boardings, firsts, ownMinor },
});
const rule = (of: Partial<SplitRule>): SplitRule => ({ method: 'boardings', act: 'a', article: '1', ...of });
const pass = { kind: 'pass' as const, id: 'month', currency: 'UAH' };
const cap = { kind: 'cap' as const, id: 'day', currency: 'UAH' };
const parts = (shares: ReturnType<typeof shareOf>) =>
  Object.fromEntries([...(shares?.parts ?? [])].map(([id, { minor }]) => [id, Number(minor)]));

describe('money of a pass', () => {
  const rows = [row('tet', 30, 1), row('mat', 10, 3)];
  test.each<[string, readonly SplitRule[], object]>([
    ['goes by boardings without a rule', [], { tet: 300, mat: 100 }],
    ['… or by first rides', [rule({ fare_product_id: 'month', method: 'first' })], { tet: 100, mat: 300 }],
    [
      '… or in fixed parts, also to who had no boarding',
      [
        rule({
          fare_product_id: 'month',
          method: 'weight',
          weights: [
            { agency_id: 'seret', weight_bp: 5000 },
            { agency_id: 'tet', weight_bp: 5000 },
          ],
        }),
      ],
      { seret: 200, tet: 200 },
    ],
    [
      '… or by boardings that count for less',
      [rule({ fare_product_id: 'month', weights: [{ agency_id: 'tet', weight_bp: 3333 }] })],
      { tet: 200, mat: 200 },
    ],
    [
      '… and a rule of another pass does not matter',
      [rule({ fare_product_id: 'year', method: 'first' })],
      { tet: 300, mat: 100 },
    ],
  ])('%s', (_name, rules, expected) => {
    expect(parts(shareOf(pass, 400n, rows, rules))).toEqual(expected);
  });

  test('waits where nobody rode with it, also where rides were only taken back', () => {
    expect(shareOf(pass, 400n, [], [])).toBeUndefined();
    expect(shareOf(pass, 400n, [row('tet', -1, 0)], [])).toBeUndefined();
  });
});

describe('what a cap took off', () => {
  const rows = [row('tet', 3, 0, 100n), row('mat', 1, 0, 300n)];
  test('is borne by whose rides it were without a rule, by boardings where the tariff says so', () => {
    expect(parts(shareOf(cap, 400n, rows, []))).toEqual({ tet: 100, mat: 300 });
    expect(parts(shareOf(cap, 400n, rows, [rule({ cap_id: 'day' })]))).toEqual({ tet: 300, mat: 100 });
  });
  test('is taken back from who bore it, when a correction leaves no ride', () => {
    const corrected = [row('tet', 0, 0, -100n)];
    expect(parts(shareOf(cap, -100n, corrected, [rule({ cap_id: 'day' })]))).toEqual({ tet: -100 });
  });
});

describe('revenue-split.yaml', () => {
  const read = (...rows: string[]) =>
    readTariffPackage(
      filesOf({
        ...PACKAGE,
        'caps.yaml': capsFile({ cap_id: 'day', window: 'day', cap_rides: 4, act: 'order-1' }),
        'revenue-split.yaml': `revenue_split:\n${rows.map((text) => `  - { ${text}, article: п. 1 }\n`).join('')}`,
      }),
    );
  const half = 'weights: [{ agency_id: tet, weight_bp: 5000 }, { agency_id: mat, weight_bp: 5000 }]';
  test.each<[string, string, string]>([
    ['names an act', 'cap_id: day, method: own, act: order-9', 'TARIFF_ACT_UNKNOWN'],
    ['names a cap of the package', 'cap_id: week, method: own, act: order-1', 'TARIFF_REFERENCE_UNKNOWN'],
    [
      'names a pass of the package',
      'fare_product_id: ride, method: first, act: order-1',
      'TARIFF_REFERENCE_UNKNOWN',
    ],
    ['divides one thing', 'method: own, act: order-1', 'TARIFF_SPLIT'],
    ['has parts that make a whole', 'cap_id: day, method: weight, act: order-1', 'TARIFF_SPLIT'],
    ['has no weights for own', `cap_id: day, method: own, ${half}, act: order-1`, 'TARIFF_SPLIT'],
    [
      'has one weight for a carrier',
      `cap_id: day, method: weight, ${half.replace('mat', 'tet')}, act: order-1`,
      'TARIFF_SPLIT',
    ],
  ])('%s', (_name, text, code) => {
    expect(read(text).problems.map((problem) => problem.code)).toContain(code);
  });
  test('is part of the package', () => {
    const found = read(`cap_id: day, method: weight, ${half}, act: order-1`);
    expect(found.ok && found.package.revenueSplit).toMatchObject([{ cap_id: 'day', method: 'weight' }]);
    expect(
      read('cap_id: day, method: own, act: order-1', 'cap_id: day, method: boardings, act: order-1').ok,
    ).toBe(false);
  });
});
