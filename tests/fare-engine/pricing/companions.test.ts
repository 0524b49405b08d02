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
