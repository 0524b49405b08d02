import { expect, it } from 'vitest';
import type { PriceStep, TapFact } from '#pricing/model.ts';
import { STEP_LANGUAGES, stepText } from '#pricing/step-text.ts';
import { entitlement, PACKAGE, packageOf, priceDay, tap, timelineOf } from '../../support/tariff.ts';

const T0 = Date.parse('2026-03-02T08:00:00+02:00');
const tariffs = timelineOf(
  packageOf({
    'tap-policy.yaml': (PACKAGE['tap-policy.yaml'] as string).replace('companion_max: 0', 'companion_max: 2'),
  }),
);
const line = (change: Partial<TapFact>, concession?: string) =>
  priceDay(tariffs, [tap(T0, change)], { entitlements: concession ? [entitlement(concession)] : [] })
    .lines[0];
const texts = (step: PriceStep | undefined) =>
  STEP_LANGUAGES.map((language) => stepText(step as PriceStep, { language, currency: 'UAH' }));

it.each([
  [0, 1200n, 1],
  [1, 2400n, 2],
  [2, 3600n, 2],
  [3, 3600n, 3],
  [20, 3600n, 3],
])('%i companions pay the full price each, up to what the tariff allows', (companions, minor, steps) => {
  const found = line({ companions });
  expect([found?.riderMinor, found?.grossMinor, found?.steps.length]).toEqual([minor, minor, steps]);
  expect(found?.steps.at(-1)?.afterMinor).toBe(minor);
});

it('what is above is named, not silently free', () => {
  const step = line({ companions: 5 })?.steps.at(-1);
  expect(step).toMatchObject({
    kind: 'unpriced',
    params: { companions: '3', reason: 'companions-over-max' },
  });
  for (const text of texts(step)) expect(text).toMatch(/: 3$/);
  const none = line({ companions: 1, routeId: 'P1' });
  expect(none).toMatchObject({
    riderMinor: 1300n,
    steps: [{}, { kind: 'unpriced', params: { companions: '1' } }],
  });
});

it('a concession and a free transfer are the holder’s alone; one claim ride', () => {
  expect(line({ companions: 2 }, 'pensioner')).toMatchObject({
    grossMinor: 3600n,
    riderMinor: 2400n,
    concessionMinor: 1200n,
    claimRide: true,
  });
  const { lines } = priceDay(tariffs, [tap(T0), tap(T0 + 600_000, { companions: 1 })]);
  expect(lines[1]).toMatchObject({
    kind: 'transfer',
    grossMinor: 2400n,
    transferMinor: 1200n,
    riderMinor: 1200n,
    steps: [{ afterMinor: 1200n }, { afterMinor: 0n }, { beforeMinor: 0n, afterMinor: 1200n }],
  });
  for (const text of texts(lines[1]?.steps[2])) expect(text).toMatch(/\(1\)/);
});

it('companions of a repeated touch are named', () => {
  const bus = { vehicleId: 'bus' };
  const { lines } = priceDay(tariffs, [tap(T0, bus), tap(T0 + 5000, { ...bus, companions: 1 })]);
  expect(lines[1]?.steps).toMatchObject([
    { kind: 'same-ride' },
    { kind: 'unpriced', params: { companions: '1', reason: 'companions-same-ride' } },
  ]);
});

it('companions of a repetition that the device recorded were asked for: they pay, the holder does not again', () => {
  const bus = { vehicleId: 'bus' };
  const first = tap(T0, bus);
  const later = (seconds: number, companions: number) =>
    tap(T0 + seconds * 1000, { ...bus, companions, passBackOf: first.tapId });
  const taps = [first, later(5, 1), later(9, 1), later(12, 1)];
  const { lines } = priceDay(tariffs, taps, { entitlements: [entitlement('pensioner')] });
  expect(lines.map(({ kind, riderMinor, claimRide }) => [kind, riderMinor, claimRide])).toEqual([
    ['ride', 0n, true],
    ['same-ride', 1200n, false],
    ['same-ride', 1200n, false],
    ['same-ride', 0n, false],
  ]);
  expect(lines[1]?.steps).toMatchObject([
    { kind: 'same-ride' },
    { kind: 'base', beforeMinor: 0n, afterMinor: 1200n, params: { companions: '1' } },
  ]);
  // Two are allowed for one ride, however they are asked for.
  expect(lines[3]?.steps.at(-1)).toMatchObject({
    params: { reason: 'companions-over-max', companions: '1' },
  });
  const shuffled = priceDay(tariffs, taps.toReversed(), { entitlements: [entitlement('pensioner')] });
  expect(shuffled.lines).toEqual(lines);
});

it('the limit counts companions of the first touch too, and a transfer does not make later ones cheaper', () => {
  const bus = { vehicleId: 'bus' };
  const first = tap(T0, { vehicleId: 'other' });
  const second = tap(T0 + 600_000, { ...bus, companions: 1 });
  const asked = tap(T0 + 605_000, { ...bus, companions: 2, passBackOf: second.tapId });
  const { lines } = priceDay(tariffs, [first, second, asked]);
  expect(lines.map(({ kind, riderMinor }) => [kind, riderMinor])).toEqual([
    ['ride', 1200n],
    ['transfer', 1200n],
    ['same-ride', 1200n],
  ]);
});
