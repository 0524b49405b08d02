/**
 * Transfers, riders and media as Interline's transitland-lib prices them: inputs and amounts are facts from its tests
 * (`coster/transfers_test.go`, `legs_test.go`, `coster_test.go`; commits 485cad194, 099876580, 44c9bab8d). Zones, hours and
 * joined legs stand in `interline-cases.test.ts`. Where one departs, the case says so.
 */
import { describe, expect, it } from 'vitest';
import { ask, type Leg, pricerOf, ride, totals } from '../../support/fare-feed.ts';

type Files = Readonly<Record<string, string>>;

const BASE: Files = {
  'agency.txt':
    'agency_id,agency_name,agency_url,agency_timezone\nagency,Agency,https://example.com,America/Los_Angeles\n',
  'stops.txt': `
stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station
a,A,37.1,-122.1,,
b,B,37.2,-122.2,,
c,C,37.3,-122.3,,
d,D,37.4,-122.4,,
station,Station,37.5,-122.5,1,
platform1,Platform 1,37.5,-122.5,0,station
platform2,Platform 2,37.5,-122.5,0,station
`,
  'routes.txt': `
route_id,agency_id,route_short_name,route_type,network_id
bus1,agency,1,3,bus
bus2,agency,2,3,bus
rail1,agency,R1,2,rail
rail2,agency,R2,2,rail
ferry,agency,F,4,ferry
`,
};
/** Each network is a leg group of its own. */
const GROUPS: Files = {
  'fare_products.txt': `
fare_product_id,amount,currency
bus_fare,2.00,USD
rail_fare,4.00,USD
ferry_fare,6.00,USD
ab,0.50,USD
bc,1.00,USD
discount,-1.00,USD
upgrade,3.00,USD
`,
  'fare_leg_rules.txt':
    'leg_group_id,network_id,fare_product_id\nbus,bus,bus_fare\nrail,rail,rail_fare\nferry,ferry,ferry_fare\n',
};
const at = (time: string) => `2026-10-05T${time}`;
const go = (route: string, from: string, to: string, start: string, end: string) =>
  ride(route, from, to, at(start), at(end));
const priced = (files: readonly Files[], ...legs: Leg[]) => totals(pricerOf(BASE, ...files), legs);
const rules = (columns: string, ...rows: string[]): Files => ({
  'fare_transfer_rules.txt': `from_leg_group_id,to_leg_group_id,${columns}\n${rows.join('\n')}\n`,
});

const bus = go('bus1', 'a', 'b', '08:00', '08:20');
const rail = go('rail1', 'b', 'c', '08:30', '08:50');
const ferry = go('ferry', 'c', 'd', '09:00', '09:30');

it.each([
  ['no rule', '', '600'],
  ['A + AB', 'bus,rail,0,ab', '250'],
  ['A + AB + B with a discount', 'bus,rail,1,discount', '500'],
  ['AB', 'bus,rail,2,upgrade', '300'],
  ['a rule without a product', 'bus,rail,0,', '200'],
  ['a rule that costs more than two fares', 'bus,rail,1,ab', '650'],
  ['the other direction', 'rail,bus,0,', '600'],
])('a bus, then a train: %s', (_name, row, total) => {
  expect(priced([GROUPS, rules('fare_transfer_type,fare_product_id', row)], bus, rail)).toEqual({
    '': total,
  });
});

it.each([
  ['0', '0', '350'],
  ['1', '1', '1350'],
  ['2', '2', '150'],
  ['0', '2', '350'],
  ['2', '0', '150'],
  ['2', '1', '750'],
  ['1', '2', '750'],
])('a bus, a train and a ferry by types %s and %s', (first, second, total) => {
  const both = rules('fare_transfer_type,fare_product_id', `bus,rail,${first},ab`, `rail,ferry,${second},bc`);
  expect(priced([GROUPS, both], bus, rail, ferry)).toEqual({ '': total });
});

describe('transfer_count', () => {
  const buses = [
    go('bus1', 'a', 'b', '08:00', '08:20'),
    go('bus2', 'b', 'c', '08:30', '08:50'),
    go('bus1', 'c', 'd', '09:00', '09:20'),
    go('bus2', 'd', 'a', '09:30', '09:50'),
  ];
  const columns = 'transfer_count,fare_transfer_type,fare_product_id';
  it.each([
    ['the smallest that covers each', ['bus,bus,1,0,', 'bus,bus,2,0,ab', 'bus,bus,-1,0,bc'], 2, '200'],
    ['the smallest that covers each', ['bus,bus,1,0,', 'bus,bus,2,0,ab', 'bus,bus,-1,0,bc'], 3, '250'],
    ['the smallest that covers each', ['bus,bus,1,0,', 'bus,bus,2,0,ab', 'bus,bus,-1,0,bc'], 4, '350'],
    ['also where a larger one costs less', ['bus,bus,1,0,ab', 'bus,bus,-1,0,'], 3, '250'],
    ['beyond it a new fare', ['bus,bus,1,0,'], 3, '400'],
    ['beyond it a new fare, that transfers again', ['bus,bus,1,0,'], 4, '400'],
  ])('%s: %j, %i buses', (_name, rows, count, total) => {
    expect(priced([GROUPS, rules(columns, ...rows)], ...buses.slice(0, count))).toEqual({ '': total });
  });
});

it.each([
  ['2700', '0', '600'],
  ['3600', '0', '200'],
  ['2700', '1', '200'],
  ['1800', '1', '600'],
  ['1800', '2', '200'],
  ['2700', '3', '200'],
  ['1800', '3', '600'],
])('a limit of %s s of type %s between two groups', (limit, type, total) => {
  const limited = rules(
    'duration_limit,duration_limit_type,fare_transfer_type',
    `bus,rail,${limit},${type},0`,
  );
  const later = go('rail1', 'b', 'c', '08:40', '09:00');
  expect(priced([GROUPS, limited], bus, later)).toEqual({ '': total });
});

it('a limit within one group is measured from the first of consecutive transfers', () => {
  const limited = rules(
    'transfer_count,duration_limit,duration_limit_type,fare_transfer_type',
    'bus,bus,-1,5400,1,0',
  );
  const third = (start: string, end: string) =>
    priced(
      [GROUPS, limited],
      go('bus1', 'a', 'b', '08:00', '08:10'),
      go('bus2', 'b', 'c', '08:40', '08:50'),
      go('bus1', 'c', 'd', start, end),
    );
  expect(third('09:20', '09:30')).toEqual({ '': '200' });
  expect(third('09:40', '09:50')).toEqual({ '': '400' });
});

describe('empty groups', () => {
  const some = rules('fare_transfer_type,fare_product_id', 'bus,,0,', ',ferry,1,discount');
  it.each([
    ['bus1', 'rail1', '200'],
    ['rail1', 'ferry', '900'],
    ['bus1', 'ferry', '800'],
  ])('of %s and %s', (first, second, total) => {
    const legs = [go(first, 'a', 'b', '08:00', '08:20'), go(second, 'b', 'c', '08:30', '08:50')];
    expect(priced([GROUPS, some], ...legs)).toEqual({ '': total });
  });

  it('do not stand for a leg without a group', () => {
    const alone = { 'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,bus_fare\n' };
    const any = rules('transfer_count,fare_transfer_type', ',,-1,0');
    const second = go('bus2', 'b', 'c', '08:30', '08:50');
    expect(priced([GROUPS, alone, any], bus, second)).toEqual({ '': '400' });
  });
});

describe('media', () => {
  const MEDIA: Files = {
    'fare_media.txt': 'fare_media_id,fare_media_name,fare_media_type\ncash,Cash,0\ncard,Card,2\n',
    'fare_products.txt': `
fare_product_id,amount,currency,fare_media_id
rail_fare,4.00,USD,cash
ferry_fare,6.00,USD,card
bus_fare,2.00,USD,cash
bus_fare,2.50,USD,card
free_transfer,0.00,USD,
card_transfer,0.00,USD,card
any_fare,4.00,USD,
`,
  };
  const second = go('bus2', 'b', 'c', '08:30', '08:50');

  it('a transfer is bought with the medium that is asked for, or there is none', () => {
    const card = rules('transfer_count,fare_transfer_type,fare_product_id', 'bus,bus,-1,0,card_transfer');
    expect(priced([GROUPS, MEDIA, card], bus, second)).toEqual({ cash: '400', card: '250' });
  });

  it('departs: it also sums over media, and pays the train in cash and the ferry by card (10.00)', () => {
    const free = rules('fare_transfer_type,fare_product_id', 'rail,ferry,0,free_transfer');
    const legs = [go('rail1', 'a', 'b', '08:00', '08:20'), go('ferry', 'b', 'c', '08:30', '08:50')];
    expect(priced([GROUPS, MEDIA, free], ...legs)).toEqual({ cash: null, card: null });
  });

  it('a product of no medium costs the same with each, and one medium may be asked for', () => {
    const any = { 'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,bus_fare\nrail,any_fare\n' };
    const pricer = pricerOf(BASE, GROUPS, MEDIA, any);
    expect(totals(pricer, [rail])).toEqual({ cash: '400', card: '400' });
    expect(totals(pricer, [bus])).toEqual({ cash: '200', card: '250' });
    expect(totals(pricer, [bus], { fareMediaId: 'cash' })).toEqual({ cash: '200' });
    expect(() => ask(pricer, [bus], { fareMediaId: 'token' })).toThrow('QUOTE_UNKNOWN_MEDIUM');
  });
});

describe('riders', () => {
  const pricer = pricerOf(BASE, {
    'rider_categories.txt':
      'rider_category_id,rider_category_name,is_default_fare_category\nadult,Adult,1\nsenior,Senior,0\nyouth,Youth,0\n',
    'fare_products.txt':
      'fare_product_id,amount,currency,rider_category_id\nbus_fare,2.00,USD,adult\nbus_fare,1.00,USD,senior\nrail_fare,4.00,USD,\n',
    'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,bus_fare\nrail,rail_fare\n',
  });
  it.each<[string, Leg, string | null, string | null]>([
    ['the default', bus, null, '200'],
    ['a category that is sold to', bus, 'senior', '100'],
    ['one that is not', bus, 'youth', null],
    ['a product for anybody', rail, 'youth', '400'],
  ])('%s', (_name, leg, riderCategoryId, total) => {
    expect(totals(pricer, [leg], { riderCategoryId })).toEqual({ '': total });
  });
  it('a category that the feed does not have is refused', () => {
    expect(() => ask(pricer, [bus], { riderCategoryId: 'student' })).toThrow('QUOTE_UNKNOWN_CATEGORY');
  });
});

it('networks of route_networks.txt alone; a route in none has no fare', () => {
  const files = {
    'routes.txt': 'route_id,route_short_name,route_type\nbus1,1,3\nrail1,R1,2\nferry,F,4\n',
    'route_networks.txt': 'network_id,route_id\nbus,bus1\nrail,rail1\n',
    'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,bus_fare\nrail,rail_fare\n',
  };
  expect(priced([GROUPS, files], bus)).toEqual({ '': '200' });
  expect(priced([GROUPS, files], rail)).toEqual({ '': '400' });
  expect(priced([GROUPS, files], ferry)).toEqual({ '': null });
});

it('a platform with an area of its own is not in its station’s', () => {
  const files = {
    'areas.txt': 'area_id\nzone1\nzone2\nzone3\n',
    'stop_areas.txt': 'area_id,stop_id\nzone1,station\nzone2,platform2\nzone3,b\n',
    'fare_products.txt': 'fare_product_id,amount,currency\none,3.00,USD\ntwo,3.50,USD\n',
    'fare_leg_rules.txt':
      'network_id,from_area_id,to_area_id,fare_product_id\nrail,zone1,zone3,one\nrail,zone2,zone3,two\n',
  };
  const from = (platform: string) => priced([files], go('rail1', platform, 'b', '08:00', '08:20'));
  expect([from('platform1'), from('platform2')]).toEqual([{ '': '300' }, { '': '350' }]);
});

it('each step of a fare is told: rule, product, what it adds', () => {
  const some = rules('fare_transfer_type,fare_product_id', 'bus,rail,0,ab');
  const { lines, currency } = ask(pricerOf(BASE, GROUPS, some), [bus, rail]);
  expect(currency).toBe('USD');
  expect(
    lines.map(({ legs, legGroupId, fareProductId, amountMinor }) => [
      legs,
      legGroupId,
      fareProductId,
      amountMinor,
    ]),
  ).toEqual([
    [[0], 'bus', 'bus_fare', '200'],
    [[1], 'rail', 'rail_fare', '50'],
  ]);
});
