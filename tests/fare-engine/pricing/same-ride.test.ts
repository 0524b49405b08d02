/** One ride, touched twice: by time at one place, or because the device itself said so. */
import { describe, expect, it } from 'vitest';
import { INITIAL_STATE, type TapFact } from '#pricing/model.ts';
import { parseStateText, stateText } from '#pricing/state-text.ts';
import { PACKAGE, packageOf, priceDay, tap, timelineOf } from '../../support/tariff.ts';

const NO_TRANSFERS =
  'rule_id,from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,act,article\n';
const tariffs = timelineOf(packageOf({ 'fare_transfer_rules.txt': NO_TRANSFERS }));
const T0 = Date.parse('2026-03-02T08:00:00+02:00');
const NIGHT = Date.parse('2026-03-03T04:00:00+02:00');
const later = (s: number, change: Partial<TapFact> = {}) => tap(T0 + s * 1000, change);
const kinds = (...taps: TapFact[]) => priceDay(tariffs, taps).lines.map((l) => l.kind);
const nowhere = { vehicleId: null, deviceId: 'val-desk-1' };
const bus = { vehicleId: 'bus-7', deviceId: 'val-7' };

describe('a touch where no vehicle is known', () => {
  it('is repeated at the same device, to the last second of the reach', () => {
    expect(kinds(later(0, nowhere), later(120, nowhere))).toEqual(['ride', 'same-ride']);
    expect(kinds(later(0, nowhere), later(121, nowhere))).toEqual(['ride', 'ride']);
  });

  it('is another ride at another device, and a vehicle of the same name is another place', () => {
    expect(kinds(later(0, nowhere), later(10, { ...nowhere, deviceId: 'val-2' }))).toEqual(['ride', 'ride']);
    expect(kinds(later(0, nowhere), later(10, { vehicleId: 'val-desk-1' }))).toEqual(['ride', 'ride']);
  });

  it('is repeated on any device of one vehicle', () => {
    expect(kinds(later(0, bus), later(10, { ...bus, deviceId: 'val-8' }))).toEqual(['ride', 'same-ride']);
  });
});

describe('the reach of pass-back', () => {
  it('widens by the uncertainty of both touches, to the millisecond', () => {
    const second = (ms: number) =>
      kinds(
        later(0, { ...bus, uncertaintyMs: 1000 }),
        tap(T0 + 120_000 + ms, { ...bus, uncertaintyMs: 2000 }),
      )[1];
    expect([second(0), second(3000), second(3001)]).toEqual(['same-ride', 'same-ride', 'ride']);
  });

  it('widens over the end of a fare day as well', () => {
    const one = priceDay(tariffs, [tap(NIGHT - 1000, { ...bus, uncertaintyMs: 120_000 })]);
    const stateIn = parseStateText(stateText(one.stateOut));
    const kind = (s: number) =>
      priceDay(tariffs, [tap(NIGHT + s * 1000, { ...bus, uncertaintyMs: 120_000 })], { stateIn }).lines[0]
        ?.kind;
    expect([kind(359), kind(360)]).toEqual(['same-ride', 'ride']);
  });

  it('says how uncertain the clocks were where that decided', () => {
    const [, line] = priceDay(tariffs, [later(0, bus), later(125, { ...bus, uncertaintyMs: 5000 })]).lines;
    expect(line?.steps).toMatchObject([{ kind: 'same-ride', params: { seconds: '125', uncertaintyS: '5' } }]);
    const [, sure] = priceDay(tariffs, [later(0, bus), later(20, { ...bus, uncertaintyMs: 5000 })]).lines;
    expect(sure?.steps[0]?.params).not.toHaveProperty('uncertaintyS');
  });
});

describe('a touch that its device recorded as a repetition', () => {
  it('is the same ride whatever the clocks say, also when they put it before the first', () => {
    const first = { ...bus, tapId: 'val-7.e.1' };
    const again = { ...bus, tapId: 'val-7.e.2', passBackOf: 'val-7.e.1' };
    expect(kinds(later(0, first), later(1000, again))).toEqual(['ride', 'same-ride']);
    expect(kinds(later(-1000, again), later(0, first))).toEqual(['same-ride', 'ride']);
  });

  it('is a ride of its own where the first one is not there', () => {
    expect(kinds(later(0, bus), later(1000, { ...bus, passBackOf: 'val-7.e.1' }))).toEqual(['ride', 'ride']);
  });

  it('is believed over the end of a fare day while the first touch is remembered', () => {
    const { stateOut } = priceDay(tariffs, [tap(NIGHT - 1000, { ...bus, tapId: 'val-7.e.1' })]);
    const stateIn = parseStateText(stateText(stateOut));
    const again = tap(NIGHT + 600_000, { ...bus, passBackOf: 'val-7.e.1' });
    expect(priceDay(tariffs, [again], { stateIn }).lines[0]?.kind).toBe('same-ride');
  });

  it('does not lengthen the reach for the touches after it', () => {
    const first = { ...bus, tapId: 'val-7.e.1' };
    expect(kinds(later(0, first), later(110, { ...bus, passBackOf: 'val-7.e.1' }), later(200, bus))).toEqual([
      'ride',
      'same-ride',
      'ride',
    ]);
  });
});

describe('two media of one account', () => {
  const card = (n: number) => ({ ...bus, mediumId: `med-${n}` });

  it('on one vehicle are two riders; each has its own reach', () => {
    expect(
      kinds(
        later(0, card(1)),
        later(5, card(2)),
        later(60, card(1)),
        later(122, card(2)),
        later(130, card(2)),
      ),
    ).toEqual(['ride', 'ride', 'same-ride', 'same-ride', 'ride']);
  });

  it('do not answer for each other in what a device recorded', () => {
    const first = { ...card(1), tapId: 'val-7.e.1' };
    expect(kinds(later(0, first), later(500, { ...card(2), passBackOf: 'val-7.e.1' }))).toEqual([
      'ride',
      'ride',
    ]);
  });

  it('have one state text whatever came first', () => {
    const state = (...mediumIds: string[]) =>
      stateText({
        ...INITIAL_STATE,
        lastTouches: mediumIds.map((mediumId) => ({
          placeId: 'vehicle:1',
          mediumId,
          atMs: 1,
          tapId: mediumId,
        })),
      });
    expect(state('b', 'a')).toBe(state('a', 'b'));
    expect(parseStateText(state('a')).lastTouches).toMatchObject([{ mediumId: 'a' }]);
  });
});

describe('the vehicle of the ride before', () => {
  const transfers = (rule: string) =>
    timelineOf(
      packageOf({
        'tap-policy.yaml': (PACKAGE['tap-policy.yaml'] as string).replaceAll(
          'late_tap_accept_s: 259200,',
          `late_tap_accept_s: 259200, ${rule}`,
        ),
      }),
    );
  const lines = (rule: string, ...taps: TapFact[]) =>
    priceDay(transfers(rule), taps).lines.map((l) => [l.kind, Number(l.riderMinor)]);
  const on = (s: number, vehicleId: string | null) => later(s, { vehicleId });

  it.each([
    ['', 'transfer', 0],
    ['same_vehicle_transfer: free,', 'transfer', 0],
    ['same_vehicle_transfer: not,', 'ride', 1200],
  ])('is a transfer or not by the tariff: %s', (rule, kind, minor) => {
    expect(lines(rule, on(0, 'a'), on(600, 'a'))).toEqual([
      ['ride', 1200],
      [kind, minor],
    ]);
  });

  it('begins the time of transfers anew; another vehicle in between, or none known, is a transfer', () => {
    const not = 'same_vehicle_transfer: not,';
    expect(lines(not, on(0, 'a'), on(600, 'a'), on(2400, 'b')).map(([kind]) => kind)).toEqual([
      'ride',
      'ride',
      'transfer',
    ]);
    expect(lines(not, on(0, 'a'), on(600, 'b'), on(1200, 'a')).map(([kind]) => kind)).toEqual([
      'ride',
      'transfer',
      'transfer',
    ]);
    expect(lines(not, on(0, null), on(600, null)).map(([kind]) => kind)).toEqual(['ride', 'transfer']);
  });
});
