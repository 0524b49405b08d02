/** What inspectors may ask, as a package says it and as their devices are told. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InspectionRules } from '#contracts/enrolment.ts';
import { parserOf } from '#contracts/parse.ts';
import { inspectionRules } from '#pricing/inspection.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { loadTariffTimeline } from '../../../fare-engine/tariffs/load-tariff.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { PACKAGE, packageOf } from '../../support/tariff.ts';

const WHOLE = `inspection:
  - network_id: ""
    ride_window_s: 5400
    act: order-1
    article: p. 1
    penalty: { fare_multiple: 20, fare_media_id: wallet_card, act: order-1, article: p. 2 }
  - { network_id: private, ride_window_s: 3600, act: order-1, article: p. 1 }
`;

function problems(text: string): string[] {
  const read = readTariffPackage(filesOf({ ...PACKAGE, 'inspection.yaml': text }));
  return read.problems.map((p) => `${p.file}:${p.line}: ${p.message}`);
}

describe('inspection.yaml', () => {
  it('becomes rules in money, the lowest full price of any network where none is named', () => {
    const tariff = packageOf({ 'inspection.yaml': WHOLE });
    const rules = inspectionRules([tariff]);
    expect(parserOf(InspectionRules)(rules)).toMatchObject({ ok: true });
    expect(rules).toMatchObject([
      {
        validFromMs: tariff.validFromMs,
        validUntilMs: null,
        rideWindowS: 5400,
        penalty: {
          fareMinor: '1400',
          factor: 20,
          penaltyMinor: '28000',
          currency: 'UAH',
          packageHash: tariff.hash,
        },
      },
      { rideWindowS: 3600, routeIds: expect.arrayContaining([expect.any(String)]) },
    ]);
    expect(rules[0]).not.toHaveProperty('routeIds');
    expect(rules[1]).not.toHaveProperty('penalty');
  });

  it('may be left out, and a draft asks nothing', () => {
    expect(inspectionRules([packageOf({})])).toEqual([]);
    const draft = {
      'tariff.yaml': (PACKAGE['tariff.yaml'] as string).replace('status: in-force', 'status: draft'),
    };
    expect(inspectionRules([packageOf({ 'inspection.yaml': WHOLE, ...draft })])).toEqual([]);
  });

  it.each([
    [
      'an act that is not listed',
      'act: order-1, article: p. 2',
      'act: nobody, article: p. 2',
      /:6: act nobody/,
    ],
    ['an act of the window', 'act: order-1\n', 'act: nobody\n', /:4: act nobody/],
    ['a medium that is not there', 'wallet_card', 'coin', /:6: medium coin/],
    ['a network that is not there', 'private', 'trams', /:7: network trams/],
    ['two rows for one network', 'network_id: private', 'network_id: ""', /:7: a second row/],
    ['no row for all others', 'network_id: ""', 'network_id: municipal', /:1: no row for all/],
    ['a factor of zero', 'fare_multiple: 20', 'fare_multiple: 0', /:6: .*fare_multiple/],
    [
      'a key that is not known',
      'ride_window_s: 3600',
      'ride_window_s: 3600, fine: 1',
      /:7: .*additional|:7: .*fine/,
    ],
  ])('names %s with file and line', (_what, from, to, message) => {
    expect(WHOLE).toContain(from);
    expect(problems(WHOLE.replace(from, to))[0]).toMatch(message);
  });
});

it('Ternopil asks twenty fares of 12 UAH under KUpAP art. 135, until the tariff ends', async () => {
  const loaded = await loadTariffTimeline(join(import.meta.dirname, '../../../cities/ternopil/tariff'));
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  expect(inspectionRules(loaded.timeline.packages)).toMatchObject([
    {
      validUntilMs: Date.parse('2026-03-22T22:00:00Z'),
      rideWindowS: 5400,
      penalty: {
        fareMinor: '1200',
        factor: 20,
        penaltyMinor: '24000',
        act: 'kupap',
        article: 'ст. 135',
      },
    },
  ]);
});
