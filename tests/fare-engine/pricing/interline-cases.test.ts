/**
 * Feeds and totals that others wrote: inputs and amounts are facts from the tests of Interline's transitland-lib
 * (`coster/*_test.go`, commits 099876580, de36b4f69, e987c813c, 44c9bab8d). Nothing here departs from the reference text.
 */
import { describe, expect, it } from 'vitest';
import { type Leg, pricerOf, ride, totals } from '../../support/fare-feed.ts';

type Files = Readonly<Record<string, string>>;

describe('Interline', () => {
  const BASE: Files = {
    'agency.txt': 'agency_id,agency_name,agency_timezone\nagency,Agency,america/los_angeles\n',
    'stops.txt': `
stop_id,stop_name,location_type,parent_station,stop_timezone
a,A,,,
b,B,,,
c,C,,,
d,D,,,
east,East,,,America/New_York
east_station,East,1,,America/New_York
east_platform,East,0,east_station,
east_boarding,East,4,east_platform,
station,Station,1,,
platform1,1,0,station,
platform2,2,0,station,
platform3,3,0,station,America/New_York
`,
    'routes.txt': `
route_id,route_short_name,route_type,network_id
bus1,1,3,bus
bus2,2,3,bus
rail1,R1,2,rail
rail2,R2,2,rail
ferry,F,4,ferry
`,
  };
  const at = (time: string, day = '05') => `2026-10-${day}T${time}`;
  const priced = (files: Files, ...legs: Leg[]) => totals(pricerOf(BASE, files), legs);
  const zones = (pairs: string) => ({
    'areas.txt': 'area_id\nzone1\nzone2\nzone3\nzone4\nzone_x\nzone_y\nzone_z\n',
    'stop_areas.txt': `area_id,stop_id\n${pairs.replaceAll(' ', '\n')}\n`,
  });
  const products = (rows: string) => ({
    'fare_products.txt': `fare_product_id,amount,currency\n${rows
      .split(' ')
      .map((row) => `${row},USD`)
      .join('\n')}\n`,
  });

  describe('an empty value matches what no rule lists', () => {
    const files = {
      ...zones('zone1,a zone2,b'),
      ...products('bus_fare,2.00 other_fare,1.00 rail_fare,4.00 zone_fare,5.00'),
      'fare_leg_rules.txt':
        'network_id,from_area_id,to_area_id,fare_product_id\nbus,,,bus_fare\n,,,other_fare\nrail,zone1,zone2,zone_fare\nrail,,,rail_fare\n',
    };
    it.each([
      ['bus1', 'c', 'd', '200'],
      ['ferry', 'c', 'd', '100'],
      ['rail1', 'a', 'b', '500'],
      ['rail1', 'c', 'd', '400'],
      ['rail1', 'a', 'c', null],
      ['bus1', 'a', 'b', null],
    ])('%s from %s to %s', (route, from, to, total) => {
      expect(priced(files, ride(route, from, to, at('08:00'), at('08:20')))).toEqual({ '': total });
    });
  });

  it('a stop in several areas matches through any that no rule lists', () => {
    const files = {
      ...zones('zone_x,a zone_z,a zone_y,b'),
      ...products('zone_fare,5.00 rail_fare,4.00'),
      'fare_leg_rules.txt':
        'network_id,from_area_id,to_area_id,fare_product_id\nrail,zone_x,zone_y,zone_fare\nrail,,,rail_fare\n',
    };
    expect(priced(files, ride('rail1', 'a', 'c', at('08:00'), at('08:20')))).toEqual({ '': '400' });
    expect(priced(files, ride('rail1', 'a', 'b', at('08:00'), at('08:20')))).toEqual({ '': '500' });
  });

  it.each([
    ['bus1', 'a', 'b', '100'],
    ['rail1', 'c', 'd', '350'],
    ['rail1', 'a', 'b', '500'],
    ['rail1', 'a', 'c', '350'],
  ])('the highest priority wins, the cheapest of a tie: %s from %s to %s', (route, from, to, total) => {
    const files = {
      ...zones('zone1,a zone2,b'),
      ...products('flat_fare,1.00 rail_fare,4.00 rail_saver,3.50 zone_fare,5.00'),
      'fare_leg_rules.txt': `
network_id,from_area_id,to_area_id,fare_product_id,rule_priority
,,,flat_fare,
rail,,,rail_fare,1
rail,,,rail_saver,1
rail,zone1,zone2,zone_fare,2
`,
    };
    expect(priced(files, ride(route, from, to, at('08:00'), at('08:20')))).toEqual({ '': total });
  });

  describe('timeframes', () => {
    const files = {
      'calendar.txt': `
service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date
weekdays,1,1,1,1,1,0,0,20260101,20261231
weekends,0,0,0,0,0,1,1,20260101,20261231
`,
      'timeframes.txt': `
timeframe_group_id,start_time,end_time,service_id
peak,07:00:00,09:00:00,weekdays
peak,16:00:00,18:00:00,weekdays
offpeak,00:00:00,07:00:00,weekdays
offpeak,09:00:00,16:00:00,weekdays
offpeak,18:00:00,24:00:00,weekdays
weekend,,,weekends
`,
      ...products('peak_fare,5.00 offpeak_fare,3.00 weekend_fare,2.00'),
    };
    const from = {
      'fare_leg_rules.txt':
        'network_id,from_timeframe_group_id,fare_product_id\nrail,peak,peak_fare\nrail,offpeak,offpeak_fare\nrail,weekend,weekend_fare\n',
    };
    it.each([
      ['weekday peak', 'c', at('08:00'), '500'],
      ['the end is excluded', 'c', at('07:00'), '500'],
      ['second peak', 'c', at('17:59'), '500'],
      ['weekend', 'c', at('08:00', '10'), '200'],
      ['after midnight of Friday', 'c', at('00:30', '10'), '200'],
      ['the local date, already Saturday in UTC', 'c', at('20:00', '09'), '300'],
      ['the zone of the stop', 'east', at('08:00:00-07:00'), '300'],
      ['the zone of the station, two levels up', 'east_boarding', at('08:00:00-07:00'), '300'],
      ['the zone of the station, not the platform’s own', 'platform3', at('08:00'), '500'],
    ])('%s', (_name, stop, departure, total) => {
      const arrival = departure.replace(/T(\d\d):\d\d/, 'T$1:59');
      expect(priced({ ...files, ...from }, ride('rail1', stop, 'd', departure, arrival))).toEqual({
        '': total,
      });
    });

    const to = {
      'fare_leg_rules.txt':
        'network_id,to_timeframe_group_id,fare_product_id\nrail,peak,peak_fare\nrail,offpeak,offpeak_fare\n',
    };
    it('of the arrival, and of joined legs', () => {
      const join = { 'fare_leg_join_rules.txt': 'from_network_id,to_network_id\nrail,rail\n' };
      const joined = [
        ride('rail1', 'c', 'platform1', at('06:30'), at('06:50')),
        ride('rail2', 'platform2', 'd', at('07:00'), at('07:20')),
      ];
      const alone = (start: string, end: string) => ride('rail1', 'c', 'd', at(start), at(end));
      expect(priced({ ...files, ...to }, alone('06:50', '07:10'))).toEqual({ '': '500' });
      expect(priced({ ...files, ...to }, alone('08:50', '09:10'))).toEqual({ '': '300' });
      expect(priced({ ...files, ...from, ...join }, ...joined)).toEqual({ '': '300' });
      expect(priced({ ...files, ...to, ...join }, ...joined)).toEqual({ '': '500' });
    });
  });

  describe('joined legs', () => {
    const files = {
      ...zones('zone1,a zone2,station zone3,d zone4,b zone4,c'),
      ...products('zone1_zone2,3.00 zone2_zone3,3.00 zone1_zone3,4.50 zone1_zone4,2.00 zone4_zone3,2.00'),
      'fare_leg_rules.txt': `
network_id,from_area_id,to_area_id,fare_product_id
rail,zone1,zone2,zone1_zone2
rail,zone2,zone3,zone2_zone3
rail,zone1,zone3,zone1_zone3
rail,zone1,zone4,zone1_zone4
rail,zone4,zone3,zone4_zone3
`,
    };
    const inStation = [
      ride('rail1', 'a', 'platform1', at('08:00'), at('08:20')),
      ride('rail2', 'platform2', 'd', at('08:30'), at('08:50')),
    ];
    const betweenStops = [
      ride('rail1', 'a', 'b', at('08:00'), at('08:20')),
      ride('rail2', 'c', 'd', at('08:30'), at('08:50')),
    ];
    it.each([
      ['', '600', '400'],
      ['rail,rail,,', '450', '400'],
      ['rail,rail,b,c', '600', '450'],
      ['rail,rail,station,station', '450', '400'],
    ])('by the rule "%s"', (rule, within, between) => {
      const join = {
        'fare_leg_join_rules.txt': `from_network_id,to_network_id,from_stop_id,to_stop_id\n${rule}\n`,
      };
      const rules = rule === '' ? {} : join;
      expect(priced({ ...files, ...rules }, ...inStation)).toEqual({ '': within });
      expect(priced({ ...files, ...rules }, ...betweenStops)).toEqual({ '': between });
    });

    it('three of them, and two networks', () => {
      const join = (rule: string) => ({
        'fare_leg_join_rules.txt': `from_network_id,to_network_id\n${rule}\n`,
      });
      const three = [
        ride('rail1', 'a', 'platform1', at('08:00'), at('08:20')),
        ride('rail2', 'platform2', 'platform3', at('08:30'), at('08:40')),
        ride('rail1', 'platform1', 'd', at('08:50'), at('09:10')),
      ];
      expect(priced({ ...files, ...join('rail,rail') }, ...three)).toEqual({ '': '450' });
      const joint = {
        ...products('rail_fare,4.00 bus_fare,2.00 joint_fare,5.00'),
        'fare_leg_rules.txt': 'network_id,fare_product_id\nrail,rail_fare\nbus,bus_fare\n,joint_fare\n',
        ...join('rail,bus'),
      };
      const [first] = inStation as [Leg, Leg];
      const bus = ride('bus1', 'platform2', 'd', at('08:30'), at('08:50'));
      expect(priced(joint, first, bus)).toEqual({ '': '500' });
    });
  });

  it('a service that is gone for a day, a transfer for one medium, joined legs: one feed', () => {
    const files = {
      'calendar.txt':
        'service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nweekdays,1,1,1,1,1,0,0,20260101,20261231\n',
      'calendar_dates.txt': 'service_id,date,exception_type\nweekdays,20261012,2\nholidays,20261012,1\n',
      'timeframes.txt': 'timeframe_group_id,service_id\nregular,weekdays\nholiday,holidays\n',
      'fare_media.txt': 'fare_media_id,fare_media_type\ncard,2\ncash,0\n',
      'rider_categories.txt':
        'rider_category_id,rider_category_name,is_default_fare_category\nadult,Adult,1\n',
      'fare_products.txt': `
fare_product_id,amount,currency,rider_category_id,fare_media_id
rail_fare,4.00,USD,adult,card
rail_fare,4.50,USD,adult,cash
holiday_fare,6.00,USD,,
bus_fare,2.00,USD,,
card_transfer,0.00,USD,,card
`,
      ...zones('zone1,a zone1,station zone2,d'),
      'fare_leg_rules.txt': `
leg_group_id,network_id,from_area_id,to_area_id,from_timeframe_group_id,fare_product_id
rail,rail,zone1,zone2,regular,rail_fare
rail,rail,zone1,zone2,holiday,holiday_fare
bus,bus,,,,bus_fare
`,
      'fare_leg_join_rules.txt': 'from_network_id,to_network_id\nrail,rail\n',
      'fare_transfer_rules.txt':
        'from_leg_group_id,to_leg_group_id,fare_transfer_type,fare_product_id\nbus,rail,0,card_transfer\n',
    };
    const rail = (day: string) => ride('rail1', 'platform1', 'd', at('08:30', day), at('08:50', day));
    expect(priced(files, rail('05'))).toEqual({ card: '400', cash: '450' });
    expect(priced(files, rail('12'))).toEqual({ card: '600', cash: '600' });
    const joined = [
      ride('rail1', 'a', 'platform1', at('08:00'), at('08:20')),
      ride('rail2', 'platform2', 'd', at('08:30'), at('08:50')),
    ];
    expect(priced(files, ...joined)).toEqual({ card: '400', cash: '450' });
    const changed = [ride('bus1', 'c', 'platform1', at('08:00'), at('08:20')), rail('05')];
    expect(priced(files, ...changed)).toEqual({ card: '200', cash: '650' });
  });

  it('amounts that floats cannot hold, passes, and a sum of media that no single medium can pay', () => {
    const files = {
      'fare_products.txt': `
fare_product_id,amount,currency,duration_amount,duration_type,duration_unit
bus_fare,2.15,USD,,,
bus_pass,1.00,USD,1,1,3
rail_fare,4.80,USD,,,
ferry_pass,5.00,USD,1,1,3
`,
      'fare_leg_rules.txt':
        'network_id,fare_product_id\nbus,bus_fare\nbus,bus_pass\nrail,rail_fare\nferry,ferry_pass\n',
    };
    const bus = ride('bus1', 'a', 'b', at('08:00'), at('08:20'));
    expect(priced(files, bus, ride('rail1', 'b', 'c', at('08:30'), at('08:50')))).toEqual({ '': '695' });
    expect(priced(files, ride('ferry', 'a', 'b', at('08:00'), at('08:20')))).toEqual({ '': null });
    const media = {
      'fare_media.txt': 'fare_media_id,fare_media_type\ncash,0\ncard,2\n',
      'fare_products.txt':
        'fare_product_id,amount,currency,fare_media_id\nrail_fare,4.00,USD,cash\nferry_fare,6.00,USD,card\n',
      'fare_leg_rules.txt': 'network_id,fare_product_id\nrail,rail_fare\nferry,ferry_fare\n',
    };
    const both = [
      ride('rail1', 'a', 'b', at('08:00'), at('08:20')),
      ride('ferry', 'b', 'c', at('08:30'), at('08:50')),
    ];
    expect(priced(media, ...both)).toEqual({ cash: null, card: null });
  });
});
