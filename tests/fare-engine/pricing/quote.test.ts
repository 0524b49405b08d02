import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFarePricer } from '#pricing/fares-v2/fare-pricer.ts';
import { readFeed } from '#pricing/gtfs/read-feed.ts';
import { quoteLine } from '#pricing/quote.ts';
import { ask, leg, pricerOf, totals } from '../../support/fare-feed.ts';
import { sharedData } from '../../support/shared-data.ts';

const MEDIA = {
  'fare_media.txt': 'fare_media_id,fare_media_type\ncash,0\ncard,2\napp,4\n',
  'rider_categories.txt':
    'rider_category_id,rider_category_name,is_default_fare_category\nadult,Adult,1\nsenior,Senior,\n',
  'fare_products.txt': `
fare_product_id,amount,currency,rider_category_id,fare_media_id
ride,8.00,UAH,adult,cash
ride,5.00,UAH,adult,card
ride,2.00,UAH,senior,card
boat,6.00,UAH,,
`,
  'fare_leg_rules.txt':
    'network_id,fare_product_id,leg_group_id,rule_id\nbus,ride,bus,leg-bus\nferry,boat,boat,leg-boat\n',
};
const bus = leg('bus1', 'a', 'b', '08:00', '08:20');
const ferry = leg('ferry', 'a', 'b', '08:30', '08:50');

describe('medium and category', () => {
  const pricer = pricerOf(MEDIA);

  it('every medium of the feed is priced for the default category, and none stands in for another', () => {
    expect(totals(pricer, [bus])).toEqual({ cash: '800', card: '500', app: null });
  });

  it('one medium, one category', () => {
    expect(totals(pricer, [bus], { fareMediaId: 'card' })).toEqual({ card: '500' });
    expect(totals(pricer, [bus], { fareMediaId: 'card', riderCategoryId: 'senior' })).toEqual({
      card: '200',
    });
    expect(totals(pricer, [bus], { fareMediaId: 'cash', riderCategoryId: 'senior' })).toEqual({ cash: null });
    expect(totals(pricer, [bus], { riderCategoryId: 'senior' })).toEqual({
      cash: null,
      card: '200',
      app: null,
    });
  });

  it('an empty category or medium in the feed excludes nobody', () => {
    expect(totals(pricer, [ferry], { riderCategoryId: 'senior' })).toEqual({
      cash: '600',
      card: '600',
      app: '600',
    });
  });

  it('a feed that names no medium has the key ""', () => {
    const plain = pricerOf({
      'fare_products.txt': 'fare_product_id,amount,currency\nride,8.00,UAH\n',
      'fare_leg_rules.txt': 'fare_product_id\nride\n',
    });
    expect(totals(plain, [bus])).toEqual({ '': '800' });
  });

  it('a transfer whose product is not sold for the medium does not apply to it', () => {
    const feed = pricerOf(MEDIA, {
      'fare_products.txt': `${MEDIA['fare_products.txt']}change,0.00,UAH,,card\n`,
      'fare_transfer_rules.txt':
        'from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type,fare_product_id\nbus,bus,-1,0,change\n',
    });
    const again = leg('bus2', 'b', 'c', '08:30', '08:40');
    expect(totals(feed, [bus, again])).toEqual({ card: '500', cash: '1600', app: null });
  });

  it('without a default category only products for everybody are priced', () => {
    const feed = pricerOf(MEDIA, {
      'rider_categories.txt': 'rider_category_id,rider_category_name\nadult,Adult\nsenior,Senior\n',
    });
    expect(totals(feed, [bus])).toEqual({ cash: null, card: null, app: null });
    expect(totals(feed, [ferry], { fareMediaId: 'app' })).toEqual({ app: '600' });
  });
});

describe('an answer', () => {
  const pricer = pricerOf(MEDIA);

  it('has the lines and the steps that lead to each total', () => {
    const answer = ask(pricer, [bus, ferry], { fareMediaId: 'card', id: 7 });
    expect(answer).toMatchObject({ id: 7, currency: 'UAH' });
    expect({ ...answer.totals }).toEqual({ card: '1100' });
    expect(answer.lines).toMatchObject([
      { fareMediaId: 'card', legs: [0], fareProductId: 'ride', riderCategoryId: 'adult', amountMinor: '500' },
      { fareMediaId: 'card', legs: [1], fareProductId: 'boat', riderCategoryId: '', amountMinor: '600' },
    ]);
    expect(answer.explanation).toMatchObject([
      { step: 'leg', ruleId: 'leg-bus', beforeMinor: '0', afterMinor: '500' },
      { step: 'leg', ruleId: 'leg-boat', beforeMinor: '500', afterMinor: '1100' },
    ]);
  });

  it('says why there is no price', () => {
    expect(ask(pricer, [bus], { fareMediaId: 'app' }).explanation).toMatchObject([
      { step: 'no-product', legs: [0], ruleId: null, text: expect.stringContaining('ride') },
    ]);
  });

  it('takes wall time of the feed, an offset and Z for the same instant', () => {
    const zoned = pricerOf(MEDIA, {
      'calendar_dates.txt': 'service_id,date,exception_type\nday,20260302,1\n',
      'timeframes.txt': 'timeframe_group_id,start_time,end_time,service_id\npeak,08:00:00,08:00:01,day\n',
      'fare_leg_rules.txt': 'from_timeframe_group_id,fare_product_id\npeak,boat\n',
    });
    for (const departure of [
      '2026-03-02T08:00',
      '2026-03-02T08:00:00+02:00',
      '2026-03-02T06:00:00.999Z',
      '2026-03-02 08:00:00',
    ])
      expect(totals(zoned, [{ ...bus, departure }], { fareMediaId: 'card' }), departure).toEqual({
        card: '600',
      });
    expect(
      totals(zoned, [{ ...bus, departure: '2026-03-02T08:00:00Z', arrival: '2026-03-02T08:30:00Z' }], {
        fareMediaId: 'card',
      }),
    ).toEqual({
      card: null,
    });
  });
});

describe('a request that cannot be answered', () => {
  const pricer = pricerOf(MEDIA);
  const request = (change: object) => JSON.stringify({ id: 'x', legs: [bus], ...change });
  it.each([
    ['{', null, 'QUOTE_NOT_JSON'],
    ['[]', null, 'QUOTE_BAD_REQUEST'],
    ['null', null, 'QUOTE_BAD_REQUEST'],
    [request({ legs: [] }), 'x', 'QUOTE_BAD_REQUEST'],
    [request({}).replace('"x"', '9007199254740992'), null, 'QUOTE_BAD_REQUEST'],
    [request({ legs: 1 }).replace('"x"', '-9007199254740991'), -9007199254740991, 'QUOTE_BAD_REQUEST'],
    [request({ legs: [{ routeId: 'bus1' }] }), 'x', 'QUOTE_BAD_REQUEST'],
    [request({ legs: Array(101).fill(bus) }), 'x', 'QUOTE_BAD_REQUEST'],
    [request({ legs: [{ ...bus, routeId: 'metro' }] }), 'x', 'QUOTE_UNKNOWN_ROUTE'],
    [request({ legs: [{ ...bus, toStopId: 'z' }] }), 'x', 'QUOTE_UNKNOWN_STOP'],
    [request({ legs: [{ ...bus, departure: '2026-02-30T08:00' }] }), 'x', 'QUOTE_BAD_TIME'],
    [request({ legs: [{ ...bus, departure: '2026-00-14T08:00' }] }), 'x', 'QUOTE_BAD_TIME'],
    [request({ legs: [{ ...bus, departure: '0026-03-02T08:00' }] }), 'x', 'QUOTE_BAD_TIME'],
    [request({ legs: [{ ...bus, departure: '08:00' }] }), 'x', 'QUOTE_BAD_TIME'],
    [request({ legs: [{ ...bus, arrival: '2026-03-02T25:00' }] }), 'x', 'QUOTE_BAD_TIME'],
    [request({ legs: [{ ...bus, arrival: '2026-03-02T07:00' }] }), 'x', 'QUOTE_LEGS_OUT_OF_ORDER'],
    [request({ legs: [ferry, bus] }), 'x', 'QUOTE_LEGS_OUT_OF_ORDER'],
    [request({ fareMediaId: 'token' }), 'x', 'QUOTE_UNKNOWN_MEDIUM'],
    [request({ riderCategoryId: 'student' }), 'x', 'QUOTE_UNKNOWN_CATEGORY'],
  ])('%.60s', (line, id, code) => {
    expect(quoteLine(pricer, line)).toMatchObject({ id, error: { code, message: expect.any(String) } });
  });
});

const zakroczym = sharedData('gtfs-zakroczym');

describe.skipIf(!zakroczym.found)(
  `a real town's feed (${zakroczym.found ? 'gtfs-zakroczym' : zakroczym.reason})`,
  () => {
    const files = () =>
      new Map(readdirSync(zakroczym.path).map((name) => [name, readFileSync(join(zakroczym.path, name))]));
    const load = () => createFarePricer(readFeed(files()).feed);

    it('is read without problems', () => {
      expect(readFeed(files()).problems).toEqual([]);
    });

    it('has single rides for the driver’s medium and the normal category only; everything else is null', () => {
      const pricer = load();
      const ride = (from: string, to: string) => leg('Z1', from, to, '08:00', '08:10');
      const stopIn = (area: string) =>
        [...pricer.feed.areasOfStop].find(([, areas]) => areas.includes(area))?.[0] as string;
      const [one, two, three] = [stopIn('1'), stopIn('2'), stopIn('3')] as [string, string, string];
      expect(totals(pricer, [ride(one, one)])).toEqual({ '0': '0', '1': null });
      expect(totals(pricer, [ride(one, two)])).toEqual({ '0': '400', '1': null });
      expect(totals(pricer, [ride(three, one)])).toEqual({ '0': '500', '1': null });
      expect(totals(pricer, [ride(two, three)])).toEqual({ '0': '400', '1': null });
      expect(ask(pricer, [ride(one, two)]).currency).toBe('PLN');
      for (const riderCategoryId of ['1', '2', '3'])
        expect(totals(pricer, [ride(one, two)], { riderCategoryId })).toEqual({ '0': null, '1': null });
      // Two rides without a transfer rule are two fares.
      expect(totals(pricer, [ride(one, two), leg('Z2', two, three, '09:00', '09:10')])).toEqual({
        '0': '800',
        '1': null,
      });
    });
  },
);
