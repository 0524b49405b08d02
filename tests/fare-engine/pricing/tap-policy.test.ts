/** Words of `tap-policy.yaml` on journeys: what does not belong together, and what the words do that no example city has. */
import { describe, expect, it } from 'vitest';
import type { TapFact } from '#pricing/model.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { journeyTariff, PRODUCTS, policies, policyRow } from '../../support/journey-tariff.ts';
import { BREAKDOWN, PACKAGE, priceDay, tap, timelineOf } from '../../support/tariff.ts';

function problemsOf(words: string): string[] {
  const policy = `medium_kinds: { social: social_card }\nnetworks:\n${policyRow('', 'mode: in')}${policyRow('municipal', words)}`;
  const { problems } = readTariffPackage(filesOf({ ...PACKAGE, 'tap-policy.yaml': policy }));
  for (const { file, line, howToMend } of problems)
    expect([file, line, howToMend.length > 10]).toEqual(['tap-policy.yaml', 4, true]);
  return problems.map(({ code, message }) => `${code}: ${message}`);
}

const WHOLE = 'mode: in_out, max_journey_s: 3600, missing_tap: max';

describe('a row of tap-policy.yaml', () => {
  it.each([
    ['mode: in, max_journey_s: 3600', 'TARIFF_TAP_POLICY: max_journey_s where only boarding is tapped'],
    ['mode: in, missing_tap: max', 'TARIFF_TAP_POLICY: missing_tap where only boarding is tapped'],
    ['mode: in_out, missing_tap: max', 'TARIFF_TAP_POLICY: in_out without a longest journey'],
    ['mode: in_out, max_journey_s: 3600', 'TARIFF_TAP_POLICY: in_out without a word on missing taps'],
    [
      `${WHOLE}, same_stop_cancel_s: 3601`,
      'TARIFF_TAP_POLICY: a journey is cancelled later than it may last',
    ],
    [
      'mode: in_out, max_journey_s: 3600, missing_tap: flat',
      'TARIFF_TAP_POLICY: a flat price without a product',
    ],
    [
      'mode: in_out, max_journey_s: 3600, missing_tap: flat, penalty_product_id: fine',
      'TARIFF_REFERENCE_UNKNOWN: product fine is not in fare_products.txt',
    ],
    [
      `${WHOLE}, penalty_product_id: ride-private`,
      'TARIFF_TAP_POLICY: a product for missing taps that is never used',
    ],
    [
      'mode: in_out, max_journey_s: 3600, missing_tap: completion',
      'TARIFF_TAP_POLICY: completion without a stop',
    ],
    [
      `${WHOLE}, completion: [{ from_stop_id: x, to_stop_id: y, after_s: 1 }]`,
      'TARIFF_TAP_POLICY: usual journeys that are never used',
    ],
  ])('%s', (words, problem) => {
    expect(problemsOf(words)).toContain(problem);
  });

  it('is whole with a longest journey and a word on missing taps', () => {
    expect(problemsOf(`${WHOLE}, same_stop_cancel_s: 3600`)).toEqual([]);
  });
});

const at = (time: string) => `2026-03-03T${time}+02:00`;
const gate = (time: string, stopId: string, direction: TapFact['direction'], more: Partial<TapFact> = {}) =>
  tap(at(time), { routeId: 'M1', vehicleId: null, deviceId: stopId, stopId, direction, ...more });
const tram = (time: string, stopId: string, more: Partial<TapFact> = {}) =>
  tap(at(time), { routeId: 'R1', vehicleId: 'tram-7', direction: null, stopId, ...more });
const riders = (taps: readonly TapFact[], tariff = journeyTariff()) =>
  priceDay(timelineOf(tariff), taps).lines.map(({ riderMinor }) => Number(riderMinor));

describe('a journey', () => {
  it('that began under one tariff is priced by it, though another holds when it ends', () => {
    const name = (to: string) =>
      (PACKAGE['tariff.yaml'] as string).replace('valid_to: null', `valid_to: ${to}`);
    const old = journeyTariff({ 'tariff.yaml': name('2026-03-03') });
    const dearer = journeyTariff({
      'tariff.yaml': (PACKAGE['tariff.yaml'] as string)
        .replace('test-1', 'test-2')
        .replace('valid_from: 2026-01-01', 'valid_from: 2026-03-03'),
      'fare_products.txt': PRODUCTS.replaceAll('14.00', '19.00'),
    });
    const midnight = Date.parse('2026-03-03T00:00:00+02:00');
    const taps = (entryMs: number) => [
      { ...gate('00:00:00', 'a1', 'in'), fareAtMs: entryMs },
      { ...gate('00:00:00', 'b1', 'out'), fareAtMs: midnight + 600_000 },
    ];
    const lines = (entryMs: number) => priceDay(timelineOf(old, dearer), taps(entryMs)).lines;
    expect(lines(midnight - 1).map(({ kind, riderMinor }) => [kind, riderMinor])).toEqual([
      ['ride', 1400n],
      ['same-ride', 0n],
    ]);
    expect(lines(midnight).map(({ riderMinor }) => riderMinor)).toEqual([1900n, 0n]);
  });

  it('whose exit has no sure stop costs the cheapest that may be meant', () => {
    expect(riders([gate('08:00:00', 'a1', 'in'), gate('08:30:00', 'c1', 'out')])).toEqual([2000, 0]);
    const unsure = gate('08:30:00', 'c1', 'out', { stopUnsure: true });
    expect(riders([gate('08:00:00', 'a1', 'in'), unsure])).toEqual([1000, 0]);
    expect(riders([gate('08:00:00', 'a1', 'in'), gate('08:30:00', 'c1', 'out', { stopId: null })])).toEqual([
      1000, 0,
    ]);
  });

  it('in a vehicle that broke down needs no exit, and the next one is free by the rule of breakdowns', () => {
    const breakdown = {
      breakdownId: 'b',
      atMs: Date.parse(at('08:10:00')),
      uncertaintyMs: 0,
      receivedAtMs: Date.parse(at('08:11:00')),
    };
    const { lines } = priceDay(timelineOf(journeyTariff()), [
      tram('08:00:00', 'a1', { breakdowns: [breakdown] }),
      tram('08:30:00', 'b1', { vehicleId: 'tram-8' }),
      tram('08:50:00', 'c1', { vehicleId: 'tram-8' }),
    ]);
    expect(lines.map(({ riderMinor }) => riderMinor)).toEqual([900n, 0n, 0n]);
    expect(lines[0]?.steps.map(({ params }) => params['state'])).toContain('breakdown');
  });

  it('that had ended before the breakdown gives no free ride', () => {
    const said = (time: string) => {
      const atMs = Date.parse(at(time));
      return [{ breakdownId: 'b', atMs, uncertaintyMs: 0, receivedAtMs: atMs }];
    };
    const next = (time: string) =>
      riders(
        [
          tram('08:00:00', 'a1', { breakdowns: said(time) }),
          tram('08:20:00', 'b1', { breakdowns: said(time) }),
          tram('09:00:00', 'b1', { vehicleId: 'tram-8' }),
          tram('09:10:00', 'c1', { vehicleId: 'tram-8' }),
        ],
        journeyTariff({ 'breakdown.yaml': BREAKDOWN }),
      );
    expect(next('08:20:00')).toEqual([900, 0, 0, 0]);
    expect(next('08:20:01')).toEqual([900, 0, 900, 0]);
  });

  it('that was cancelled costs companions nothing either, and neither does an exit', () => {
    const first = gate('08:00:00', 'a1', 'in');
    const friends = gate('08:00:10', 'a1', 'in', { companions: 1, passBackOf: first.tapId });
    const out = gate('08:00:40', 'a1', 'out');
    const more = gate('08:00:45', 'a1', 'out', { companions: 1, passBackOf: out.tapId });
    expect(riders([first, friends, out, more])).toEqual([0, 0, 0, 0]);
  });

  it('through two doors of one vehicle is one: in at the first, out at the second', () => {
    const first = tram('08:00:00', 'a1', { deviceId: 'door-1' });
    const again = tram('08:00:05', 'a1', { deviceId: 'door-2' });
    const out = tram('08:20:00', 'b1', { deviceId: 'door-2' });
    expect(riders([first, again, out])).toEqual([900, 0, 0]);
  });

  it('that the device took for a repetition is one only where it stood still', () => {
    const first = tram('08:00:00', 'a1');
    const there = tram('08:01:30', 'a1', { passBackOf: first.tapId });
    expect(riders([first, there])).toEqual([4000, 0]);
    const next = tram('08:00:15', 'b1', { passBackOf: first.tapId });
    expect(riders([first, next])).toEqual([900, 0]);
  });

  it('of companions who touch afterwards ends where the holder’s does', () => {
    const first = gate('08:00:00', 'a1', 'in');
    const friends = gate('08:00:10', 'a1', 'in', { companions: 2, passBackOf: first.tapId });
    expect(riders([first, friends, gate('08:30:00', 'c1', 'out')])).toEqual([2000, 4000, 0]);
  });

  it('without an exit is capped where the cap says so', () => {
    const cap = (words: string) =>
      journeyTariff({
        'caps.yaml': `caps:\n  - { cap_id: day, names: { uk: d, en: d, de: d, pl: d }, window: day, day_start: "04:00", basis: amount, cap_minor: 5000, act: order-1, article: п. 1${words} }\n`,
      });
    const taps = [tram('08:00:00', 'a1'), tram('10:00:00', 'a1', { vehicleId: 'tram-8' })];
    expect(riders(taps, cap(''))).toEqual([4000, 4000]);
    expect(riders(taps, cap(', includes_penalties: true'))).toEqual([4000, 1000]);
  });

  it('is followed by a transfer after its arrival, though it began a day and hours before', () => {
    const metro = 'mode: in_out, max_journey_s: 14400, missing_tap: max';
    const tariffs = timelineOf(
      journeyTariff({
        'tap-policy.yaml': policies(metro).replace(/mode: in }/, `${metro} }`),
        'fare_transfer_rules.txt':
          'rule_id,from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,act,article\nchange,city,city,-1,1200,2,0,order-1,п. 9\n',
      }),
    );
    const entry = gate('01:00:00', 'a1', 'in');
    const exit = gate('04:30:00', 'b1', 'out');
    const exitsAhead = [
      { entryTapId: entry.tapId, tapId: exit.tapId, atMs: exit.fareAtMs, stopId: 'b1', receivedAtMs: 0 },
    ];
    const { stateOut } = priceDay(tariffs, [entry], { exitsAhead });
    const after = priceDay(tariffs, [exit, gate('04:50:00', 'b1', 'in'), gate('05:00:00', 'c1', 'out')], {
      stateIn: stateOut,
    });
    expect(after.lines.map(({ riderMinor }) => riderMinor)).toEqual([0n, 0n, 0n]);
  });

  /** In at 08:00, out at 08:30; in at 09:00, out at 09:20: 4800, 3600, 1800 and 3000 seconds. */
  it.each([
    [0, 4800],
    [1, 3600],
    [2, 1800],
    [3, 3000],
  ])(
    'is followed by a transfer by its own way of measuring time: duration_limit_type %s',
    (type, seconds) => {
      const taps = [
        gate('08:00:00', 'a1', 'in'),
        gate('08:30:00', 'b1', 'out'),
        gate('09:00:00', 'b1', 'in'),
        gate('09:20:00', 'c1', 'out'),
      ];
      const metro = 'mode: in_out, max_journey_s: 7200, missing_tap: max';
      const rule = (limit: number) =>
        journeyTariff({
          'tap-policy.yaml': policies(metro).replace(/mode: in }/, `${metro} }`),
          'fare_transfer_rules.txt': `rule_id,from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,act,article\nchange,city,city,-1,${limit},${type},0,order-1,п. 9\n`,
        });
      expect(riders(taps, rule(seconds))).toEqual([1400, 0, 0, 0]);
      expect(riders(taps, rule(seconds - 1))).toEqual([1400, 0, 1400, 0]);
    },
  );
});
