/** What is wrong with a feed: where it is, and whether the feed can be used all the same. */
import { describe, expect, it } from 'vitest';
import { readFeed } from '#pricing/gtfs/read-feed.ts';
import { BASE_FEED, feedProblems, filesOf, leg, pricerOf, totals } from '../../support/fare-feed.ts';

const PRODUCTS = {
  'fare_products.txt': `
fare_product_id,amount,currency
p1,1.00,UAH
p2,2.00,UAH
p4,4.00,UAH
p8,8.00,UAH
`,
};

const bus = leg('bus1', 'a', 'b', '08:00', '08:20');

describe('problems of a feed', () => {
  it.each<[string, Record<string, string>, string]>([
    [
      'an area that no file names',
      { 'fare_leg_rules.txt': 'from_area_id,fare_product_id\nx,p1\n' },
      'fare_leg_rules.txt:2 warning',
    ],
    ['a second route', { 'routes.txt': 'route_id\nr\nr\n' }, 'routes.txt:3 error'],
    ['a second stop', { 'stops.txt': 'stop_id\ns\ns\n' }, 'stops.txt:3 error'],
    ['a parent that is not there', { 'stops.txt': 'stop_id,parent_station\ns,x\n' }, 'stops.txt:2 warning'],
    ['a zone of no stop', { 'stops.txt': 'stop_id,stop_timezone\ns,Mars\n' }, 'stops.txt:2 warning'],
    [
      'two networks of a route',
      { 'route_networks.txt': 'network_id,route_id\na,bus1\nb,bus1\n' },
      'route_networks.txt:3 error',
    ],
    ['networks told twice', { 'networks.txt': 'network_id\nbus\n' }, 'routes.txt:2 warning'],
    [
      'a link to no route',
      { 'route_networks.txt': 'network_id,route_id\na,bus9\n' },
      'route_networks.txt:2 warning',
    ],
    ['a medium of no type', { 'fare_media.txt': 'fare_media_id\ncard\n' }, 'fare_media.txt:2 warning'],
    [
      'a second medium',
      { 'fare_media.txt': 'fare_media_id,fare_media_type\nc,2\nc,2\n' },
      'fare_media.txt:3 error',
    ],
    [
      'a second category',
      { 'rider_categories.txt': 'rider_category_id\nc\nc\n' },
      'rider_categories.txt:3 error',
    ],
    [
      'a default that is neither',
      { 'rider_categories.txt': 'rider_category_id,is_default_fare_category\nc,yes\n' },
      'rider_categories.txt:2 error',
    ],
    [
      'a second default category of a product',
      {
        'rider_categories.txt': 'rider_category_id,is_default_fare_category\nc,1\nd,1\n',
        'fare_products.txt':
          'fare_product_id,rider_category_id,amount,currency\np,c,1.00,UAH\np,d,2.00,UAH\n',
      },
      'fare_products.txt:2 warning',
    ],
    [
      'a product row twice',
      { 'fare_products.txt': 'fare_product_id,amount,currency\np,1.00,UAH\np,1.00,UAH\n' },
      'fare_products.txt:3 warning',
    ],
    [
      'an amount of too few places',
      { 'fare_products.txt': 'fare_product_id,amount,currency\np,1,UAH\n' },
      'fare_products.txt:2 warning',
    ],
    ['a rule twice', { 'fare_leg_rules.txt': 'fare_product_id\np1\np1\n' }, 'fare_leg_rules.txt:3 warning'],
    [
      'a priority below zero',
      { 'fare_leg_rules.txt': 'fare_product_id,rule_priority\np1,-1\n' },
      'fare_leg_rules.txt:2 error',
    ],
    [
      'a column of a proposal',
      { 'fare_leg_rules.txt': 'fare_product_id,max_distance\np1,5\n' },
      'fare_leg_rules.txt:1 warning',
    ],
    [
      'a column of a proposal, of transfers',
      {
        'fare_transfer_rules.txt':
          'from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type,filter_fare_product_id\n,,1,0,p1\n',
      },
      'fare_transfer_rules.txt:1 warning',
    ],
    [
      'a join with one stop',
      { 'fare_leg_join_rules.txt': 'from_network_id,to_network_id,from_stop_id\nbus,bus,a\n' },
      'fare_leg_join_rules.txt:2 warning',
    ],
    [
      'a join with one network',
      { 'fare_leg_join_rules.txt': 'from_network_id,to_network_id\nbus,\n' },
      'fare_leg_join_rules.txt:2 warning',
    ],
    [
      'a join of no network',
      { 'fare_leg_join_rules.txt': 'from_network_id,to_network_id\nzoo,zoo\n' },
      'fare_leg_join_rules.txt:2 warning',
    ],
    [
      'no transfer type',
      { 'fare_transfer_rules.txt': 'from_leg_group_id,to_leg_group_id,fare_transfer_type\n,,\n,,\nx,y,\n' },
      'fare_transfer_rules.txt:4 error',
    ],
    [
      'no count in one group',
      { 'fare_transfer_rules.txt': 'from_leg_group_id,to_leg_group_id,fare_transfer_type\ng,g,0\n' },
      'fare_transfer_rules.txt:2 warning',
    ],
    [
      'a count of zero',
      {
        'fare_transfer_rules.txt':
          'from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type\ng,g,0,0\n',
      },
      'fare_transfer_rules.txt:2 error',
    ],
    [
      'a limit of zero',
      { 'fare_transfer_rules.txt': 'duration_limit,duration_limit_type,fare_transfer_type\n0,0,0\n' },
      'fare_transfer_rules.txt:2 error',
    ],
    [
      'a limit of no type',
      { 'fare_transfer_rules.txt': 'duration_limit,fare_transfer_type\n60,0\n' },
      'fare_transfer_rules.txt:2 warning',
    ],
    [
      'a type of no limit',
      { 'fare_transfer_rules.txt': 'duration_limit_type,fare_transfer_type\n1,0\n' },
      'fare_transfer_rules.txt:2 warning',
    ],
    [
      'a group of no rule',
      { 'fare_transfer_rules.txt': 'from_leg_group_id,to_leg_group_id,fare_transfer_type\nx,y,0\n' },
      'fare_transfer_rules.txt:2 warning',
    ],
    [
      'a time after midnight',
      { 'timeframes.txt': 'timeframe_group_id,start_time,end_time,service_id\nt,23:00:00,24:00:01,s\n' },
      'timeframes.txt:2 error',
    ],
    [
      'half a timeframe',
      { 'timeframes.txt': 'timeframe_group_id,start_time,service_id\nt,23:00:00,s\n' },
      'timeframes.txt:2 warning',
    ],
    [
      'an empty timeframe',
      { 'timeframes.txt': 'timeframe_group_id,start_time,end_time,service_id\nt,09:00:00,09:00:00,s\n' },
      'timeframes.txt:2 warning',
    ],
    [
      'timeframes that overlap',
      {
        'timeframes.txt': 'timeframe_group_id,start_time,end_time,service_id\nt,,,s\nt,09:00:00,10:00:00,s\n',
      },
      'timeframes.txt:3 warning',
    ],
    [
      'a service of no calendar',
      { 'timeframes.txt': 'timeframe_group_id,service_id\nt,s\n' },
      'timeframes.txt:2 warning',
    ],
    [
      'a date that is none',
      { 'calendar_dates.txt': 'service_id,date,exception_type\ns,20260230,1\n' },
      'calendar_dates.txt:2 error',
    ],
    [
      'an exception of no type',
      { 'calendar_dates.txt': 'service_id,date,exception_type\ns,20260228,3\n' },
      'calendar_dates.txt:2 error',
    ],
    [
      'a calendar without weekdays',
      { 'calendar.txt': 'service_id,start_date,end_date\ns,20260101,20261231\n' },
      'calendar.txt:1 error',
    ],
    [
      'an area of no name',
      { 'areas.txt': 'area_id\nx\n', 'stop_areas.txt': 'area_id,stop_id\ny,a\n' },
      'stop_areas.txt:2 warning',
    ],
    [
      'a stop of an area that is not there',
      { 'stop_areas.txt': 'area_id,stop_id\ny,nowhere\n' },
      'stop_areas.txt:2 warning',
    ],
    [
      'translations of an old form',
      { 'translations.txt': 'trans_id,lang,translation\na,en,A\n' },
      'translations.txt:1 warning',
    ],
    ['zones that are none', { 'locations.geojson': '[1' }, 'locations.geojson:1 warning'],
    ['a file of nothing', { 'fare_transfer_rules.txt': '' }, 'fare_transfer_rules.txt:1 warning'],
    ['a file that is no text', { 'areas.txt': '\u0000"x' }, 'areas.txt:1 error'],
  ])('%s', (_name, files, expected) => {
    const rules = { 'fare_leg_rules.txt': 'fare_product_id\np1\n' };
    const found = feedProblems(PRODUCTS, rules, files).map((p) => `${p.file}:${p.line} ${p.severity}`);
    expect(found).toContain(expected);
  });

  it.each([
    ['Network_ID', 'network_id'],
    ['netwrok_id', 'network_id'],
    ['network id', 'network_id'],
    ['rule_priorty', 'rule_priority'],
    ['from_area', null],
    ['network_name', null],
    ['note', null],
  ])('a column %s is told from %s', (column, meant) => {
    const problems = feedProblems(PRODUCTS, { 'fare_leg_rules.txt': `fare_product_id,${column}\np1,x\n` });
    expect(problems.map((p) => [p.code, p.line, p.column, p.severity, p.howToMend.split(/[ ,]/)[1]])).toEqual(
      meant === null ? [] : [['TARIFF_VALUE_IGNORED', 1, 17, 'warning', meant]],
    );
  });

  it.each<[string, Record<string, string>]>([
    ['an area that no file names', { 'fare_leg_rules.txt': 'from_area_id,fare_product_id\nx,p1\n' }],
    [
      'a proposed column of transfers',
      {
        'fare_leg_rules.txt': 'fare_product_id\np1\n',
        'fare_transfer_rules.txt':
          'from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type,filter_fare_product_id\n,,1,0,p1\n',
      },
    ],
  ])(
    '%s became a check later: a warning in packages too, for one that was activated is always read',
    (_, file) => {
      const { problems } = readFeed(filesOf({ ...BASE_FEED, ...PRODUCTS, ...file }), { strict: true });
      expect(problems.map(({ severity }) => severity)).toEqual(['warning']);
    },
  );

  it('a row of nothing but commas is a blank line', () => {
    const rules = { 'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,p1\n,\n' };
    expect(feedProblems(PRODUCTS, rules)).toEqual([]);
  });

  it('are named with file, line and column', () => {
    const problems = feedProblems({
      'fare_products.txt':
        'fare_product_id,amount,currency\np1,1.005,UAH\np2,x,UAH\np3,1.00,XQX\n,1.00,UAH\n',
      'fare_leg_rules.txt': 'fare_product_id,network_id,rule_priority\np9,bus,\np1,metro,-1\n',
      'fare_transfer_rules.txt':
        'from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type\n,,0,,,7\n',
    });
    const seen = problems.map((p) => `${p.file}:${p.line}:${p.column} ${p.severity}`);
    expect(seen).toEqual(
      expect.arrayContaining([
        'fare_products.txt:2:4 error',
        'fare_products.txt:3:4 error',
        'fare_products.txt:4:9 error',
        'fare_products.txt:5:1 error',
        'fare_leg_rules.txt:2:1 warning',
        'fare_leg_rules.txt:3:4 warning',
        'fare_leg_rules.txt:3:10 error',
        'fare_transfer_rules.txt:2:3 error',
        'fare_transfer_rules.txt:2:7 error',
      ]),
    );
    for (const p of problems) expect(p.howToMend.length).toBeGreaterThan(3);
  });

  it('a feed without leg rules has no fares; one with a broken zone cannot be read', () => {
    expect(feedProblems(PRODUCTS)).toMatchObject([{ file: 'fare_leg_rules.txt', severity: 'warning' }]);
    expect(totals(pricerOf(), [bus])).toEqual({ '': null });
    const rules = { 'fare_leg_rules.txt': 'fare_product_id\np1\n' };
    const agency = { 'agency.txt': 'agency_timezone\nEurope/Atlantis\n' };
    expect(feedProblems(PRODUCTS, rules, agency)).toMatchObject([{ file: 'agency.txt', severity: 'error' }]);
  });
});
