import { describe, expect, it } from 'vitest';
import type { TapFact } from '#pricing/model.ts';
import { entitlement, PACKAGE, packageOf, priceDay, tap, timelineOf } from '../../support/tariff.ts';

const tariffs = timelineOf(packageOf());
const T0 = Date.parse('2026-03-02T08:00:00+02:00');
const later = (s: number, change: Partial<TapFact> = {}) => tap(T0 + s * 1000, change);
const riders = (taps: TapFact[], more = {}) =>
  priceDay(tariffs, taps, more).lines.map((l) => Number(l.riderMinor));

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
