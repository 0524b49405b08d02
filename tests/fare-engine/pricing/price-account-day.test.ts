import { describe, expect, it } from 'vitest';
import { INITIAL_STATE, type TapFact } from '#pricing/model.ts';
import { parseStateText, stateText } from '#pricing/state-text.ts';
import { CALENDAR, PACKAGE, packageOf, priceDay, tap, timelineOf } from '../../support/tariff.ts';

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

describe('the carried state', () => {
  it('is dropped when nothing of it can matter to a later tap', () => {
    const { stateOut } = priceDay(tariffs, [later(0), later(3600)]);
    expect(stateText(stateOut)).toBe(stateText(INITIAL_STATE));
    expect(CALENDAR.fareDayOf(T0)).toBe('2026-03-02');
  });

  it('has one text whatever the order of its parts, and comes back from it', () => {
    const touches = [
      { placeId: 'b', atMs: 2, tapId: 'y' },
      { placeId: 'a', atMs: 1, tapId: 'x', uncertaintyMs: 5 },
    ];
    const one = stateText({ ...INITIAL_STATE, lastTouches: touches });
    expect(stateText({ ...INITIAL_STATE, lastTouches: [...touches].reverse(), v: 2 })).toBe(one);
    expect(stateText(parseStateText(one))).toBe(one);
    expect(() => parseStateText('{"v":2}')).toThrow(SyntaxError);
  });
});
