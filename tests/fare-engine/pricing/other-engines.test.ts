/**
 * Feeds and totals that others wrote: inputs and amounts are facts from the tests of other engines and from the standard's own
 * guide. Where one of them departs from the reference text, the text wins and the case says so.
 *
 * - OpenTripPlanner, `ext/fares/service/gtfs/v2/*Test.java` (commits fa878709e, 00af8c778, 176f1c322); it lists offers, so
 *   the amounts of its products are ours
 * - MOTIS nigiri, `test/loader/gtfs/fares_test.cc` (commit 12f10b7a7)
 * - MobilityData's examples on gtfs.org, `schedule/examples/fares-v2.md`
 *
 * Interline's stand in `interline-cases.test.ts` and `interline-transfers.test.ts`, those of agencies in `agency-feeds.test.ts`.
 */
import { describe, expect, it } from 'vitest';
import { type Leg, pricerOf, ride, totals } from '../../support/fare-feed.ts';

type Files = Readonly<Record<string, string>>;

describe('OpenTripPlanner', () => {
  const FILES: Files = {
    'fare_products.txt': 'fare_product_id,amount,currency\na,10.00,USD\nt,1.00,USD\n',
    'fare_leg_rules.txt': 'leg_group_id,network_id,fare_product_id\ng,bus,a\n',
  };
  const transfer = (count: string, limit: string, type: string, product: string) => ({
    'fare_transfer_rules.txt': `from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,fare_product_id\ng,g,${count},${limit},${type},0,${product}\n`,
  });
  const day = (time: string) => `2026-03-02T${time}`;
  const bus = (start: string, end: string) => ride('bus1', 'a', 'b', day(start), day(end));

  it.each([
    ['0', 1200, true],
    ['0', 3600, true],
    ['1', 660, true],
    ['1', 3600, true],
    ['3', 960, true],
    ['2', 300, true],
    ['2', 3600, true],
    ['0', 1180, false],
    ['1', 599, false],
    ['3', 899, false],
    ['2', 299, false],
  ])('limit of type %s, %i s: within is %s', (type, limit, within) => {
    const pricer = pricerOf(FILES, transfer('-1', String(limit), type, ''));
    const legs = [bus('10:00', '10:05'), bus('10:10', '10:20')];
    expect(totals(pricer, legs)).toEqual({ '': within ? '1000' : '2000' });
  });

  it('one transfer, then a new fare; also with a limit of time', () => {
    const legs = [bus('10:00', '10:10'), bus('10:20', '10:30'), bus('10:40', '10:50'), bus('10:50', '10:55')];
    const priced = (count: number, files: Files) => totals(pricerOf(FILES, files), legs.slice(0, count));
    expect(priced(2, transfer('1', '', '', 't'))).toEqual({ '': '1100' });
    expect(priced(3, transfer('1', '', '', 't'))).toEqual({ '': '2100' });
    expect(priced(3, transfer('1', '7200', '0', ''))).toEqual({ '': '2000' });
    expect(priced(4, transfer('1', '7200', '0', ''))).toEqual({ '': '2000' });
  });

  it('departs: it charges one transfer for two; the table says S + BC for each', () => {
    const legs = [bus('10:00', '10:10'), bus('10:20', '10:30'), bus('10:40', '10:50')];
    expect(totals(pricerOf(FILES, transfer('-1', '', '', 't')), legs)).toEqual({ '': '1200' });
  });

  it('overlapping timeframes: the priority decides', () => {
    const files = {
      'calendar_dates.txt': 'service_id,date,exception_type\ns,20260302,1\n',
      'timeframes.txt':
        'timeframe_group_id,start_time,end_time,service_id\nall,00:00:00,24:00:00,s\nthree_to_five,15:00:00,17:00:00,s\n',
      'fare_leg_rules.txt':
        'leg_group_id,from_timeframe_group_id,fare_product_id,rule_priority\nr1,all,a,1\nr1,three_to_five,t,0\n',
    };
    expect(totals(pricerOf(FILES, files), [bus('15:00', '15:10')])).toEqual({ '': '1000' });
  });
});

/** The little railway of the engine's tests: A to E, four lines, from midnight on every hour. */
const LINES: Files = {
  'agency.txt': 'agency_id,agency_name,agency_timezone\nDB,Deutsche Bahn,Europe/Berlin\n',
  'stops.txt': 'stop_id,stop_name\nA,A\nB,B\nC,C\nD,D\nE,E\n',
  'routes.txt':
    'route_id,agency_id,route_short_name,route_type\nline1,DB,1,3\nline2,DB,2,3\nline3,DB,3,3\nair,DB,4,3\n',
  'calendar.txt': `
service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date
weekday,1,1,1,1,1,0,0,20220101,20221231
weekend,0,0,0,0,0,1,1,20220101,20221231
`,
};

/** The four legs as they leave from an hour on; times after 24:00 do not occur. */
function journey(day: string, hour: number): Leg[] {
  const at = (minutes: number) => {
    const all = hour * 60 + minutes;
    return `${day}T${String(Math.floor(all / 60)).padStart(2, '0')}:${String(all % 60).padStart(2, '0')}`;
  };
  return [
    ride('line1', 'A', 'B', at(0), at(30)),
    ride('line2', 'B', 'C', at(35), at(60)),
    ride('line3', 'C', 'D', at(65), at(120)),
    ride('air', 'D', 'E', at(125), at(150)),
  ];
}

describe('MOTIS', () => {
  const WEDNESDAY = '2022-03-30';

  describe('zones, hours, joined legs and a paid way to the airport', () => {
    const levels = [
      ['pink', 'offpeak', '3.00', '2.50', '2.00'],
      ['blue', 'offpeak', '3.00', '2.50', '2.00'],
      ['full', 'offpeak', '4.00', '3.50', '3.00'],
      ['pink', 'peak', '6.00', '5.00', '4.00'],
      ['blue', 'peak', '6.00', '5.00', '4.00'],
      ['full', 'peak', '8.00', '7.00', '6.00'],
    ] as const;
    const ZONES = { pink: '1,1', blue: '2,2', full: '1,2' };
    const PRIORITY = { pink: '1', blue: '1', full: '' };
    const pricer = pricerOf(LINES, {
      'timeframes.txt': `
timeframe_group_id,start_time,end_time,service_id
offpeak,00:00:00,05:00:00,weekday
peak,5:00:00,9:30:00,weekday
offpeak,9:30:00,15:00:00,weekday
peak,15:00:00,19:00:00,weekday
offpeak,19:00:00,24:00:00,weekday
offpeak,,,weekend
`,
      'rider_categories.txt':
        'rider_category_id,rider_category_name,is_default_fare_category,eligibility_url\nadult,Adult,1,\nreduced,Students and seniors,0,\n',
      'fare_media.txt': 'fare_media_id,fare_media_name,fare_media_type\npaper-card,Paper Card,1\napp,App,4\n',
      'fare_products.txt': `fare_product_id,fare_media_id,amount,currency,rider_category_id
${levels
  .map(
    ([zone, hours, paper, app, less]) => `${hours}-${zone}-paper,paper-card,${paper},EUR,adult
${hours}-${zone}-app,app,${app},EUR,adult
reduced-${hours}-${zone}-paper,paper-card,${less},EUR,reduced`,
  )
  .join('\n')}
airport-card,paper-card,10.00,EUR,adult
airport-ext,paper-card,6.00,EUR,adult
`,
      'areas.txt': 'area_id,area_name\n1,Area 1\n2,Area 2\n3,Area Air\n',
      'stop_areas.txt': 'area_id,stop_id\n1,A\n1,B\n1,C\n2,C\n2,D\n3,E\n',
      'networks.txt': 'network_id,network_name\nblue,Blue\npink,Pink\nair,Airport Shuttle\n',
      'route_networks.txt': 'network_id,route_id\npink,line1\npink,line2\nblue,line3\nair,air\n',
      'fare_leg_join_rules.txt':
        'from_network_id\t,to_network_id,from_stop_id\t,to_stop_id\npink,pink,,\npink,blue,,\n',
      'fare_leg_rules.txt': `leg_group_id,network_id,from_area_id,to_area_id,from_timeframe_group_id,fare_product_id,rule_priority
${levels
  .flatMap(([zone, hours]) =>
    ['paper', 'app']
      .map((medium) => `${hours}-${zone}-${medium}`)
      .concat(`reduced-${hours}-${zone}-paper`)
      .map((product) => `core,,${ZONES[zone]},${hours},${product},${PRIORITY[zone]}`),
  )
  .join('\n')}
air,air,2,3,,airport-card,
`,
      // The count is forbidden between two groups, and harms nothing.
      'fare_transfer_rules.txt':
        'from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,fare_product_id\ncore,air,1,10800,1,0,airport-ext\n',
    });

    it.each([
      ['A to E at night: one leg of three, then A + AB', 2, 0, 4, { 'paper-card': '1000', app: null }],
      ['A to E in the morning', 8, 0, 4, { 'paper-card': '1400', app: null }],
      ['C to E: C lies in both zones, the higher priority wins', 2, 2, 4, { 'paper-card': '900', app: null }],
      ['A to D at night', 2, 0, 3, { 'paper-card': '400', app: '350' }],
      ['A to D in the morning', 8, 0, 3, { 'paper-card': '800', app: '700' }],
      ['A to B', 2, 0, 1, { 'paper-card': '300', app: '250' }],
    ])('%s', (_name, hour, from, to, expected) => {
      expect(totals(pricer, journey(WEDNESDAY, hour).slice(from, to))).toEqual(expected);
    });

    it('the reduced category has no way to the airport', () => {
      const reduced = { riderCategoryId: 'reduced' };
      const legs = journey(WEDNESDAY, 2);
      expect(totals(pricer, legs.slice(0, 3), reduced)).toEqual({ 'paper-card': '300', app: null });
      expect(totals(pricer, legs, reduced)).toEqual({ 'paper-card': null, app: null });
    });
  });

  it('networks in routes.txt alone; a transfer that only one medium’s leg groups have', () => {
    const files = {
      'agency.txt': 'agency_name,agency_timezone\nMBTA,America/New_York\n',
      'stops.txt': 'stop_id\nA\nB\nC\n',
      'routes.txt': 'route_id,route_type,network_id\nRed,1,rapid_transit\n1,3,local_bus\n',
      'fare_media.txt': 'fare_media_id,fare_media_type\ncash,0\ncard,2\n',
      'fare_products.txt': `
fare_product_id,fare_media_id,amount,currency
rapid_cash,cash,2.40,USD
rapid_card,card,2.90,USD
bus_cash,cash,1.70,USD
bus_card,card,1.90,USD
`,
      'fare_leg_rules.txt': `
leg_group_id,network_id,fare_product_id
rapid_cash,rapid_transit,rapid_cash
rapid_card,rapid_transit,rapid_card
bus_cash,local_bus,bus_cash
bus_card,local_bus,bus_card
`,
      'fare_transfer_rules.txt':
        'from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,fare_product_id\nrapid_card,bus_card,,7200,1,0,\n',
    };
    const at = (time: string) => `${WEDNESDAY}T${time}`;
    const legs = [
      ride('Red', 'A', 'B', at('10:00'), at('10:30')),
      ride('1', 'B', 'C', at('10:35'), at('11:00')),
    ];
    expect(totals(pricerOf(files), legs)).toEqual({ cash: '410', card: '290' });
  });

  describe('tickets of an hour and of a day; weekends are free', () => {
    const pricer = pricerOf(LINES, {
      'networks.txt': 'network_id,network_name\n1,Naolib\n',
      'route_networks.txt': 'network_id,route_id\n1,line1\n1,line2\n1,line3\n1,air\n',
      'fare_media.txt': 'fare_media_id,fare_media_type\nticket,1\nnone,0\n',
      'fare_products.txt': `
fare_product_id,fare_product_name,amount,currency,fare_media_id
1h,1h,1.80,EUR,ticket
24h,24h,6.50,EUR,ticket
gratuit,Gratuit,0.00,EUR,none
`,
      'timeframes.txt':
        'timeframe_group_id,start_time,end_time,service_id\nweekend-free,0:00:00,24:00:00,weekend\n',
      'fare_leg_rules.txt': `
leg_group_id,network_id,from_timeframe_group_id,to_timeframe_group_id,fare_product_id,rule_priority
general_network,1,,,1h,
general_network,1,,,24h,
general_network,1,weekend-free,weekend-free,gratuit,1
`,
      'fare_transfer_rules.txt': `
from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,fare_product_id
general_network,general_network,-1,86400,0,2,24h
general_network,general_network,-1,3600,0,2,1h
`,
    });
    it('Saturday: nothing, and no ticket stands in for none', () => {
      const saturday = journey('2022-04-02', 12).slice(0, 3);
      expect(totals(pricer, saturday.slice(0, 1))).toEqual({ ticket: null, none: '0' });
      // Departs: it shows three free legs. The transfer's product is not sold for this medium, so it does not apply.
      expect(totals(pricer, saturday)).toEqual({ ticket: null, none: '0' });
    });
    it('Wednesday, within the hour: one ticket for two legs', () => {
      expect(totals(pricer, journey(WEDNESDAY, 12).slice(0, 2))).toEqual({ ticket: '180', none: null });
    });
    it('Wednesday, beyond it: departs, for it sells the third leg apart (3.60)', () => {
      // The rule of a day applies to the second transfer, "that record must be processed": S + BC.
      expect(totals(pricer, journey(WEDNESDAY, 12).slice(0, 3))).toEqual({ ticket: '830', none: null });
    });
  });
});

describe('the guide of gtfs.org', () => {
  it('Maryland: unlimited transfers of 90 minutes, in seconds (its text once says 180)', () => {
    const pricer = pricerOf({
      'routes.txt': 'route_id,route_type,network_id\nbus1,3,core\nlight,0,core\n',
      'fare_products.txt': `
fare_product_id,fare_product_name,amount,currency
core_local_oneway_fare,One Way Full Fare,2.00,USD
core_local_1_day_fare,1-Day Pass - Core Service,4.60,USD
core_local_31_day_fare,31-Day Pass - Core Service,77.00,USD
core_local_7_day_fare,7-Day Pass - Core Service,22.00,USD
`,
      'fare_leg_rules.txt': `
leg_group_id,network_id,fare_product_id
core_local_one_way_trip,core,core_local_oneway_fare
core_local_one_way_trip,core,core_local_1_day_fare
core_local_one_way_trip,core,core_local_31_day_fare
core_local_one_way_trip,core,core_local_7_day_fare
`,
      'fare_transfer_rules.txt': `
from_leg_group_id,to_leg_group_id,duration_limit,duration_limit_type,fare_transfer_type,transfer_count
core_local_one_way_trip,core_local_one_way_trip,5400,1,0,-1
`,
    });
    const legs = (last: string) => [
      ride('bus1', 'a', 'b', '2026-03-02T08:00', '2026-03-02T08:20'),
      ride('light', 'b', 'c', '2026-03-02T08:50', '2026-03-02T09:10'),
      ride('bus1', 'c', 'd', last, '2026-03-02T09:59'),
    ];
    expect(totals(pricer, legs('2026-03-02T09:30:00'))).toEqual({ '': '200' });
    expect(totals(pricer, legs('2026-03-02T09:30:01'))).toEqual({ '': '400' });
  });

  it('media of San Francisco and Santa Barbara, amounts written short', () => {
    const files = {
      'fare_media.txt':
        'fare_media_id,fare_media_name,fare_media_type\nclipper,Clipper,2\ncash,Cash,0\ntap_to_ride,Tap to Ride,3\n',
      'fare_products.txt': `
fare_product_id,fare_product_name,amount,currency,fare_media_id
local,Muni single local fare,3,USD,cash
local,Muni single local fare,2.5,USD,clipper
single-ride,Single Ride,6,USD,tap_to_ride
single-ride,Single Ride,7,USD,
`,
      'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,local\nferry,single-ride\n',
    };
    const at = (route: string) => [ride(route, 'a', 'b', '2026-03-02T08:00', '2026-03-02T08:20')];
    expect(totals(pricerOf(files), at('bus1'))).toEqual({ clipper: '250', cash: '300', tap_to_ride: null });
    expect(totals(pricerOf(files), at('ferry'))).toEqual({ clipper: '700', cash: '700', tap_to_ride: '600' });
  });
});
