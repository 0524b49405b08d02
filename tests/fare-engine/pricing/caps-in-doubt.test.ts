/** Caps where a clock is not sure, or a tap came too late: never to the rider's loss, and never at the city's for nothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chargeDay, type DayPricer } from '#pricing/close-rules.ts';
import { INITIAL_STATE, type TapFact } from '#pricing/model.ts';
import { priceAccountDay } from '#pricing/price-account-day.ts';
import { stateText } from '#pricing/state-text.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { capsFile, withCaps } from '../../support/money-tariff.ts';
import { peakFiles } from '../../support/peak-tariff.ts';
import { priceDays } from '../../support/price-days.ts';
import { cases } from '../../support/properties.ts';
import { CALENDAR, packageOf, tap, timelineOf } from '../../support/tariff.ts';

const HOUR = 3_600_000;
const at = (day: number, time: string, change: Partial<TapFact> = {}) =>
  tap(`2026-03-0${day}T${time}:00+02:00`, change);
const pays = (tariffs: TariffTimeline, ...taps: TapFact[]) =>
  priceDays(tariffs, taps).map((line) => Number(line.riderMinor));

describe('a clock that is not sure', () => {
  const peaks = timelineOf(
    packageOf({
      ...peakFiles([['07:00:00', '09:00:00']]),
      'caps.yaml': capsFile({ cap_id: 'peak', window: 'day', cap_minor: 2000, timeframe_group_id: 'peak' }),
    }),
  );

  it('lets a ride lie in the hours of a cap that it may have had', () => {
    const doubtful = (uncertaintyMs: number) => at(2, '09:10', { routeId: 'T2', uncertaintyMs });
    const first = at(2, '07:30');
    expect(pays(peaks, first, doubtful(10 * 60_000))).toEqual([2000, 1200]);
    // One millisecond more, and it may have begun at 08:59:59.999, when the cap was full.
    expect(pays(peaks, first, doubtful(10 * 60_000 + 1))).toEqual([2000, 0]);
  });

  it('finds the window between the ends of its doubt', () => {
    // Full on the 3rd alone; the tap says the 4th and may be of any day from the 2nd to the 6th.
    const tariffs = timelineOf(withCaps({ cap_id: 'day', window: 'day', cap_minor: 1200 }));
    const full = at(3, '12:00');
    const doubt = at(4, '12:00', { routeId: 'T2', uncertaintyMs: 47 * HOUR });
    expect(pays(tariffs, full, doubt)).toEqual([1200, 0]);
    const [, line] = priceDays(tariffs, [full, doubt]);
    expect(line?.steps.at(-1)).toMatchObject({ kind: 'clock', params: { nominalMinor: '1200' } });
    expect(line?.steps.at(-2)).toMatchObject({ kind: 'cap', params: { from: '2026-03-03' } });
  });

  it('finds a window that ended days ago, as far as doubt is looked through', () => {
    const tariffs = timelineOf(withCaps({ cap_id: 'day', window: 'day', cap_minor: 1200 }));
    const doubt = at(8, '12:00', { routeId: 'T2', uncertaintyMs: 6 * 24 * HOUR });
    expect(pays(tariffs, at(2, '12:00'), at(5, '12:00'), doubt)).toEqual([1200, 1200, 0]);
    expect(pays(tariffs, at(1, '12:00'), doubt)).toEqual([1200, 1200]);
  });
});

describe('a tap that came too late to be charged', () => {
  const chargeWith = (tariffs: TariffTimeline, taps: readonly TapFact[], late: ReadonlySet<string>) => {
    const pricer: DayPricer = {
      price: (state, day) => priceAccountDay(state, day, tariffs, CALENDAR),
      stateText,
    };
    const day = {
      accountId: 'a',
      fareDay: '2026-03-02',
      taps,
      entitlements: [],
      passes: [],
      knownAsOfMs: null,
    };
    const start = { state: INITIAL_STATE, base: null };
    return chargeDay(start, day, pricer, ({ tapId }) => !late.has(tapId)).lines;
  };

  it('counts into no cap and is lowered by none: the rides in time cost what they cost without it', () => {
    const tariffs = timelineOf(withCaps({ cap_id: 'day', window: 'day', cap_minor: 2000 }));
    const taps = [at(2, '08:00'), at(2, '11:00', { tapId: 'late' }), at(2, '14:00')];
    const lines = chargeWith(tariffs, taps, new Set(['late']));
    expect(lines.map(({ line, lossMinor }) => [Number(line.riderMinor), Number(lossMinor)])).toEqual([
      [1200, 0],
      [1200, 1200],
      [800, 0],
    ]);
  });

  it('leaves each other ride at its price, for any taps far enough apart', () => {
    const tariffs = timelineOf(
      withCaps(
        { cap_id: 'day', window: 'day', cap_minor: 2500 },
        { cap_id: 'rides', window: 'week', cap_rides: 5 },
      ),
    );
    const hours = fc.uniqueArray(fc.integer({ min: 0, max: 13 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(hours, fc.nat(), (list, picked) => {
        // Too far apart for a transfer, which a late tap may well make: that lowers a price, as it should.
        const taps = list.map((n) =>
          tap(Date.parse('2026-03-02T06:00:00+02:00') + n * 1.5 * HOUR, { tapId: `t${n}` }),
        );
        const late = new Set(taps.filter((_, i) => (picked >> i) % 2 === 1).map(({ tapId }) => tapId));
        const inTime = taps.filter(({ tapId }) => !late.has(tapId));
        const charged = chargeWith(tariffs, taps, late).filter(({ line }) => !late.has(line.tapId));
        expect(charged.map(({ line, lossMinor }) => line.riderMinor - lossMinor)).toEqual(
          priceDays(tariffs, inTime).map((line) => line.riderMinor),
        );
      }),
      cases(),
    );
  });
});
