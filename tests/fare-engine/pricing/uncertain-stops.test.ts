/** A stop of which the device is not sure makes no price higher, and the line says so. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidateStops } from '#pricing/candidate-stops.ts';
import { parseFactBundle } from '#pricing/fact-bundle.ts';
import { stepText } from '#pricing/step-text.ts';
import { cases } from '../../support/properties.ts';
import { sharedData } from '../../support/shared-data.ts';
import { PACKAGE, packageOf, priceDay, tap, ternopil, timelineOf } from '../../support/tariff.ts';

const NOON = '2026-03-02T12:00:00+02:00';

/** Fares by the area of boarding: 12.00 in the middle, 20.00 outside, 8.00 in a far village. */
const ZONES = {
  'areas.txt': 'area_id,area_name\nmiddle,Middle\noutside,Outside\nvillage,Village\n',
  'stops.txt': 'stop_id,stop_name,stop_lat,stop_lon\nm1,M1,49,25\nm2,M2,49,25\no1,O1,49,25\nv1,V1,49,25\n',
  'stop_areas.txt': 'area_id,stop_id\nmiddle,m1\nmiddle,m2\noutside,o1\nvillage,v1\n',
  'fare_products.txt': `
fare_product_id,fare_product_name,rider_category_id,fare_media_id,amount,currency
ride-middle,Поїздка,full,social_card,12.00,UAH
ride-outside,Поїздка,full,social_card,20.00,UAH
ride-village,Поїздка,full,social_card,8.00,UAH
`,
  'fare_leg_rules.txt': `
rule_id,leg_group_id,network_id,from_area_id,fare_product_id,act,article
leg-middle,city,municipal,middle,ride-middle,order-1,п. 1
leg-outside,city,municipal,outside,ride-outside,order-1,п. 1
leg-village,far,private,village,ride-village,order-1,п. 1
`,
};
const zones = packageOf(ZONES);
const priceAt = (stopId: string | null, stopUnsure?: boolean) =>
  priceDay(timelineOf(zones), [tap(NOON, { stopId, ...(stopUnsure === undefined ? {} : { stopUnsure }) })])
    .lines[0];

describe('a doubtful stop', () => {
  it('costs what the cheapest area of its network costs; a sure one costs its own', () => {
    expect(priceAt('o1')).toMatchObject({ riderMinor: 2000n });
    expect(priceAt('o1', false)).toMatchObject({ riderMinor: 2000n });
    // The village is cheaper still, but no fare of this network begins there.
    expect(priceAt('o1', true)).toMatchObject({ riderMinor: 1200n, grossMinor: 1200n });
    expect(priceAt('m2', true)).toMatchObject({ riderMinor: 1200n });
  });

  it('has a step where it made a difference, in four languages, and none where it did not', () => {
    const line = priceAt('o1', true);
    const step = line?.steps.find(({ kind }) => kind === 'stop');
    expect(step).toMatchObject({
      ruleId: 'stop/cheapest-area',
      params: { stop: 'o1', nominalMinor: '2000' },
    });
    const said = (['uk', 'en', 'de', 'pl'] as const).map((language) =>
      stepText(step as NonNullable<typeof step>, { language, currency: 'UAH' }),
    );
    expect(new Set(said).size).toBe(4);
    for (const sentence of said) expect(sentence).toMatch(/12[.,]00.*20[.,]00/);
    expect(priceAt('m1', true)?.steps.map(({ kind }) => kind)).toEqual(['base']);
    expect(priceAt('o1')?.steps.map(({ kind }) => kind)).toEqual(['base']);
  });

  it('stays without a price where its own area has none: nobody pays for a doubt', () => {
    expect(priceAt('v1', true)).toMatchObject({ kind: 'unpriced', riderMinor: 0n });
  });

  it('changes nothing in a tariff that does not ask for the stop', async () => {
    const timeline = await ternopil();
    const line = (stopUnsure: boolean) =>
      priceDay(timeline, [
        tap('2025-10-14T12:00:00+03:00', {
          ...{ tapId: 't', vehicleId: 'v', routeId: 'T2', stopId: 'tsentr', stopUnsure },
        }),
      ]);
    expect(line(true)).toEqual(line(false));
    for (const { pricer } of timeline.packages) expect(candidateStops(pricer.feed, 'municipal')).toEqual([]);
  });

  it('travels in a bundle', () => {
    const { tapId, ...rest } = tap(NOON, { stopId: 'o1', stopUnsure: true });
    const header = { kind: 'kvytok-facts', v: 1, zone: 'Europe/Kyiv', dayStart: '04:00', tariffs: [] };
    const line = { kind: 'tap', accountId: 'a', tapId, ...rest };
    const read = parseFactBundle([JSON.stringify(header), JSON.stringify(line)]);
    expect(read.ok && read.bundle.accounts.get('a')?.taps[0]).toMatchObject({ stopUnsure: true });
  });
});

const zakroczym = sharedData('gtfs-zakroczym');

describe.skipIf(!zakroczym.found)(
  `areas of a real town (${zakroczym.found ? 'gtfs-zakroczym' : zakroczym.reason})`,
  () => {
    it('a doubtful stop costs exactly the least of all stops, and a sure one never less than that', () => {
      const file = (name: string) => readFileSync(join(zakroczym.path, name), 'utf8').replace(/^\uFEFF/, '');
      const product = (zone: number, amount: string) => `zone-${zone},Z,full,social_card,${amount},UAH\n`;
      const rule = (zone: number) => `leg-${zone},city,municipal,${zone},zone-${zone},order-1,п. 1\n`;
      const town = packageOf({
        ...Object.fromEntries(['areas.txt', 'stop_areas.txt', 'stops.txt'].map((name) => [name, file(name)])),
        'fare_products.txt': `fare_product_id,fare_product_name,rider_category_id,fare_media_id,amount,currency\n${product(1, '4.00')}${product(2, '3.00')}${product(3, '5.00')}`,
        'fare_leg_rules.txt': `rule_id,leg_group_id,network_id,from_area_id,fare_product_id,act,article\n${[1, 2, 3].map(rule).join('')}`,
        'networks.txt': PACKAGE['networks.txt'] as string,
      });
      const timeline = timelineOf(town);
      const stopIds = [...town.pricer.feed.areasOfStop.keys()];
      expect(stopIds.length).toBeGreaterThan(50);
      expect(candidateStops(town.pricer.feed, 'municipal').length).toBeLessThanOrEqual(4);
      const paid = (stopId: string, stopUnsure: boolean) =>
        priceDay(timeline, [tap(NOON, { stopId, stopUnsure })]).lines[0]?.riderMinor as bigint;
      const least = stopIds.map((stopId) => paid(stopId, false)).reduce((a, b) => (a < b ? a : b));
      fc.assert(
        fc.property(fc.constantFrom(...stopIds), (stopId) => {
          expect(paid(stopId, true)).toBe(least);
          expect(paid(stopId, false)).toBeGreaterThanOrEqual(least);
        }),
        cases(),
      );
    });
  },
);
