/** Caps window by window, both sides of each border. Figures that others publish stand in tests/cases. */
import { describe, expect, it } from 'vitest';
import { INITIAL_STATE, type TapFact } from '#pricing/model.ts';
import { parseStateText, stateText } from '#pricing/state-text.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { capsFile, withCaps } from '../../support/money-tariff.ts';
import { priceDays } from '../../support/price-days.ts';
import { PACKAGE, priceDay, tap, timelineOf } from '../../support/tariff.ts';

/** Rides of 12 on days of March 2026, three hours apart, so that none is a transfer. */
const ride = (day: number, hour: number, change: Partial<TapFact> = {}) =>
  tap(`2026-03-${String(day).padStart(2, '0')}T${String(hour).padStart(2, '0')}:00:00+02:00`, change);
const pays = (cap: Record<string, unknown>, ...taps: TapFact[]) =>
  priceDays(timelineOf(withCaps({ cap_id: 'cap', ...cap })), taps).map((line) => Number(line.riderMinor));

describe('a cap', () => {
  it('of a day leaves the last ride partial, and begins anew at its own start of the day', () => {
    const day = { window: 'day', cap_minor: 2000 };
    const eve = ride(3, 4, { fareAtMs: Date.parse('2026-03-03T04:29:59+02:00') });
    const morning = ride(3, 4, { fareAtMs: Date.parse('2026-03-03T04:30:00+02:00') });
    expect(pays(day, ride(2, 8), ride(2, 11), ride(2, 14), eve, morning)).toEqual([1200, 800, 0, 0, 0]);
    const apart = ride(3, 5, { fareAtMs: Date.parse('2026-03-03T05:00:00+02:00'), routeId: 'T2' });
    expect(pays(day, ride(2, 8), ride(2, 11), ride(2, 14), eve, apart).at(-1)).toBe(1200);
  });

  it('of a week begins on the day that it names', () => {
    const week = { window: 'week', cap_minor: 1200, week_start: 'wednesday' };
    // 4 March 2026 is a Wednesday.
    expect(pays(week, ride(3, 8), ride(3, 23), ride(4, 8), ride(10, 8), ride(11, 8))).toEqual([
      1200, 0, 1200, 0, 1200,
    ]);
  });

  it('of a month counts to the last of the month', () => {
    const month = { window: 'month', cap_minor: 1200 };
    expect(pays(month, ride(1, 8), ride(31, 23), tap('2026-04-01T08:00:00+03:00'))).toEqual([1200, 0, 1200]);
  });

  it('from the first tap runs so many days, and begins with the next ride that is paid', () => {
    const cap = { window: 'days', window_days: 3, anchor: 'first_tap', cap_minor: 1200 };
    expect(pays(cap, ride(2, 8), ride(4, 8), ride(6, 8), ride(8, 8), ride(9, 8))).toEqual([
      1200, 0, 1200, 0, 1200,
    ]);
  });

  it('that slides looks back over the last days', () => {
    const cap = { window: 'days', window_days: 3, anchor: 'sliding', cap_minor: 2400 };
    const taps = [ride(2, 8), ride(3, 8), ride(4, 8), ride(5, 8), ride(6, 8)];
    // On the 5th the 2nd no longer counts, so one ride is paid; on the 6th neither does the 3rd.
    expect(pays(cap, ...taps)).toEqual([1200, 1200, 0, 1200, 1200]);
  });

  it('by rides lets the ones after them go free', () => {
    expect(pays({ window: 'day', cap_rides: 2 }, ride(2, 8), ride(2, 11), ride(2, 14))).toEqual([
      1200, 1200, 0,
    ]);
  });

  it('by rides, reckoned for the best, frees the dearest', () => {
    const cap = { window: 'day', cap_rides: 1, strategy: 'optimal' };
    const taps = [ride(2, 8, { routeId: 'P1' }), ride(2, 11)];
    expect(pays(cap, ...taps)).toEqual([0, 1200]);
    expect(pays({ ...cap, strategy: 'sequential' }, ...taps)).toEqual([1300, 0]);
  });

  it('counts and lowers only what lies in its scope', () => {
    const cap = {
      window: 'day',
      cap_minor: 1200,
      network_ids: ['municipal'],
      fare_media_ids: ['social_card'],
    };
    const taps = [
      ride(2, 8, { routeId: 'P1' }),
      ride(2, 11, { mediumKind: 'wallet' }),
      ride(2, 14),
      ride(2, 17),
      ride(2, 20, { routeId: 'P1' }),
    ];
    expect(pays(cap, ...taps)).toEqual([1300, 1400, 1200, 0, 1300]);
  });

  it('takes the cheaper of two windows where the clock is not sure', () => {
    const cap = { window: 'day', cap_minor: 1200 };
    const unsure = (uncertaintyMs: number) =>
      ride(3, 5, { fareAtMs: Date.parse('2026-03-03T04:31:00+02:00'), routeId: 'T2', uncertaintyMs });
    // More than half an hour after the last ride, one minute into the next day of the cap.
    expect(pays(cap, ride(2, 8), ride(2, 11), unsure(59_000)).at(-1)).toBe(1200);
    expect(pays(cap, ride(2, 8), ride(2, 11), unsure(60_001)).at(-1)).toBe(0);
  });

  it('is a step with its rule, act and article; what it took stands in the line', () => {
    const tariffs = timelineOf(withCaps({ cap_id: 'day-cap', window: 'day', cap_minor: 1500 }));
    const line = priceDay(tariffs, [ride(2, 8), ride(2, 11)]).lines[1];
    expect(line).toMatchObject({ grossMinor: 1200n, capMinor: 900n, riderMinor: 300n });
    expect(line?.steps.at(-1)).toEqual({
      kind: 'cap',
      ruleId: 'day-cap',
      act: 'order-1',
      article: 'п. 20',
      beforeMinor: 1200n,
      afterMinor: 300n,
      params: { cap: 'day-cap', window: 'day', from: '2026-03-02', limitMinor: '1500' },
    });
  });
});

describe('the state', () => {
  it('keeps counts as long as a tap in doubt can look back into their windows, and no longer', () => {
    const tariffs = timelineOf(withCaps({ cap_id: 'week', window: 'week', cap_minor: 5000 }));
    const stateIn = priceDay(tariffs, [ride(2, 8)]).stateOut;
    expect(stateIn.caps).toMatchObject([{ capId: 'week', from: '2026-03-02', spentMinor: '1200', rides: 1 }]);
    // The week ends on Monday the 9th at 04:30, half an hour into a fare day; doubt is looked through for seven days.
    const handedOn = (day: number) =>
      priceDay(tariffs, [ride(day, 8)], { stateIn }).stateOut.caps.map((count) => count.from);
    expect(handedOn(15)).toEqual(['2026-03-02', '2026-03-09']);
    expect(handedOn(16)).toEqual(['2026-03-16']);
  });

  it('of version 1 is read as one in which nothing was counted; another version is refused', () => {
    const old = '{"v":1,"transferRun":null,"lastTouches":[]}';
    expect(stateText(parseStateText(old))).toBe(stateText(INITIAL_STATE));
    expect(() => parseStateText(stateText(INITIAL_STATE).replace('2', '3'))).toThrow('version');
    expect(() => parseStateText('{"v":2,"transferRun":null,"lastTouches":[]}')).toThrow('version');
  });
});

describe('caps.yaml', () => {
  const day = { cap_id: 'cap', window: 'day', cap_minor: 1000 };
  const problemsOf = (...rows: Record<string, unknown>[]) =>
    readTariffPackage(filesOf({ ...PACKAGE, 'caps.yaml': capsFile(...rows) })).problems.map((p) => p.message);

  it.each([
    ['an act that is not listed', [{ ...day, act: 'x' }], 'act x is not in tariff.yaml'],
    ['one id twice', [day, day], 'occurs twice'],
    ['days without a length', [{ ...day, window: 'days', anchor: 'sliding' }], 'days needs both'],
    ['a week that begins in a month', [{ ...day, window: 'month', week_start: 'monday' }], 'belongs to week'],
    ['rides without a number', [{ ...day, basis: 'rides' }], 'rides needs it'],
    ['an amount beside rides', [{ ...day, cap_rides: 3 }], 'cap_minor belongs to amount'],
    ['a network that is not there', [{ ...day, network_ids: ['x'] }], 'x is not in networks.txt'],
    ['a parent that is not there', [{ ...day, parent_cap_id: 'x' }], 'x is no cap'],
    [
      'a parent that is shorter',
      [
        { ...day, parent_cap_id: 'b' },
        { ...day, cap_id: 'b' },
      ],
      'is not longer',
    ],
    [
      'a parent that is lower',
      [
        { ...day, parent_cap_id: 'b' },
        { cap_id: 'b', window: 'week', cap_minor: 999 },
      ],
      'its limit is lower',
    ],
    [
      'extensions of a sequential cap',
      [{ ...day, extensions: [{ fare_product_id: 'x', extension_product_id: 'y' }] }],
      'strategy optimal',
    ],
    ['a best reckoning of nothing', [{ ...day, strategy: 'optimal' }], 'in any order'],
    [
      'a best reckoning of a week',
      [{ cap_id: 'week', window: 'week', cap_rides: 4, strategy: 'optimal' }],
      'the best reckoning is one of a day',
    ],
  ])('is refused for %s', (_what, rows, said) => {
    expect(problemsOf(...(rows as Record<string, unknown>[])).join('\n')).toContain(said);
  });
});
