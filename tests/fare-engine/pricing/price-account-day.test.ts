import { beforeAll, describe, expect, it } from 'vitest';
import { INITIAL_STATE, type TapFact } from '#pricing/model.ts';
import { parseStateText, stateText } from '#pricing/state-text.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import {
  CALENDAR,
  entitlement,
  PACKAGE,
  packageOf,
  priceDay,
  tap,
  ternopil,
  timelineOf,
} from '../../support/tariff.ts';

const tariffs = timelineOf(packageOf());
const T0 = Date.parse('2026-03-02T08:00:00+02:00');
const later = (s: number, change: Partial<TapFact> = {}) => tap(T0 + s * 1000, change);
const riders = (taps: TapFact[], more = {}) =>
  priceDay(tariffs, taps, more).lines.map((l) => Number(l.riderMinor));

describe('a ride', () => {
  it('costs what the medium costs in the network', () => {
    expect(riders([later(0)])).toEqual([1200]);
    expect(riders([later(0, { mediumKind: 'wallet' })])).toEqual([1400]);
    expect(riders([later(0, { mediumKind: 'wallet', routeId: 'P1' })])).toEqual([1500]);
  });

  it('explains itself by rule, act and article', () => {
    const [line] = priceDay(tariffs, [later(0, { tapId: 'x' })]).lines;
    expect(line).toMatchObject({
      tapId: 'x',
      kind: 'ride',
      packageHash: packageOf().hash,
      fareMediaId: 'social_card',
      fareProductId: 'ride-municipal',
      riderCategoryId: 'full',
      networkId: 'municipal',
      currency: 'UAH',
      grossMinor: 1200n,
      claimRide: false,
      concessionId: null,
      fundingId: null,
    });
    expect(line?.steps).toEqual([
      {
        kind: 'base',
        ruleId: 'leg-municipal',
        act: 'order-1',
        article: 'п. 1',
        beforeMinor: 0n,
        afterMinor: 1200n,
        params: { product: 'ride-municipal', medium: 'social_card', network: 'municipal', route: 'T1' },
      },
    ]);
  });

  it.each([
    ['no-tariff', { fareAtMs: Date.parse('2025-12-31T23:59:59+02:00') }],
    ['unknown-route', { routeId: null }],
    ['unknown-route', { routeId: 'T99' }],
    ['unknown-medium', { mediumKind: 'bank' }],
    ['no-leg-rule', { routeId: 'X1' }],
    ['tap-out', { direction: 'out' }],
  ] as const)('is not charged and says so: %s', (reason, change) => {
    const { lines, stateOut } = priceDay(tariffs, [later(0, change as Partial<TapFact>)]);
    expect(lines).toMatchObject([
      {
        kind: 'unpriced',
        grossMinor: 0n,
        riderMinor: 0n,
        currency: 'UAH',
        steps: [{ kind: 'unpriced', ruleId: `unpriced/${reason}` }],
      },
    ]);
    expect(stateOut).toEqual(INITIAL_STATE);
  });

  it('of a medium without a price is not charged', () => {
    const noPrice = packageOf({
      'tap-policy.yaml': (PACKAGE['tap-policy.yaml'] as string).replace(
        'wallet: wallet_card',
        'wallet: wallet_card, bank: bank_card',
      ),
    });
    expect(priceDay(timelineOf(noPrice), [later(0, { mediumKind: 'bank' })]).lines).toMatchObject([
      { kind: 'unpriced', fareMediaId: 'bank_card', steps: [{ params: { reason: 'no-product' } }] },
    ]);
  });

  it('of another fare day is a fault of the caller', () => {
    expect(() => priceDay(tariffs, [later(0)], { fareDay: '2026-03-03' })).toThrow(RangeError);
  });
});

describe('a transfer', () => {
  it.each([
    [1799, [1200, 0]],
    [1800, [1200, 0]],
    [1801, [1200, 1200]],
  ])('%i seconds after the first boarding', (seconds, expected) => {
    expect(riders([later(0), later(seconds)])).toEqual(expected);
  });

  it('counts its time from the first boarding of the run, however many there are, across networks', () => {
    const p = { routeId: 'P1' };
    expect(riders([later(0), later(900, p), later(1500), later(1800, p), later(1801)])).toEqual([
      1200, 0, 0, 0, 1200,
    ]);
  });

  it('a new fare begins a new run', () => {
    expect(riders([later(0), later(1801), later(3601), later(3602)])).toEqual([1200, 1200, 0, 1200]);
  });

  it('shows how far the waterfall went', () => {
    const [, line] = priceDay(tariffs, [later(0), later(754, { routeId: 'P1' })]).lines;
    expect(line).toMatchObject({ kind: 'transfer', grossMinor: 1300n, transferMinor: 1300n, riderMinor: 0n });
    expect(line?.steps).toMatchObject([
      { kind: 'base', afterMinor: 1300n },
      {
        kind: 'transfer',
        ruleId: 'transfer-30',
        act: 'order-1',
        article: 'п. 9',
        beforeMinor: 1300n,
        afterMinor: 0n,
        params: { minutes: '12', limitMinutes: '30' },
      },
    ]);
  });

  it('may have a price or keep the leg’s, by fare_transfer_type', () => {
    const rule = (type: number) =>
      timelineOf(
        packageOf({
          'fare_products.txt': `${PACKAGE['fare_products.txt']}change,Доплата,,,2.00,UAH\n`,
          'fare_transfer_rules.txt': `rule_id,from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,fare_product_id,act,article\nt,city,city,1,1800,1,${type},change,order-1,п. 9\n`,
        }),
      );
    const price = (type: number) =>
      priceDay(rule(type), [later(0), later(60), later(120)]).lines.map((l) => [
        l.riderMinor,
        l.transferMinor,
      ]);
    expect(price(0)).toEqual([
      [1200n, 0n],
      [200n, 1000n],
      [1200n, 0n],
    ]);
    // A surcharge: the transfer step is negative, and the sum still holds.
    expect(price(1)).toEqual([
      [1200n, 0n],
      [1400n, -200n],
      [1200n, 0n],
    ]);
  });

  it('remembers the first tap of its journey and the transfers since', () => {
    const night = Date.parse('2026-03-03T04:00:00+02:00');
    const { stateOut } = priceDay(tariffs, [
      tap(night - 600_000, { tapId: 'one' }),
      tap(night - 300_000, { tapId: 'two' }),
      tap(night - 1, { tapId: 'three' }),
    ]);
    expect(stateOut.transferRun).toMatchObject({
      firstTapId: 'one',
      startedAtMs: night - 600_000,
      lastLegAtMs: night - 1,
      transferCount: 2,
    });
  });

  it('of uncertain clocks reaches over the end of a fare day as far as the clocks do', () => {
    const night = Date.parse('2026-03-03T04:00:00+02:00');
    const uncertaintyMs = 60_000;
    const kind = (seconds: number) => {
      const { stateOut } = priceDay(tariffs, [tap(night - 31 * 60_000, { uncertaintyMs })]);
      return priceDay(tariffs, [tap(night + seconds * 1000, { uncertaintyMs })], { stateIn: stateOut })
        .lines[0]?.kind;
    };
    expect([kind(0), kind(60), kind(61)]).toEqual(['transfer', 'transfer', 'ride']);
  });

  it('reaches from one fare day into the next', () => {
    const night = Date.parse('2026-03-03T04:00:00+02:00');
    const one = priceDay(tariffs, [tap(night - 600_000)]);
    const two = priceDay(tariffs, [tap(night + 600_000), tap(night + 1_200_001)], {
      stateIn: parseStateText(stateText(one.stateOut)),
    });
    expect(two.lines.map((l) => l.kind)).toEqual(['transfer', 'ride']);
  });
});

describe('pass-back', () => {
  const bus = { vehicleId: 'bus-7' };
  it.each([
    [119, 'same-ride'],
    [120, 'same-ride'],
    [121, 'transfer'],
  ])('a touch on the same vehicle %i seconds later is a %s', (seconds, kind) => {
    const [, line] = priceDay(tariffs, [later(0, bus), later(seconds, bus)]).lines;
    expect(line).toMatchObject({ kind, riderMinor: 0n });
  });

  it('is measured from the ride’s own touch, so that repeating it ends', () => {
    const kinds = priceDay(tariffs, [later(0, bus), later(100, bus), later(200, bus)]).lines.map(
      (l) => l.kind,
    );
    expect(kinds).toEqual(['ride', 'same-ride', 'transfer']);
  });

  it('is the network’s own, and another vehicle is another ride', () => {
    const p = { vehicleId: 'bus-8', routeId: 'P1' };
    expect(priceDay(tariffs, [later(0, p), later(60, p), later(121, p)]).lines.map((l) => l.kind)).toEqual([
      'ride',
      'same-ride',
      'transfer',
    ]);
    expect(
      priceDay(tariffs, [later(0, bus), later(10, { vehicleId: 'bus-9' })]).lines.map((l) => l.kind),
    ).toEqual(['ride', 'transfer']);
    expect(
      priceDay(tariffs, [later(0, { vehicleId: null }), later(10, { vehicleId: null })]).lines.map(
        (l) => l.kind,
      ),
    ).toEqual(['ride', 'transfer']);
  });

  it('says which touch it repeats', () => {
    const [, line] = priceDay(tariffs, [later(0, { ...bus, tapId: 'first' }), later(5, bus)]).lines;
    expect(line?.steps).toMatchObject([
      {
        kind: 'same-ride',
        act: 'order-1',
        article: 'п. 7',
        params: { tap: 'first', seconds: '5', limitSeconds: '120' },
      },
    ]);
    expect(line).toMatchObject({ claimRide: false, grossMinor: 0n });
  });

  it('reaches over the end of a fare day', () => {
    const night = Date.parse('2026-03-03T04:00:00+02:00');
    const { stateOut } = priceDay(tariffs, [tap(night - 1000, bus)]);
    const { lines } = priceDay(tariffs, [tap(night + 1000, bus)], { stateIn: stateOut });
    expect(lines[0]?.kind).toBe('same-ride');
  });
});

describe('a concession', () => {
  it('makes the ride free, counts as a claim ride and names who owes it', () => {
    const [line] = priceDay(tariffs, [later(0)], { entitlements: [entitlement('pensioner')] }).lines;
    expect(line).toMatchObject({
      kind: 'ride',
      riderCategoryId: 'pensioner',
      grossMinor: 1200n,
      concessionMinor: 1200n,
      riderMinor: 0n,
      concessionId: 'pensioner',
      fundingId: 'city-budget',
      claimRide: true,
      steps: [
        { kind: 'base' },
        {
          kind: 'concession',
          ruleId: 'pensioner',
          act: 'cmu-354',
          article: 'п. 1',
          beforeMinor: 1200n,
          afterMinor: 0n,
        },
      ],
    });
  });

  it('presented on a transfer is no claim ride, and nobody owes anything', () => {
    const { lines } = priceDay(tariffs, [later(0), later(600)], { entitlements: [entitlement('pensioner')] });
    expect(lines[1]).toMatchObject({
      kind: 'transfer',
      claimRide: false,
      concessionMinor: 0n,
      concessionId: 'pensioner',
      riderCategoryId: 'pensioner',
    });
  });

  it('on a free transfer is the one that would take most off the leg', () => {
    const wallet = { mediumKind: 'wallet' as const, routeId: 'P1' };
    for (const order of [
      ['donor', 'pupil-private'],
      ['pupil-private', 'donor'],
    ]) {
      const entitlements = order.map((id) => entitlement(id));
      const { lines } = priceDay(tariffs, [later(0, wallet), later(60, wallet)], { entitlements });
      expect(lines.map((l) => [l.kind, l.concessionId, l.claimRide])).toEqual([
        ['ride', 'pupil-private', true],
        ['transfer', 'pupil-private', false],
      ]);
    }
  });

  it('is given on its medium and in its network only', () => {
    const more = { entitlements: [entitlement('pensioner')] };
    expect(riders([later(0, { mediumKind: 'wallet' })], more)).toEqual([1400]);
    const pupil = { entitlements: [entitlement('pupil-municipal')] };
    expect(riders([later(0)], pupil)).toEqual([0]);
    // The right is the person's: the private network's row of the same category opens too. 13.00 / 2 = 6.50 → 7.00.
    expect(riders([later(0, { routeId: 'P1' })], pupil)).toEqual([700]);
    expect(riders([later(0, { routeId: 'P1', mediumKind: 'wallet' })], pupil)).toEqual([800]);
  });

  it('of several the cheapest for the rider wins; of equal ones the priority, then the id', () => {
    const both = { entitlements: [entitlement('donor'), entitlement('pensioner')] };
    expect(priceDay(tariffs, [later(0)], both).lines[0]).toMatchObject({
      concessionId: 'pensioner',
      riderMinor: 0n,
    });
    const two = [entitlement('pensioner'), entitlement('pupil-municipal')];
    expect(priceDay(tariffs, [later(0)], { entitlements: two }).lines[0]?.concessionId).toBe('pensioner');
    const preferred = timelineOf(
      packageOf({
        'concessions.yaml': (PACKAGE['concessions.yaml'] as string).replace(
          'concession_id: pupil-municipal',
          'concession_id: pupil-municipal\n    priority: 1',
        ),
      }),
    );
    expect(priceDay(preferred, [later(0)], { entitlements: two }).lines[0]?.concessionId).toBe(
      'pupil-municipal',
    );
  });

  it.each([
    ['2026-02-28T23:59:59+02:00', 1200],
    ['2026-03-01T00:00:00+02:00', 900],
    ['2026-03-31T23:59:59+03:00', 900],
    ['2026-04-01T00:00:00+03:00', 1200],
  ])('of law holds on its dates only: %s pays %i', (at, price) => {
    const more = { entitlements: [entitlement('donor')] };
    expect(riders([tap(at)], more)).toEqual([price]);
  });

  it('of a person holds from its first instant to before its last', () => {
    const held = (fromS: number, untilS: number | null) =>
      riders([later(0)], {
        entitlements: [
          entitlement('pensioner', {
            validFromMs: T0 + fromS * 1000,
            validUntilMs: untilS === null ? null : T0 + untilS * 1000,
          }),
        ],
      });
    expect(held(0, 1)).toEqual([0]);
    expect(held(1, null)).toEqual([1200]);
    expect(held(-10, 0)).toEqual([1200]);
  });

  it('counts if it was known when the day was closed, and not if it became known later', () => {
    const known = (knownFromMs: number, knownUntilMs: number | null, knownAsOfMs: number | null) =>
      riders([later(0)], {
        entitlements: [entitlement('pensioner', { knownFromMs, knownUntilMs })],
        knownAsOfMs,
      });
    expect(known(100, null, 99)).toEqual([1200]);
    expect(known(100, null, 100)).toEqual([0]);
    expect(known(100, null, null)).toEqual([0]);
    // Replaced knowledge: it still counts for a day that was closed before, not for an open one.
    expect(known(100, 200, 199)).toEqual([0]);
    expect(known(100, 200, 200)).toEqual([1200]);
    expect(known(100, 200, null)).toEqual([1200]);
  });

  it('that nobody knows changes nothing', () => {
    expect(riders([later(0)], { entitlements: [entitlement('astronaut')] })).toEqual([1200]);
  });
});

describe('a clock that is not sure', () => {
  const cheap = () =>
    packageOf({
      'tariff.yaml': (PACKAGE['tariff.yaml'] as string).replace('valid_to: null', 'valid_to: 2026-03-02'),
    });
  const dear = () =>
    packageOf({
      'tariff.yaml': (PACKAGE['tariff.yaml'] as string).replace(
        'valid_from: 2026-01-01',
        'valid_from: 2026-03-02',
      ),
      'fare_products.txt': (PACKAGE['fare_products.txt'] as string).replaceAll('12.00', '20.00'),
    });
  const midnight = Date.parse('2026-03-02T00:00:00+02:00');

  it('lets the rider pay the cheaper side of a new tariff', () => {
    const both = timelineOf(cheap(), dear());
    const at = (ms: number, uncertaintyMs: number) =>
      priceDay(both, [tap(midnight + ms, { uncertaintyMs })]).lines[0];
    expect(at(5000, 0)?.riderMinor).toBe(2000n);
    expect(at(5000, 5000)?.riderMinor).toBe(2000n); // 00:00:00.000 is the new tariff already
    const line = at(5000, 5001);
    expect(line).toMatchObject({ riderMinor: 1200n, packageHash: cheap().hash });
    expect(line?.steps.at(-1)).toMatchObject({
      kind: 'clock',
      params: { uncertaintyS: '6', nominalMinor: '2000' },
    });
    expect(at(-5000, 60_000)?.riderMinor).toBe(1200n);
  });

  it('does not make a ride free because there was no tariff before', () => {
    const first = timelineOf(dear());
    expect(priceDay(first, [tap(midnight + 1000, { uncertaintyMs: 60_000 })]).lines[0]?.riderMinor).toBe(
      2000n,
    );
  });

  it('widens a transfer window by both uncertainties, to the millisecond', () => {
    const second = (ms: number) =>
      priceDay(tariffs, [
        later(0, { uncertaintyMs: 1000 }),
        tap(T0 + 1_800_000 + ms, { uncertaintyMs: 2000 }),
      ]).lines[1];
    expect(second(3000)).toMatchObject({
      kind: 'transfer',
      riderMinor: 0n,
      steps: [{}, {}, { kind: 'clock' }],
    });
    expect(second(3001)).toMatchObject({ kind: 'ride', riderMinor: 1200n });
    expect(second(0)?.steps).toHaveLength(2);
  });

  it('helps an entitlement that begins within it', () => {
    const at = (uncertaintyMs: number) =>
      riders([later(0, { uncertaintyMs })], {
        entitlements: [entitlement('pensioner', { validFromMs: T0 + 10_000 })],
      });
    expect(at(9_999)).toEqual([1200]);
    expect(at(10_000)).toEqual([0]);
  });
});

describe('a journey over a new tariff', () => {
  const next = () =>
    packageOf({
      'tariff.yaml': (PACKAGE['tariff.yaml'] as string)
        .replace('valid_from: 2026-01-01', 'valid_from: 2026-03-02')
        .replace('test-1', 'test-2'),
      'fare_products.txt': (PACKAGE['fare_products.txt'] as string).replaceAll('12.00', '20.00'),
    });

  it('is priced by the tariff of its first boarding', () => {
    const both = timelineOf(packageOf(), next());
    const midnight = Date.parse('2026-03-02T00:00:00+02:00');
    const { lines } = priceDay(both, [tap(midnight - 1000), tap(midnight), tap(midnight + 1_799_001)]);
    expect(lines.map((l) => [l.kind, l.riderMinor, l.packageHash])).toEqual([
      ['ride', 1200n, packageOf().hash],
      ['transfer', 0n, packageOf().hash],
      ['ride', 2000n, next().hash],
    ]);
  });
});

describe('the tariffs of Ternopil', () => {
  let city: TariffTimeline;
  beforeAll(async () => {
    city = await ternopil();
  });

  it.each([
    ['2018-10-31T23:59:59+02:00', 'social', null],
    ['2018-11-01T00:00:00+02:00', 'social', 500],
    ['2018-11-01T00:00:00+02:00', 'wallet', 600],
    ['2018-11-01T00:00:00+02:00', 'bank', 600],
    ['2021-09-30T23:59:59+03:00', 'social', 500],
    ['2021-10-01T00:00:00+03:00', 'social', 800],
    ['2021-10-01T00:00:00+03:00', 'wallet', 900],
    ['2021-10-01T00:00:00+03:00', 'bank', 1000],
    ['2024-07-31T23:59:59+03:00', 'bank', 1000],
    ['2024-08-01T00:00:00+03:00', 'social', 1200],
    ['2024-08-01T00:00:00+03:00', 'wallet', 1400],
    ['2024-08-01T00:00:00+03:00', 'bank', 1500],
    ['2026-03-22T23:59:59+02:00', 'bank', 1500],
    ['2026-03-23T00:00:00+02:00', 'bank', null],
  ] as const)('%s with the %s card: %s', (at, mediumKind, price) => {
    const [line] = priceDay(city, [tap(at, { mediumKind, routeId: 'T5' })]).lines;
    expect(line?.kind).toBe(price === null ? 'unpriced' : 'ride');
    expect(line?.riderMinor).toBe(BigInt(price ?? 0));
  });

  it('know free transfers within 30 minutes since 2021, over both networks', () => {
    const pair = (day: string, seconds: number) => {
      const first = Date.parse(`${day}T12:00:00Z`);
      return priceDay(city, [
        tap(first, { routeId: 'T5' }),
        tap(first + seconds * 1000, { routeId: 'P18' }),
      ]).lines.map((l) => l.kind);
    };
    expect(pair('2024-09-02', 1800)).toEqual(['ride', 'transfer']);
    expect(pair('2024-09-02', 1801)).toEqual(['ride', 'ride']);
    expect(pair('2021-10-01', 1800)).toEqual(['ride', 'transfer']);
  });

  it('let pupils ride free on municipal and at half price on private vehicles', () => {
    const price = (routeId: string, concession: string) =>
      priceDay(city, [tap('2024-09-02T08:00:00+03:00', { routeId })], {
        entitlements: [entitlement(concession)],
      }).lines[0]?.riderMinor;
    expect(price('T5', 'pupil-municipal')).toBe(0n);
    expect(price('P18', 'pupil-municipal')).toBe(600n);
    expect(price('P18', 'pensioner')).toBe(0n);
  });
});

describe('the carried state', () => {
  it('is dropped when nothing of it can matter to a later tap', () => {
    const { stateOut } = priceDay(tariffs, [later(0), later(3600)]);
    expect(stateText(stateOut)).toBe(stateText(INITIAL_STATE));
    expect(CALENDAR.fareDayOf(T0)).toBe('2026-03-02');
  });

  it('has one text whatever the order of its parts, and comes back from it', () => {
    const touches = [
      { vehicleId: 'b', atMs: 2, tapId: 'y' },
      { vehicleId: 'a', atMs: 1, tapId: 'x' },
    ];
    const one = stateText({ v: 1, transferRun: null, lastTouches: touches });
    expect(stateText({ lastTouches: [...touches].reverse(), transferRun: null, v: 1 })).toBe(one);
    expect(stateText(parseStateText(one))).toBe(one);
    expect(() => parseStateText('{"v":2}')).toThrow(SyntaxError);
  });
});
