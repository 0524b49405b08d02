/** A tap after all others of its open day is priced from where they ended, and comes out as if the whole day had been priced. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TapFact } from '#pricing/model.ts';
import { parseRunningText, runningText } from '#pricing/running-text.ts';
import { stateText } from '#pricing/state-text.ts';
import type { StoredTap } from '../../fare-engine/facts/facts.ts';
import { splitDays } from '../../fare-engine/going-on.ts';
import type { DayHead } from '../../fare-engine/ports.ts';
import { journeyTariff } from '../support/journey-tariff.ts';
import { withCaps } from '../support/money-tariff.ts';
import { entitlement, packageOf, priceDay, tap, ternopil, timelineOf } from '../support/tariff.ts';
import { tapRow } from './support/a-record.ts';
import { drain, outcome } from './support/any-order-run.ts';
import { memoryStore } from './support/memory-store.ts';
import { ternopilPricer } from './support/ternopil-pricer.ts';

const MORNING = Date.parse('2026-03-03T06:00:00+02:00');
const MINUTE_MS = 60_000;
const DAY_CAP = { cap_id: 'cap', window: 'day', cap_minor: 4000 };

const touches = fc.array(
  fc.record({
    afterS: fc.constantFrom(1, 20, 90, 600, 1799, 1800, 1801, 5400),
    vehicleId: fc.constantFrom('v1', 'v1', 'v2', null),
    deviceId: fc.constantFrom('d1', 'd2'),
    mediumId: fc.constantFrom('card', 'card', 'phone'),
    routeId: fc.constantFrom('T1', 'T2', 'P1'),
    uncertaintyMs: fc.constantFrom(0, 0, 1, 90_000),
    companions: fc.constantFrom(0, 0, 2),
    bags: fc.constantFrom(0, 0, 1),
  }),
  { minLength: 2, maxLength: 9 },
);

describe.each([
  ['with a cap', timelineOf(withCaps(DAY_CAP))],
  ['of Ternopil', await ternopil()],
])('by the tariff %s', (_, tariffs) => {
  it('a day cut in two at any tap is priced like the whole day', () => {
    fc.assert(
      fc.property(touches, fc.nat(), fc.boolean(), (list, cut, entitled) => {
        let atMs = MORNING;
        const taps = list.map(({ afterS, ...change }) => {
          atMs += afterS * 1000;
          return tap(atMs, change);
        });
        const more = { entitlements: entitled ? [entitlement('pensioner')] : [] };
        const whole = priceDay(tariffs, taps, more);
        const until = 1 + (cut % (taps.length - 1));
        const first = priceDay(tariffs, taps.slice(0, until), more);
        const stateIn = parseRunningText(runningText(first.running ?? first.stateOut));
        const rest = priceDay(tariffs, taps.slice(until), { ...more, stateIn });
        expect([...first.lines, ...rest.lines]).toEqual(whole.lines);
        expect(stateText(rest.stateOut)).toBe(stateText(whole.stateOut));
        expect(stateText(rest.running ?? whole.stateOut)).toBe(stateText(whole.running ?? whole.stateOut));
      }),
      { numRuns: 150 },
    );
  });
});

describe('a day is priced whole', () => {
  const runs = (tariffs: ReturnType<typeof timelineOf>, more = {}, change: Partial<TapFact> = {}): boolean =>
    priceDay(tariffs, [tap(MORNING, change)], more).running !== undefined;

  it('where a later tap may change what an earlier one costs', () => {
    expect(runs(timelineOf(packageOf({})))).toBe(true);
    expect(runs(timelineOf(withCaps(DAY_CAP)))).toBe(true);
    expect(
      runs(timelineOf(withCaps({ cap_id: 'cap', window: 'day', cap_rides: 2, strategy: 'optimal' }))),
    ).toBe(false);
    expect(runs(timelineOf(journeyTariff()))).toBe(false);
    expect(runs(timelineOf(packageOf({})), {}, { passBackOf: 'another' })).toBe(false);
    expect(runs(timelineOf(packageOf({})), { knownAsOfMs: MORNING })).toBe(false);
  });

  const KEY = { accountId: 'acc', fareDay: '2026-03-03' };
  const STATES = { stateIn: '{}', stateOut: '{}', baseIn: null, baseOut: null };
  const RUNNING = { ...STATES, fareDay: KEY.fareDay, running: '{}', lastTapMs: 100 };
  const goes = (
    newest: DayHead['newest'],
    change: Partial<StoredTap> = {},
    day: { isPlain?: boolean; closed?: string } = {},
  ): boolean => {
    const taps = [{ fareAtMs: 101, passBackOf: null, ...change } as StoredTap];
    const closes = day.closed === undefined ? [] : [{ fareDay: day.closed, knownFromMs: 1 }];
    const keys = [{ ...KEY, taps, isPlain: day.isPlain ?? true }];
    return splitDays(keys, [{ ...KEY, newest }], closes).goingOn.length === 1;
  };

  it('unless its taps are all after the last one', () => {
    expect([goes(RUNNING), goes(RUNNING, { fareAtMs: 100 })]).toEqual([true, false]);
    expect(goes({ ...RUNNING, running: null, lastTapMs: null })).toBe(false);
    expect(goes(RUNNING, { passBackOf: 'another' })).toBe(false);
    expect(goes(RUNNING, {}, { isPlain: false })).toBe(false);
  });

  it('where it is closed, where a later day was priced, where one day waits for another', () => {
    expect(goes(RUNNING, {}, { closed: '2026-03-02' })).toBe(true);
    expect(goes(RUNNING, {}, { closed: '2026-03-03' })).toBe(false);
    expect(goes({ ...RUNNING, fareDay: '2026-03-04' })).toBe(false);
    const days = ['2026-03-03', '2026-03-04'].map((fareDay) => ({
      ...KEY,
      fareDay,
      taps: [],
      isPlain: true,
    }));
    const heads = days.map((key) => ({ ...key, newest: null }));
    expect(splitDays(days, heads, []).whole).toEqual(days);
  });

  it('where the day before hands on what is not settled', () => {
    const before = { ...RUNNING, fareDay: '2026-03-02' };
    expect([goes(null), goes(before)]).toEqual([true, true]);
    expect(goes({ ...before, baseOut: '{}' })).toBe(false);
    expect(goes({ ...before, stateOut: '{"journeys":[]}' })).toBe(false);
  });
});

it('taps that come in order are never read again, and come out as if they had come at once', async () => {
  const pricer = await ternopilPricer();
  const rows = [0, 10, 300].map((minute, i) => tapRow({ seq: i + 1, atMs: MORNING + minute * MINUTE_MS }));
  const atOnce = memoryStore();
  atOnce.deliver(rows);
  await drain(atOnce, 10, pricer);
  const store = memoryStore();
  const wholes: number[] = [];
  const { pricing } = store;
  const watched = {
    ...store,
    pricing: (work: Parameters<typeof pricing>[0]) =>
      pricing((tx) =>
        work({
          ...tx,
          storeAndLoad: (records, fresh, whole, goingOn) => {
            wholes.push(whole.length);
            return tx.storeAndLoad(records, fresh, whole, goingOn);
          },
        }),
      ),
  } as typeof store;
  for (const row of rows) {
    store.deliver([row]);
    await drain(watched, 1, pricer);
  }
  expect(wholes).toEqual([0, 0, 0]);
  expect(outcome(store)).toEqual(outcome(atOnce));
});
