/** What Ternopil's packages charge: prices at both sides of each date, transfers to the second, concessions. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { MediumKind } from '#contracts/record.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { INITIAL_STATE, type PricedLine, type TapFact } from '#pricing/model.ts';
import { priceAccountDay } from '#pricing/price-account-day.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';

const loaded = await loadTariffTimeline(join(import.meta.dirname, '../../cities/ternopil/tariff'));
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems, null, 1));
const { timeline } = loaded;
const calendar = createFareCalendar('Europe/Kyiv', '04:00');

interface Touch {
  readonly at: string;
  readonly route?: string;
  readonly kind?: MediumKind;
}

/** Prices touches of one account on one fare day; each in a vehicle of its own. Instants are UTC. */
function ride(touches: Touch[], concessionId?: string): readonly PricedLine[] {
  const taps = touches.map(({ at, route = 'T5', kind = 'social' }, i): TapFact => {
    return {
      tapId: `val-1.${'0'.repeat(32)}.${i + 1}`,
      fareAtMs: Date.parse(at),
      uncertaintyMs: 0,
      mediumKind: kind,
      direction: 'in',
      companions: 0,
      vehicleId: `v${i}`,
      carrierId: 'tet',
      routeId: route,
      stopId: 'tsentr',
    };
  });
  const entitlement = {
    entitlementId: 'e',
    validFromMs: 0,
    validUntilMs: null,
    knownFromMs: 0,
    knownUntilMs: null,
  };
  const day = {
    accountId: 'acc-1',
    fareDay: calendar.fareDayOf(taps[0]?.fareAtMs ?? 0),
    taps,
    entitlements: concessionId === undefined ? [] : [{ ...entitlement, concessionId }],
    passes: [],
    knownAsOfMs: null,
  };
  return priceAccountDay(INITIAL_STATE, day, timeline, calendar).lines;
}

const chargeOf = (touch: Touch, concessionId?: string) => ride([touch], concessionId)[0]?.riderMinor;
const kinds: MediumKind[] = ['social', 'wallet', 'bank'];

test('the packages load without a remark', () => {
  expect(loaded.problems).toEqual([]);
});

describe('each tariff begins and ends to the second', () => {
  // Kyiv is three hours before UTC in summer time, two in winter.
  test.each([
    ['a second before November 2018 nothing is known', '2018-10-31T21:59:59Z', [0n, 0n, 0n]],
    ['in November 2018 the trolleybus costs 5 and 6', '2018-10-31T22:00:00Z', [500n, 600n, 600n]],
    ['a second before October 2021 the old price holds', '2021-09-30T20:59:59Z', [500n, 600n, 600n]],
    ['from 1 October 2021 it costs 8, 9 and 10', '2021-09-30T21:00:00Z', [800n, 900n, 1000n]],
    ['a second before August 2024 the old price holds', '2024-07-31T20:59:59Z', [800n, 900n, 1000n]],
    ['from 1 August 2024 it costs 12, 14 and 15', '2024-07-31T21:00:00Z', [1200n, 1400n, 1500n]],
    ['a second before 23 March 2026 it still does', '2026-03-22T21:59:59Z', [1200n, 1400n, 1500n]],
    ['from 23 March 2026 nothing is known', '2026-03-22T22:00:00Z', [0n, 0n, 0n]],
  ])('%s', (_name, at, prices) => {
    expect(kinds.map((kind) => chargeOf({ at, kind }))).toEqual(prices);
    const unknown = prices[0] === 0n;
    expect(ride([{ at }])[0]?.kind).toBe(unknown ? 'unpriced' : 'ride');
  });

  test('in 2018 only the trolleybus is in the package', () => {
    expect(ride([{ at: '2018-12-01T10:00:00Z', route: 'B35' }])[0]?.kind).toBe('unpriced');
  });
});

describe('transfers', () => {
  const second = (at: string, route: string) => ride([{ at: '2025-10-14T05:00:00Z' }, { at, route }])[1];

  test.each([
    ['a second before half an hour', '2025-10-14T05:29:59Z', 'transfer', 0n],
    ['at half an hour', '2025-10-14T05:30:00Z', 'transfer', 0n],
    ['a second after half an hour', '2025-10-14T05:30:01Z', 'ride', 1200n],
  ])('%s, from the trolleybus to a private bus', (_name, at, kind, price) => {
    expect(second(at, 'P18')).toMatchObject({ kind, riderMinor: price });
    expect(second(at, 'T7')).toMatchObject({ kind, riderMinor: price });
  });

  test('are as many as one likes, counted from the first ride', () => {
    const at = ['05:00:00', '05:09:00', '05:18:00', '05:27:00', '05:36:00'];
    const lines = ride(at.map((time) => ({ at: `2025-10-14T${time}Z` })));
    expect(lines.map((line) => line.riderMinor)).toEqual([1200n, 0n, 0n, 0n, 1200n]);
  });

  test('are known from October 2021 on', () => {
    const rides = (date: string) => ride([{ at: `${date}T10:00:00Z` }, { at: `${date}T10:10:00Z` }]);
    expect(rides('2021-09-15').map((line) => line.riderMinor)).toEqual([500n, 500n]);
    expect(rides('2021-10-15').map((line) => line.riderMinor)).toEqual([800n, 0n]);
  });
});

describe('concessions', () => {
  const at = '2025-10-14T05:00:00Z';

  test.each(['pensioner', 'combatant', 'war-disabled', 'disability-3', 'chornobyl-1', 'rehabilitated'])(
    '%s rides free everywhere, and the city owes the full price',
    (concessionId) => {
      for (const route of ['T5', 'B35', 'P18']) {
        expect(ride([{ at, route }], concessionId)[0]).toMatchObject({
          riderMinor: 0n,
          concessionMinor: 1200n,
          claimRide: true,
          concessionId,
          fundingId: 'city-budget-law',
        });
      }
    },
  );

  test('pupils and students ride free on municipal vehicles and at half price on private ones', () => {
    for (const concessionId of ['pupil-municipal', 'student-municipal']) {
      expect(chargeOf({ at, route: 'T5' }, concessionId)).toBe(0n);
      expect(chargeOf({ at, route: 'B32' }, concessionId)).toBe(0n);
      expect(chargeOf({ at, route: 'P36' }, concessionId)).toBe(600n);
    }
  });

  test('pupils paid half in the trolleybus of 2018', () => {
    expect(chargeOf({ at: '2018-12-01T10:00:00Z' }, 'pupil')).toBe(250n);
  });

  test('a presentation on a transfer is no ride of a claim', () => {
    const lines = ride([{ at }, { at: '2025-10-14T05:10:00Z', route: 'P18' }], 'pensioner');
    expect(lines.map((line) => line.claimRide)).toEqual([true, false]);
    expect(lines.map((line) => line.riderMinor)).toEqual([0n, 0n]);
  });

  test('need the personal card: another medium pays in full', () => {
    expect(chargeOf({ at, kind: 'wallet' }, 'pensioner')).toBe(1400n);
  });

  test('name act and article in the explanation', () => {
    const step = ride([{ at }], 'combatant')[0]?.steps.find((s) => s.kind === 'concession');
    expect(step).toMatchObject({ act: 'law-3551', article: 'ст. 12, ч. 1, п. 7' });
  });
});
