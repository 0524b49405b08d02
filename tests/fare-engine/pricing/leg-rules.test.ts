import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isServiceDay } from '#pricing/fares-v2/match-timeframe.ts';
import { parseIsoDate } from '#pricing/gtfs/cells.ts';
import { ask, leg, pricerOf, totals } from '../../support/fare-feed.ts';
import { cases, shuffled } from '../../support/properties.ts';

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
const tram = leg('tram1', 'a', 'b', '08:00', '08:20');
const ferry = leg('ferry', 'a', 'b', '08:00', '08:20');
const lone = leg('lone', 'a', 'b', '08:00', '08:20');

describe('networks', () => {
  it('an empty network stands for the networks that the column does not list', () => {
    const pricer = pricerOf(PRODUCTS, {
      'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,p1\n,p2\n',
    });
    expect(totals(pricer, [bus])).toEqual({ '': '100' });
    expect(totals(pricer, [tram])).toEqual({ '': '200' });
    expect(totals(pricer, [lone])).toEqual({ '': '200' });
  });

  it('with the column rule_priority an empty network is ignored and the highest priority wins', () => {
    const rules = (busPriority: string, anyPriority: string) =>
      pricerOf(PRODUCTS, {
        'fare_leg_rules.txt': `network_id,fare_product_id,rule_priority\nbus,p4,${busPriority}\n,p2,${anyPriority}\n`,
      });
    expect(totals(rules('5', '1'), [bus])).toEqual({ '': '400' });
    expect(totals(rules('1', '5'), [bus])).toEqual({ '': '200' });
    // An empty priority is 0; two rules of one priority leave the cheaper.
    expect(totals(rules('', '1'), [bus])).toEqual({ '': '200' });
    expect(totals(rules('', '0'), [bus])).toEqual({ '': '200' });
    expect(totals(rules('1', ''), [tram])).toEqual({ '': '200' });
  });

  it('the mere column rule_priority changes what empty means', () => {
    const rule = 'network_id,fare_product_id';
    const without = pricerOf(PRODUCTS, { 'fare_leg_rules.txt': `${rule}\nbus,p4\n,p2\n` });
    const withColumn = pricerOf(PRODUCTS, {
      'fare_leg_rules.txt': `${rule},rule_priority\nbus,p4,\n,p2,\n`,
    });
    expect(totals(without, [bus])).toEqual({ '': '400' });
    expect(totals(withColumn, [bus])).toEqual({ '': '200' });
  });

  it('come from route_networks.txt as well, which stands above routes.network_id', () => {
    const pricer = pricerOf(PRODUCTS, {
      'networks.txt': 'network_id\nnight\nbus\n',
      'route_networks.txt': 'network_id,route_id\nnight,bus1\n',
      'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,p1\nnight,p8\n',
    });
    expect(totals(pricer, [bus])).toEqual({ '': '800' });
    expect(totals(pricer, [leg('bus2', 'a', 'b', '08:00', '08:20')])).toEqual({ '': '100' });
  });

  it('no rule that matches means that the fare is unknown', () => {
    const pricer = pricerOf(PRODUCTS, { 'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,p1\n' });
    const answer = ask(pricer, [bus, ferry]);
    expect({ ...answer.totals }).toEqual({ '': null });
    expect(answer.explanation).toMatchObject([{ step: 'no-leg-rule', legs: [1] }]);
  });
});

describe('areas', () => {
  const AREAS = {
    'areas.txt': 'area_id\ninner\nouter\nhub\n',
    'stop_areas.txt': 'area_id,stop_id\ninner,a\nouter,b\nouter,c\ninner,c\nhub,station\nouter,p2\n',
  };

  it('match from and to, in one direction', () => {
    const pricer = pricerOf(PRODUCTS, AREAS, {
      'fare_leg_rules.txt': 'from_area_id,to_area_id,fare_product_id\ninner,outer,p1\nouter,inner,p8\n',
    });
    expect(totals(pricer, [leg('bus1', 'a', 'b', '08:00', '08:20')])).toEqual({ '': '100' });
    expect(totals(pricer, [leg('bus1', 'b', 'a', '08:00', '08:20')])).toEqual({ '': '800' });
    expect(totals(pricer, [leg('bus1', 'a', 'd', '08:00', '08:20')])).toEqual({ '': null });
  });

  it('a stop in two areas matches rules of both, and the cheaper is taken', () => {
    const pricer = pricerOf(PRODUCTS, AREAS, {
      'fare_leg_rules.txt': 'from_area_id,to_area_id,fare_product_id\ninner,outer,p4\ninner,inner,p2\n',
    });
    expect(totals(pricer, [leg('bus1', 'a', 'c', '08:00', '08:20')])).toEqual({ '': '200' });
  });

  it('a platform inherits its station’s areas unless it has its own', () => {
    const pricer = pricerOf(PRODUCTS, AREAS, {
      'fare_leg_rules.txt': 'from_area_id,to_area_id,fare_product_id\nhub,outer,p1\nouter,outer,p8\n',
    });
    expect(totals(pricer, [leg('bus1', 'p1', 'b', '08:00', '08:20')])).toEqual({ '': '100' });
    expect(totals(pricer, [leg('bus1', 'p2', 'b', '08:00', '08:20')])).toEqual({ '': '800' });
  });

  it('an empty area stands for stops in no area that the column lists', () => {
    const pricer = pricerOf(PRODUCTS, AREAS, {
      'fare_leg_rules.txt': 'from_area_id,to_area_id,fare_product_id\ninner,,p1\n,,p4\n',
    });
    expect(totals(pricer, [leg('bus1', 'a', 'b', '08:00', '08:20')])).toEqual({ '': '100' });
    expect(totals(pricer, [leg('bus1', 'b', 'a', '08:00', '08:20')])).toEqual({ '': '400' });
    // c lies in outer as well, for which the empty value stands, but inner costs less.
    expect(totals(pricer, [leg('bus1', 'c', 'a', '08:00', '08:20')])).toEqual({ '': '100' });
  });
});

describe('services on demand', () => {
  const zone = (id: unknown) => ({
    type: 'Feature',
    id,
    geometry: { type: 'Polygon', coordinates: [[[1, 2]]] },
  });
  const FLEX = {
    'location_groups.txt': 'location_group_id,location_group_name\nvillages,V\n',
    'locations.geojson': JSON.stringify({
      type: 'FeatureCollection',
      features: [zone('north'), zone(7), null],
    }),
    'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,p1\n',
  };

  it('begin and end in zones and groups too, which lie in no area', () => {
    const pricer = pricerOf(PRODUCTS, FLEX);
    expect(totals(pricer, [leg('bus1', 'north', 'villages', '08:00', '08:20')])).toEqual({ '': '100' });
    expect(totals(pricer, [leg('bus1', 'a', 'north', '08:00', '08:20')])).toEqual({ '': '100' });
  });
});

describe('timeframes', () => {
  const FRAMES = {
    'calendar.txt': `
service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date
weekday,1,1,1,1,1,0,0,20260101,20261231
`,
    'calendar_dates.txt': `
service_id,date,exception_type
weekday,20260309,2
holiday,20260309,1
`,
    'timeframes.txt': `
timeframe_group_id,start_time,end_time,service_id
peak,07:00:00,09:00:00,weekday
peak,16:00:00,18:00:00,weekday
late,22:00:00,24:00:00,weekday
allday,,,holiday
`,
    'fare_leg_rules.txt': `
from_timeframe_group_id,to_timeframe_group_id,fare_product_id,rule_priority
peak,,p8,3
late,,p1,3
allday,,p2,3
,peak,p4,1
,,p4,0
`,
  };
  const pricer = pricerOf(PRODUCTS, FRAMES);
  const at = (from: string, to = from) => totals(pricer, [leg('bus1', 'a', 'b', from, to)])[''];

  it('include their start and exclude their end, by the second', () => {
    expect(at('06:59:59')).toBe('400');
    expect(at('07:00:00')).toBe('800');
    expect(at('08:59:59')).toBe('800');
    expect(at('09:00:00')).toBe('400');
    expect(at('23:59:59')).toBe('100');
  });

  it('follow the date on the wall: weekdays, dates added, dates removed', () => {
    expect(at('2026-03-07T08:00')).toBe('400'); // Saturday
    expect(at('2026-03-09T08:00')).toBe('200'); // Monday, a holiday
    expect(at('2026-03-03T00:30')).toBe('400'); // "late" of Monday ended at midnight
  });

  it('use the zone of the stop where it has one', () => {
    // 08:00 in Kyiv is 07:00 in Warsaw; 07:30 is 06:30 there.
    expect(totals(pricer, [leg('bus1', 'west', 'b', '2026-03-02T08:00+02:00', '2026-03-02T08:10Z')])).toEqual(
      {
        '': '800',
      },
    );
    expect(totals(pricer, [leg('bus1', 'west', 'b', '2026-03-02T07:30+02:00', '2026-03-02T08:10Z')])).toEqual(
      {
        '': '400',
      },
    );
  });

  it('use the zone of the station for its platforms', () => {
    const stations = pricerOf(PRODUCTS, FRAMES, {
      'stops.txt': `
stop_id,stop_name,location_type,parent_station,stop_timezone
hub,Hub,1,,Europe/Warsaw
west,West,0,hub,
b,B,,,
`,
    });
    const ride = (at: string) => totals(stations, [leg('bus1', 'west', 'b', at, '2026-03-02T08:10Z')])[''];
    expect([ride('2026-03-02T08:00+02:00'), ride('2026-03-02T07:30+02:00')]).toEqual(['800', '400']);
  });

  it('knows the days of a service', () => {
    const service = pricer.feed.services.get('weekday');
    const day = (text: string) => parseIsoDate(text) as number;
    expect(service && isServiceDay(service, day('2026-03-02'))).toBe(true);
    expect(service && isServiceDay(service, day('2026-03-01'))).toBe(false);
    expect(service && isServiceDay(service, day('2025-12-31'))).toBe(false);
    expect(service && isServiceDay(service, day('2026-12-31'))).toBe(true);
    expect(service && isServiceDay(service, day('2026-03-09'))).toBe(false);
  });
});

describe('properties of leg rules', () => {
  const values = ['', 'bus', 'tram'] as const;
  const areas = ['', 'x', 'y'] as const;
  const products = ['p1', 'p2', 'p4', 'p8'] as const;
  const AREAS = {
    'areas.txt': 'area_id\nx\ny\nz\n',
    'stop_areas.txt': 'area_id,stop_id\nx,a\ny,b\nz,c\n',
  };
  const row = fc.record({
    network: fc.constantFrom(...values),
    from: fc.constantFrom(...areas),
    to: fc.constantFrom(...areas),
    product: fc.constantFrom(...products),
  });
  const rows = fc.uniqueArray(row, { selector: (r) => JSON.stringify(r), minLength: 1, maxLength: 12 });
  const header = 'network_id,from_area_id,to_area_id,fare_product_id';
  const csv = (list: { network: string; from: string; to: string; product: string }[], columns = '') =>
    `${header}${columns}\n${list.map((r) => `${r.network},${r.from},${r.to},${r.product}${columns ? ',1' : ''}`).join('\n')}\n`;
  const journeys = ['bus1', 'tram1', 'ferry'].flatMap((route) =>
    ['a', 'b', 'c', 'd'].flatMap((from) =>
      ['a', 'b', 'd'].map((to) => leg(route, from, to, '08:00', '08:10')),
    ),
  );

  it('the order of rows does not matter [group 7]', () => {
    fc.assert(
      fc.property(rows, fc.infiniteStream(fc.nat()), (list, random) => {
        const one = pricerOf(PRODUCTS, AREAS, { 'fare_leg_rules.txt': csv(list) });
        const two = pricerOf(PRODUCTS, AREAS, { 'fare_leg_rules.txt': csv(shuffled(list, random)) });
        for (const j of journeys) expect(ask(two, [j])).toEqual(ask(one, [j]));
      }),
      // A case is a journey on a feed: feeds are dear to read.
      cases(journeys.length),
    );
  });

  it('a feed without priorities equals the same feed with every empty value written out [group 8]', () => {
    const networksAll = ['bus', 'tram', 'ferry'];
    const areasAll = ['x', 'y', 'z'];
    fc.assert(
      fc.property(rows, (list) => {
        const listed = {
          network: new Set(list.map((r) => r.network)),
          from: new Set(list.map((r) => r.from)),
          to: new Set(list.map((r) => r.to)),
        };
        const spread = (value: string, all: string[], taken: Set<string>) =>
          value === '' ? all.filter((v) => !taken.has(v)) : [value];
        const expanded = list.flatMap((r) =>
          spread(r.network, networksAll, listed.network).flatMap((network) =>
            spread(r.from, areasAll, listed.from).flatMap((from) =>
              spread(r.to, areasAll, listed.to).map((to) => ({ network, from, to, product: r.product })),
            ),
          ),
        );
        const one = pricerOf(PRODUCTS, AREAS, { 'fare_leg_rules.txt': csv(list) });
        const two = pricerOf(PRODUCTS, AREAS, { 'fare_leg_rules.txt': csv(expanded, ',rule_priority') });
        // Stop d lies in no area: nothing can be written out for it.
        for (const j of journeys.filter((l) => l.fromStopId !== 'd' && l.toStopId !== 'd')) {
          expect(totals(two, [j])).toEqual(totals(one, [j]));
        }
      }),
      // A case is a journey on a feed: feeds are dear to read.
      cases(journeys.length),
    );
  });
});
