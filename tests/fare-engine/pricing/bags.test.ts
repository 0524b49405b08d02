/** Baggage beside companions on one card (decision 0095). */
import { describe, expect, it } from 'vitest';
import { companionRules } from '#pricing/companion-rules.ts';
import { formatFileProblem } from '#pricing/file-problem.ts';
import type { PricedLine, TapFact } from '#pricing/model.ts';
import { parseStateText, stateText } from '#pricing/state-text.ts';
import { STEP_LANGUAGES, stepText } from '#pricing/step-text.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { filesOf } from '../../support/fare-feed.ts';
import {
  BREAKDOWN,
  entitlement,
  PACKAGE,
  packageOf,
  priceDay,
  tap,
  timelineOf,
} from '../../support/tariff.ts';

const T0 = Date.parse('2026-03-02T08:00:00+02:00');
const policy = (change: string) =>
  (PACKAGE['tap-policy.yaml'] as string).replace('companion_max: 0', `companion_max: 2, ${change}`);
const BAGGAGE = {
  'tap-policy.yaml': policy('bag_product_id: bag, bag_max: 2, extra_max: 3'),
  'product-terms.yaml': 'products: [{ fare_product_id: bag, kind: bag, act: order-1, article: п. 12 }]\n',
  'fare_products.txt': `${PACKAGE['fare_products.txt']}bag,Багаж,full,social_card,7.00,UAH\n`,
  'breakdown.yaml': BREAKDOWN,
};
const tariffs = timelineOf(packageOf(BAGGAGE));
const bus = { vehicleId: 'bus' };
const amounts = ({ kind, grossMinor, riderMinor }: PricedLine) => [kind, grossMinor, riderMinor];
const line = (change: Partial<TapFact>) => priceDay(tariffs, [tap(T0, change)]).lines[0] as PricedLine;

describe('a bag', () => {
  it.each([
    [{ bags: 1 }, 1900n, null],
    [{ bags: 2 }, 2600n, null],
    [{ bags: 3 }, 2600n, { reason: 'bags-over-max', bags: '1' }],
    // Three in all: two companions leave room for one bag.
    [{ companions: 2, bags: 2 }, 4300n, { reason: 'bags-over-max', bags: '1' }],
    [{ bags: 1, mediumKind: 'wallet' as const }, 1400n, { reason: 'bags-no-price', bags: '1' }],
    [{ bags: 1, routeId: 'P1' }, 1300n, { reason: 'bags-over-max', bags: '1' }],
  ])('of %j costs its own price, up to the limit', (change, minor, named) => {
    const found = line(change);
    expect([found.grossMinor, found.riderMinor]).toEqual([minor, minor]);
    const last = found.steps.at(-1);
    if (named === null) expect(last).toMatchObject({ kind: 'bag', ruleId: 'bag', article: 'п. 12' });
    else expect(last).toMatchObject({ kind: 'unpriced', params: named });
    for (const language of STEP_LANGUAGES)
      expect(stepText(last as NonNullable<typeof last>, { language, currency: 'UAH' })).toMatch(/[1-3]/);
  });

  it('does not make who rides free owe the price of a missing exit', () => {
    const exits = policy('bag_product_id: bag, bag_max: 2').replace(
      'mode: in',
      'mode: in_out, max_journey_s: 3600, missing_tap: flat, penalty_product_id: fine',
    );
    const products = `${BAGGAGE['fare_products.txt']}fine,Штраф,full,social_card,40.00,UAH\n`;
    const out = timelineOf(
      packageOf({ ...BAGGAGE, 'tap-policy.yaml': exits, 'fare_products.txt': products }),
    );
    const free = { entitlements: [entitlement('pensioner')] };
    const [alone, laden] = [{}, { bags: 1 }].map((change) => priceDay(out, [tap(T0, change)], free).lines[0]);
    expect([alone?.riderMinor, laden?.riderMinor]).toEqual([0n, 700n]);
    const payer = priceDay(out, [tap(T0, { bags: 1 })]).lines[0];
    expect(payer?.riderMinor).toBe(4700n);
  });

  it('is not made cheaper by a right, nor by a transfer', () => {
    const taps = [tap(T0, { bags: 1 }), tap(T0 + 600_000, { bags: 1 })];
    const own = priceDay(tariffs, taps, { entitlements: [entitlement('pensioner')] }).lines;
    expect(own.map(amounts)).toEqual([
      ['ride', 1900n, 700n],
      ['transfer', 1900n, 700n],
    ]);
    expect(own.map((one) => [one.concessionMinor, one.transferMinor, one.claimRide])).toEqual([
      [1200n, 0n, true],
      [0n, 1200n, false],
    ]);
  });

  it('of a second touch that asked for it is no second ride; of one that did not it is named', () => {
    const late = Date.parse('2026-03-03T03:59:30+02:00');
    const first = tap(late, bus);
    const later = (s: number, change: Partial<TapFact>) => tap(late + s * 1000, { ...bus, ...change });
    const asked = { passBackOf: first.tapId };
    const taps = [
      first,
      later(5, { bags: 1, ...asked }),
      later(9, { companions: 1, ...asked }),
      later(12, { bags: 1, ...asked }),
      later(15, { companions: 1, bags: 1, ...asked }),
      later(18, { bags: 1 }),
    ];
    const { lines, stateOut } = priceDay(tariffs, taps);
    expect(lines.map(amounts)).toEqual([
      ['ride', 1200n, 1200n],
      ['same-ride', 700n, 700n],
      ['same-ride', 1200n, 1200n],
      ['same-ride', 700n, 700n],
      ['same-ride', 0n, 0n],
      ['same-ride', 0n, 0n],
    ]);
    expect(lines[5]?.steps.at(-1)?.params).toMatchObject({ reason: 'bags-same-ride', bags: '1' });
    expect(priceDay(tariffs, taps.toReversed()).lines).toEqual(lines);
    // What is paid for already is handed on.
    expect(parseStateText(stateText(stateOut)).lastTouches[0]).toMatchObject({ companions: 1, bags: 2 });
  });

  it('that was paid for rides on after a breakdown, another one pays', () => {
    const said = { breakdownId: 'b', atMs: T0 + 600_000, uncertaintyMs: 0, receivedAtMs: T0 };
    const broken = tap(T0, { ...bus, bags: 1, breakdowns: [said] });
    const next = tap(T0 + 900_000, { vehicleId: 'next', bags: 2 });
    const { lines } = priceDay(tariffs, [broken, next]);
    expect(lines[1]).toMatchObject({
      kind: 'transfer',
      grossMinor: 2600n,
      riderMinor: 700n,
      transferMinor: 1900n,
    });
    const last = lines[1]?.steps.at(-1) as PricedLine['steps'][number];
    expect(last).toMatchObject({ kind: 'breakdown', afterMinor: 700n, params: { bags: '1' } });
    expect(stepText(last, { language: 'uk', currency: 'UAH' })).toContain('Безкоштовно для багажу (1)');
    // The bag may also come with a second touch.
    const begun = tap(T0 + 900_000, { vehicleId: 'next' });
    const later = tap(T0 + 905_000, { vehicleId: 'next', bags: 1, passBackOf: begun.tapId });
    expect(priceDay(tariffs, [broken, begun, later]).lines[2]).toMatchObject({
      grossMinor: 700n,
      riderMinor: 0n,
    });
  });

  it('lies in no cap', () => {
    const caps = `
caps:
  - { cap_id: day, names: { uk: день, en: day, de: Tag, pl: dzień }, window: day, article: п. 13, day_start: "04:00", basis: amount, cap_minor: 1500, includes_companions: true, act: order-1 }
`;
    const capped = timelineOf(
      packageOf({ ...BAGGAGE, 'caps.yaml': caps, 'fare_transfer_rules.txt': noTransfers }),
    );
    const { lines } = priceDay(capped, [tap(T0, { bags: 2 }), tap(T0 + 3_600_000, { bags: 1 })]);
    expect(lines.map(({ riderMinor, capMinor }) => [riderMinor, capMinor])).toEqual([
      [2600n, 0n],
      [1000n, 900n],
    ]);
  });
});

const noTransfers = `${(PACKAGE['fare_transfer_rules.txt'] as string).trim().split('\n')[0]}\n`;

describe('what devices are told', () => {
  const concessions = (PACKAGE['concessions.yaml'] as string).replace(
    'discount_kind: free',
    'discount_kind: free\n    escort_allowed: 1',
  );
  const [own, rest] = companionRules([packageOf({ ...BAGGAGE, 'concessions.yaml': concessions })]);

  it('is companions, bags with the media that have a price, and escorts of the rights', () => {
    const escorts = { max: 1, mediumKinds: ['social'] };
    expect(own).toMatchObject({ routeIds: ['P1', 'P2'], max: 0, escorts });
    expect([own?.bags, own?.together]).toEqual([undefined, undefined]);
    expect(rest).toMatchObject({ max: 2, escorts, bags: { max: 2, mediumKinds: ['social'] }, together: 3 });
  });

  it('is no key where the tariff has neither', () => {
    expect(companionRules([packageOf()]).map(({ escorts, bags }) => escorts ?? bags)).toEqual([
      undefined,
      undefined,
    ]);
  });
});

describe('tariff check', () => {
  it.each([
    ['a number without a product', { 'tap-policy.yaml': policy('bag_max: 2') }],
    ['a product without a number', { 'tap-policy.yaml': policy('bag_product_id: bag') }],
    [
      'less together than alone',
      { 'tap-policy.yaml': policy('bag_product_id: bag, bag_max: 2, extra_max: 1') },
    ],
    ['a product that is no baggage', { 'product-terms.yaml': 'products: []\n' }],
    [
      'no medium with a price',
      { 'fare_products.txt': `${PACKAGE['fare_products.txt']}bag,Багаж,full,bank_card,7.00,UAH\n` },
    ],
    [
      'a price of its own for a category',
      { 'fare_products.txt': `${BAGGAGE['fare_products.txt']}bag,Багаж,pupil,social_card,0.00,UAH\n` },
    ],
    [
      'a leg that costs a bag',
      { 'fare_leg_rules.txt': `${PACKAGE['fare_leg_rules.txt']}leg-x,city,unpriced,bag,order-1,п. 1\n` },
    ],
    [
      'a transfer that costs a bag',
      {
        'fare_transfer_rules.txt': (PACKAGE['fare_transfer_rules.txt'] as string)
          .replace('fare_transfer_type,', 'fare_transfer_type,fare_product_id,')
          .replace('1,0,order', '1,0,bag,order'),
      },
    ],
  ])('names %s', (_, change) => {
    const read = readTariffPackage(filesOf({ ...PACKAGE, ...BAGGAGE, ...change }));
    expect(read.problems.map(({ code, line: at }) => [code, at > 0])).toContainEqual(['TARIFF_BAG', true]);
    expect(read.ok, read.problems.map(formatFileProblem).join('\n')).toBe(false);
  });

  it('makes no row of a bag for those who ride free', () => {
    const rows = packageOf(BAGGAGE).pricer.feed.products.get('bag');
    expect(rows?.map(({ categoryId }) => categoryId)).toEqual(['full']);
  });
});
