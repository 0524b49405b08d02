import { beforeAll, describe, expect, it } from 'vitest';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { entitlement, priceDay, tap, ternopil } from '../../support/tariff.ts';

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
