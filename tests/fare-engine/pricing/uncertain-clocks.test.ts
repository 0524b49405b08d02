import { describe, expect, it } from 'vitest';
import type { TapFact } from '#pricing/model.ts';
import { entitlement, PACKAGE, packageOf, priceDay, tap, timelineOf } from '../../support/tariff.ts';

const tariffs = timelineOf(packageOf());
const T0 = Date.parse('2026-03-02T08:00:00+02:00');
const later = (s: number, change: Partial<TapFact> = {}) => tap(T0 + s * 1000, change);
const riders = (taps: TapFact[], more = {}) =>
  priceDay(tariffs, taps, more).lines.map((l) => Number(l.riderMinor));

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
