/** Who bears what of a journey of which one tap is missing: the rider, his companions, and the budget of his right. */
import { describe, expect, it } from 'vitest';
import type { PricedLine, TapFact } from '#pricing/model.ts';
import { STEP_LANGUAGES, stepText } from '#pricing/step-text.ts';
import { journeyTariff, PRODUCTS } from '../../support/journey-tariff.ts';
import { entitlement, PACKAGE, priceDay, tap, timelineOf } from '../../support/tariff.ts';

/** Half fares in the metro, with one escort; quota of two a day. */
const HALF = `  - concession_id: half
    rider_category_id: pupil
    names: { uk: учень, en: pupil, de: Schüler, pl: uczeń }
    act: order-1
    article: п. 2
    level: city
    valid_from: 2026-01-01
    valid_to: null
    discount_kind: percent
    discount_bp: 5000
    network_id: metro
    escort_allowed: 1
    funding_id: city-budget
  - concession_id: counted
    rider_category_id: donor
    names: { uk: донор, en: donor, de: Spender, pl: dawca }
    act: order-1
    article: п. 3
    level: city
    valid_from: 2026-01-01
    valid_to: null
    discount_kind: percent
    discount_bp: 10000
    quota_window: day
    quota_minor: 1500
    network_id: metro
    funding_id: city-budget
`;
const tariffs = timelineOf(
  journeyTariff({
    'concessions.yaml': `${PACKAGE['concessions.yaml']}${HALF}`,
    'fare_products.txt': PRODUCTS,
  }),
);
const at = (time: string) => Date.parse(`2026-05-05T${time}+03:00`);
const gate = (time: string, direction: 'in' | 'out', more: Partial<TapFact> = {}) =>
  tap(at(time), { routeId: 'M1', vehicleId: null, deviceId: 'g', stopId: 'a1', direction, ...more });
const tram = (time: string, more: Partial<TapFact> = {}) =>
  tap(at(time), { routeId: 'R1', vehicleId: 'tram-7', stopId: 'a1', ...more });
const price = (right: string | null, ...taps: TapFact[]): readonly PricedLine[] =>
  priceDay(tariffs, taps, { entitlements: right === null ? [] : [entitlement(right)] }).lines;

/** [gross, rider, what the budget owes, a ride to claim for] */
function shares(line: PricedLine | undefined): unknown[] {
  const { grossMinor, riderMinor, transferMinor, concessionMinor, claimRide, steps } = line as PricedLine;
  expect(riderMinor + transferMinor + concessionMinor).toBe(grossMinor);
  let reached = 0n;
  for (const step of steps) {
    expect(step.beforeMinor).toBe(reached);
    reached = step.afterMinor;
    for (const language of STEP_LANGUAGES)
      expect(stepText(step, { language, currency: 'UAH' }).length).toBeGreaterThan(8);
  }
  expect(reached).toBe(riderMinor);
  const owed = steps.filter(({ kind }) => kind === 'concession');
  expect(owed.reduce((sum, { beforeMinor, afterMinor }) => sum + beforeMinor - afterMinor, 0n)).toBe(
    concessionMinor,
  );
  return [Number(grossMinor), Number(riderMinor), Number(concessionMinor), claimRide];
}

describe('a missing exit', () => {
  it('costs the rider his share of the dearest way, and the budget its share of the cheapest', () => {
    const [line] = price('half', gate('08:00', 'in'));
    expect(shares(line)).toEqual([1500, 1000, 500, true]);
    expect(line?.steps.map(({ params }) => params['state'])).toContain('not-owed');
    // With its exit the budget owes its share of the journey that was made.
    const [whole] = price('half', gate('08:00', 'in'), gate('08:30', 'out', { stopId: 'c1' }));
    expect(shares(whole)).toEqual([2000, 1000, 1000, true]);
  });

  it('costs who rides free nothing, with companions and without, and the budget the cheapest way', () => {
    expect(shares(price('pensioner', gate('08:00', 'in'))[0])).toEqual([1000, 0, 1000, true]);
    const accompanied = price('pensioner', gate('08:00', 'in', { companions: 1 }))[0];
    expect(shares(accompanied)).toEqual([3000, 2000, 1000, true]);
  });

  it('counts in a quota of money with what its budget owes', () => {
    // 10.00 of 15.00: what is left lowers a fare of 10.00 to 5.00.
    const later = [gate('12:00', 'in'), gate('12:30', 'out', { stopId: 'a2' })];
    expect(price('counted', gate('08:00', 'in'), ...later).map(shares)[1]).toEqual([1000, 500, 500, true]);
  });

  it('lets an escort ride as the holder does, at the holder’s own price', () => {
    expect(shares(price('half', gate('08:00', 'in', { companions: 1 }))[0])).toEqual([
      3000,
      2000,
      1000,
      true,
    ]);
    const first = gate('08:00:00', 'in');
    const escort = gate('08:00:10', 'in', { companions: 1, passBackOf: first.tapId });
    expect(price('half', first, escort).map(shares)).toEqual([
      [1500, 1000, 500, true],
      [1500, 1000, 500, true],
    ]);
  });
});

describe('an exit without its entry', () => {
  it.each([
    ['half', [1000, 1000, 0, false]],
    ['pensioner', [0, 0, 0, false]],
    [null, [2000, 2000, 0, false]],
  ] as const)(
    'under the right %s leaves nothing with a budget: it is no ride to claim for',
    (right, expected) => {
      expect(shares(price(right, gate('08:00', 'out'))[0])).toEqual(expected);
    },
  );

  it('uses up no quota, neither of rides nor of money', () => {
    const later = [gate('12:00', 'in'), gate('12:30', 'out', { stopId: 'b1' })];
    expect(shares(price('counted', gate('08:00', 'out'), ...later)[1])).toEqual([1400, 0, 1400, true]);
  });
});

describe('a missing exit at one price', () => {
  it('costs companions of who rides free what it costs everybody, whichever touch they come with', () => {
    expect(shares(price('pensioner', tram('08:00', { companions: 2 }))[0])).toEqual([8900, 8000, 900, true]);
    const first = tram('08:00:00');
    const later = tram('08:00:10', { companions: 1, passBackOf: first.tapId });
    expect(price('pensioner', first, later).map(shares)).toEqual([
      [900, 0, 900, true],
      [4000, 4000, 0, false],
    ]);
    expect(shares(price(null, tram('08:00', { companions: 1 }))[0])).toEqual([8000, 8000, 0, false]);
  });

  it('has a step for the companions that names its product', () => {
    const line = price('pensioner', tram('08:00', { companions: 1 }))[0];
    expect(line?.steps.at(-1)).toMatchObject({ kind: 'base', params: { product: 'fine', companions: '1' } });
  });
});

it('bags and companions of a repeated touch whose ride has no price are named with its own reason', () => {
  const first = tap(at('08:00:00'), { vehicleId: 'bus', routeId: 'none' });
  const again = tap(at('08:00:10'), {
    ...{ vehicleId: 'bus', routeId: 'none', bags: 2, companions: 1, passBackOf: first.tapId },
  });
  const line = price(null, first, again)[1] as PricedLine;
  expect(
    line.steps.map(({ kind, params }) => [kind, params['reason'], params['bags'] ?? params['companions']]),
  ).toEqual([
    ['same-ride', undefined, undefined],
    ['unpriced', 'unknown-route', '1'],
    ['unpriced', 'unknown-route', '2'],
  ]);
});
