/** Rides after a breakdown: what the tariff may say of them, and what they do to lines and to what is handed on. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chargeDay, type DayPricer } from '#pricing/close-rules.ts';
import { INITIAL_STATE, type PricedLine, type TapBreakdown, type TapFact } from '#pricing/model.ts';
import { priceAccountDay } from '#pricing/price-account-day.ts';
import { parseStateText, stateText } from '#pricing/state-text.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { cases } from '../../support/properties.ts';
import {
  BREAKDOWN,
  CALENDAR,
  entitlement,
  PACKAGE,
  packageOf,
  priceDay,
  tap,
  timelineOf,
} from '../../support/tariff.ts';

const T0 = Date.parse('2026-03-02T08:00:00+02:00');
const MINUTE_MS = 60_000;
const policy = (PACKAGE['tap-policy.yaml'] as string).replaceAll('companion_max: 0', 'companion_max: 3');
const FILES = { 'breakdown.yaml': BREAKDOWN, 'tap-policy.yaml': policy };
const tariffs = timelineOf(packageOf(FILES));

const said = (atMs: number, change: Partial<TapBreakdown> = {}): TapBreakdown => ({
  breakdownId: 'val-1.e.9',
  atMs,
  uncertaintyMs: 0,
  receivedAtMs: atMs + 1000,
  ...change,
});
/** A ride at T0 in v1 that breaks off after ten minutes. */
const broken = (change: Partial<TapFact> = {}) =>
  tap(T0, { vehicleId: 'v1', breakdowns: [said(T0 + 10 * MINUTE_MS)], ...change });
const later = (minutes: number, change: Partial<TapFact> = {}) => tap(T0 + minutes * MINUTE_MS, change);
const paid = (taps: readonly TapFact[], timeline: TariffTimeline = tariffs) =>
  priceDay(timeline, taps).lines.map((line) => line.riderMinor);
const sum = (lines: readonly PricedLine[]) => lines.reduce((total, line) => total + line.riderMinor, 0n);

function problems(text: string): string[] {
  const read = readTariffPackage(filesOf({ ...PACKAGE, 'breakdown.yaml': text }));
  return read.problems.map((p) => `${p.file}:${p.line}: ${p.message}`);
}

describe('breakdown.yaml', () => {
  it('may be left out: then a breakdown changes no price', () => {
    const silent = timelineOf(packageOf({ 'tap-policy.yaml': policy }));
    expect(paid([broken(), later(45)], silent)).toEqual([1200n, 1200n]);
    expect(stateText(priceDay(silent, [broken()]).stateOut)).not.toContain('broken');
  });

  it('says nothing in a network without a row of its own, where no other row is for all', () => {
    const [, , privateRow] = BREAKDOWN.trim().split('\n');
    const only = timelineOf(packageOf({ ...FILES, 'breakdown.yaml': `breakdown:\n${privateRow}\n` }));
    expect(paid([broken(), later(45)], only)).toEqual([1200n, 1200n]);
    expect(paid([broken({ routeId: 'P1' }), later(15, { routeId: 'P1' })], only)).toEqual([1300n, 0n]);
  });

  it.each([
    [
      'an act that is not listed',
      'act: order-1, article: п. 11',
      'act: nobody, article: п. 11',
      /:3: act nobody/,
    ],
    ['a network that is not there', 'network_id: private', 'network_id: trams', /:3: network trams/],
    ['two rows for one network', 'network_id: private', 'network_id: ""', /:3: a second row/],
    ['two rules of one name', 'ride-on-private', 'ride-on', /:3: ride-on occurs twice/],
    ['no vehicle at all', 'rides: 2', 'rides: 0', /:3: .*rides/],
    ['a window without end', 'next_window_s: 600', 'next_window_s: 14401', /:3: .*next_window_s/],
    ['routes that nobody knows', 'same_route', 'some_route', /:3: .*next_routes/],
    ['a key that is not known', 'rides: 2', 'rides: 2, colour: red', /:3: .*additional|:3: .*colour/],
  ])('names %s with file and line', (_what, from, to, message) => {
    expect(BREAKDOWN).toContain(from);
    expect(problems(BREAKDOWN.replace(from, to))[0]).toMatch(message);
  });
});

describe('the ride after a breakdown', () => {
  it('is a transfer in its amounts, free by a step of its own, and no ride of a claim', () => {
    const [, line] = priceDay(tariffs, [broken({ tapId: 'a' }), later(45)], {
      entitlements: [entitlement('pensioner')],
    }).lines;
    expect(line).toMatchObject({
      kind: 'transfer',
      grossMinor: 1200n,
      riderMinor: 0n,
      transferMinor: 1200n,
      concessionMinor: 0n,
      concessionId: 'pensioner',
      claimRide: false,
    });
    expect(line?.steps).toMatchObject([
      { kind: 'base', beforeMinor: 0n, afterMinor: 1200n },
      {
        kind: 'breakdown',
        ruleId: 'ride-on',
        act: 'order-1',
        article: 'п. 10',
        beforeMinor: 1200n,
        afterMinor: 0n,
        params: { breakdown: 'val-1.e.9', tap: 'a', minutes: '35', limitMinutes: '60' },
      },
    ]);
  });

  it('is that of the medium that rode, of two cards of one account', () => {
    const taps = [broken({ mediumId: 'm1' }), later(45, { mediumId: 'm2' }), later(46, { mediumId: 'm1' })];
    const [, stranger, own] = priceDay(tariffs, taps).lines;
    expect([stranger?.kind, own?.steps[1]?.kind]).toEqual(['ride', 'breakdown']);
  });

  it('is of the routes and as many vehicles as the tariff says', () => {
    const first = broken({ routeId: 'P1' });
    const next = (route: string, ...minutes: number[]) => [
      first,
      ...minutes.map((minute) => later(minute, { routeId: route, mediumKind: 'social' })),
    ];
    const kinds = (taps: TapFact[]) => priceDay(tariffs, taps).lines.map((line) => line.steps[1]?.kind);
    expect(kinds(next('P1', 15, 17, 19))).toEqual([undefined, 'breakdown', 'breakdown', 'transfer']);
    expect(kinds(next('P2', 15))).toEqual([undefined, 'transfer']);
    expect(kinds(next('P1', 20))).toEqual([undefined, 'breakdown']);
    expect(kinds([...next('P1'), tap(T0 + 20 * MINUTE_MS + 1, { routeId: 'P1' })])).toEqual([
      undefined,
      'transfer',
    ]);
    // The same vehicle again is no second one.
    const back = [
      first,
      later(12, { routeId: 'P1', vehicleId: 'v2' }),
      later(19, { routeId: 'P1', vehicleId: 'v2' }),
    ];
    expect(kinds(back)[2]).not.toBe('breakdown');
    // From a municipal vehicle any network is free.
    expect(paid([broken(), later(45, { routeId: 'P1' })])).toEqual([1200n, 0n]);
  });

  it('takes companions along who touch later, as many as paid', () => {
    const again = (id: string, minutes: number, vehicleId: string, companions: number, of: string) =>
      later(minutes, { tapId: id, vehicleId, companions, mediumId: 'm', passBackOf: of });
    const taps = [
      broken({ tapId: 'a', mediumId: 'm' }),
      again('b', 1, 'v1', 2, 'a'),
      later(45, { tapId: 'c', vehicleId: 'v2', mediumId: 'm', companions: 1 }),
      again('d', 46, 'v2', 2, 'c'),
    ];
    const lines = priceDay(tariffs, taps).lines;
    expect(lines.map((l) => [l.riderMinor, l.transferMinor, l.grossMinor])).toEqual([
      [1200n, 0n, 1200n],
      [2400n, 0n, 2400n],
      [0n, 2400n, 2400n],
      // One of the two had paid.
      [1200n, 1200n, 2400n],
    ]);
    expect(lines[3]?.steps.map((step) => step.kind)).toEqual(['same-ride', 'base', 'breakdown']);
  });

  it('is not taken for the rider where only a doubt would make it one and it spares nothing', () => {
    const doubtful = broken({ breakdowns: [said(T0 + 90 * MINUTE_MS + 501, { uncertaintyMs: 500 })] });
    const [, sure] = priceDay(tariffs, [doubtful, later(120)]).lines;
    expect(sure?.steps[1]?.kind).toBeUndefined();
    const wider = broken({
      breakdowns: [said(T0 + 90 * MINUTE_MS + 501, { uncertaintyMs: 500 })],
      uncertaintyMs: 1,
    });
    const [, spared] = priceDay(tariffs, [wider, later(120)]).lines;
    expect(spared?.steps.map((step) => step.kind)).toEqual(['base', 'breakdown', 'clock']);
    expect(spared?.steps[2]?.params).toMatchObject({ nominalMinor: '1200', uncertaintyS: '1' });
    // Also where only the tap's own clock was not sure.
    const early = broken({ breakdowns: [said(T0 + 90 * MINUTE_MS + 4000)], uncertaintyMs: 4000 });
    const [, own] = priceDay(tariffs, [early, later(120)]).lines;
    expect(own?.steps[2]?.params['uncertaintyS']).toBe('4');
    const pensioner = { entitlements: [entitlement('pensioner')] };
    expect(priceDay(tariffs, [wider, later(120)], pensioner).lines[1]?.claimRide).toBe(true);
  });

  it('hands on what is still open, in a text that says the same again', () => {
    const night = Date.parse('2026-03-03T03:50:00+02:00');
    const first = tap(night, {
      vehicleId: 'v1',
      mediumId: 'm',
      breakdowns: [said(night + MINUTE_MS)],
      companions: 1,
    });
    const { stateOut } = priceDay(tariffs, [first]);
    const text = stateText(stateOut);
    expect(text).toContain('"broken":[{"mediumId":"m"');
    expect(stateText(parseStateText(text))).toBe(text);
    const next = priceDay(tariffs, [tap(night + 40 * MINUTE_MS, { mediumId: 'm', companions: 1 })], {
      stateIn: parseStateText(text),
    });
    expect(next.lines[0]).toMatchObject({ riderMinor: 0n, transferMinor: 2400n });
    expect(stateText(next.stateOut)).not.toContain('broken');
  });
});

describe('a breakdown that comes late', () => {
  const pricer: DayPricer = {
    price: (stateIn, day) => priceAccountDay(stateIn, day, tariffs, CALENDAR),
    stateText,
  };
  const closedAtMs = T0 + 5 * 86_400_000;
  const charge = (receivedAtMs: number, first: Partial<TapFact> = {}) => {
    const taps = [broken({ breakdowns: [said(T0 + 10 * MINUTE_MS, { receivedAtMs })], ...first }), later(45)];
    const fareDay = CALENDAR.fareDayOf(T0);
    const day = { accountId: 'a', fareDay, taps, entitlements: [], passes: [], knownAsOfMs: closedAtMs };
    return chargeDay({ state: INITIAL_STATE, base: null }, day, pricer, (_tap, ms = T0) => ms <= closedAtMs);
  };

  it('lowers the charge of a closed day all the same', () => {
    for (const receivedAtMs of [closedAtMs, closedAtMs + 1]) {
      const { lines } = charge(receivedAtMs);
      expect(lines.map(({ line, lossMinor }) => [line.riderMinor, lossMinor])).toEqual([
        [1200n, 0n],
        [0n, 0n],
      ]);
    }
  });

  it('raises no charge of a closed day, whatever it does to the rides after', () => {
    const ride = fc.record({
      minute: fc.integer({ min: 0, max: 200 }),
      vehicleId: fc.constantFrom('v1', 'v2', 'v3'),
      routeId: fc.constantFrom('T1', 'P1'),
      breaksAfter: fc.option(fc.integer({ min: 0, max: 100 })),
    });
    fc.assert(
      fc.property(fc.array(ride, { minLength: 1, maxLength: 12 }), (rides) => {
        const taps = rides.map(({ minute, vehicleId, routeId, breaksAfter }, i) => {
          const atMs = T0 + minute * MINUTE_MS;
          const breakdowns =
            breaksAfter === null
              ? []
              : [said(atMs + breaksAfter * MINUTE_MS, { receivedAtMs: closedAtMs + 1 })];
          return tap(atMs, {
            tapId: `t${i}`,
            vehicleId,
            routeId,
            ...(breakdowns.length > 0 && { breakdowns }),
          });
        });
        const day = {
          accountId: 'a',
          fareDay: CALENDAR.fareDayOf(T0),
          taps,
          entitlements: [],
          passes: [],
          knownAsOfMs: closedAtMs,
        };
        const { lines } = chargeDay(
          { state: INITIAL_STATE, base: null },
          day,
          pricer,
          (_tap, ms = T0) => ms <= closedAtMs,
        );
        const without = priceDay(
          tariffs,
          taps.map(({ breakdowns: _, ...rest }) => rest),
        ).lines;
        lines.forEach(({ line, lossMinor }, i) => {
          expect(line.riderMinor - lossMinor).toBeLessThanOrEqual(without[i]?.riderMinor as bigint);
        });
      }),
      cases(),
    );
  });
});

describe('breakdowns at one price', () => {
  const one = timelineOf(
    packageOf({
      ...FILES,
      'fare_products.txt': (PACKAGE['fare_products.txt'] as string).replaceAll('13.00', '12.00'),
    }),
  );
  const ride = fc.record({
    second: fc.integer({ min: 0, max: 4 * 3600 }),
    vehicleId: fc.constantFrom('v1', 'v2', 'v3', 'v4'),
    breaksAfterS: fc.option(fc.integer({ min: 0, max: 3000 })),
    uncertaintyMs: fc.constantFrom(0, 0, 30_000),
  });

  it('never cost a rider more than without them', () => {
    fc.assert(
      fc.property(fc.array(ride, { minLength: 1, maxLength: 15 }), (rides) => {
        const taps = (broken: boolean) =>
          rides.map(({ second, vehicleId, breaksAfterS, uncertaintyMs }, i) => {
            const atMs = T0 + second * 1000;
            const breakdowns =
              broken && breaksAfterS !== null ? [said(atMs + breaksAfterS * 1000, { uncertaintyMs })] : [];
            return tap(atMs, { tapId: `t${i}`, vehicleId, ...(breakdowns.length > 0 && { breakdowns }) });
          });
        expect(sum(priceDay(one, taps(true)).lines)).toBeLessThanOrEqual(
          sum(priceDay(one, taps(false)).lines),
        );
      }),
      cases(),
    );
  });
});
