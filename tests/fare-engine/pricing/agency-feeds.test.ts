/**
 * Fares of whole agencies: rows and totals are facts from TransitOPS/gtfs-planner (`test/fixtures/gtfs/fares`, the feeds of
 * TriMet and one of a made-up coast; `pricing_test.exs`, `branch_repairs_test.exs`, `mixed_zones_projection_test.exs`;
 * commits e2fe4bb7, 56e6155b, c91de702).
 */
import { describe, expect, it } from 'vitest';
import { ask, type Leg, pricerOf, ride, totals } from '../../support/fare-feed.ts';

type Files = Readonly<Record<string, string>>;

const table = (header: string, rows: readonly string[]) => `${header}\n${rows.join('\n')}\n`;
const feed = (routes: readonly string[], stops: readonly string[]): Files => ({
  'agency.txt':
    'agency_id,agency_name,agency_url,agency_timezone\na,Agency,https://example.org,America/Los_Angeles\n',
  'routes.txt': table(
    'route_id,agency_id,route_short_name,route_type',
    routes.map((id) => `${id},a,${id},3`),
  ),
  'stops.txt': table(
    'stop_id,stop_name,stop_lat,stop_lon',
    stops.map((id) => `${id},${id},44.6,-124.0`),
  ),
});
const media = (types: Readonly<Record<string, number>>): Files => ({
  'fare_media.txt': table(
    'fare_media_id,fare_media_type',
    Object.entries(types).map(([id, type]) => `${id},${type}`),
  ),
});
const riders = (...ids: string[]): Files => ({
  'rider_categories.txt': table(
    'rider_category_id,rider_category_name,is_default_fare_category',
    ids.map((id, i) => `${id},${id},${i === 0 ? 1 : 0}`),
  ),
});
const PRODUCT = 'fare_product_id,rider_category_id,fare_media_id,amount,currency';
const TRANSFER =
  'from_leg_group_id,to_leg_group_id,fare_product_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type';

describe('a coast with zones, an intercity line and a day pass', () => {
  const NETWORKS: Readonly<Record<string, readonly string[]>> = {
    N_LOCAL: ['1', '2', '3', '4', '5', '6', '7', '11', '12', '20', '21', '30', '40'],
    N_INTERCITY: ['10'],
  };
  const AREAS: Readonly<Record<string, readonly string[]>> = {
    NPT: ['NTC', 'NYE', 'HOSP', 'AGATE', 'SBPR'],
    TOL: ['TOLEDO', 'SILETZ'],
    CST: ['DEPOE', 'LCTC', 'WALDPORT', 'YACHATS', 'SEAL'],
  };
  const CASH: Readonly<
    Record<string, readonly [adult: string, reduced: string, youth: string, child: string]>
  > = {
    local: ['1.50', '0.75', '1.00', '0.00'],
    valley: ['2.50', '1.25', '1.50', '0.00'],
    coast: ['3.50', '1.75', '2.00', '0.00'],
    valley_coast: ['5.00', '2.50', '3.00', '0.00'],
    intercity: ['6.00', '3.00', '4.00', '0.00'],
  };
  const RIDERS = ['adult', 'reduced', 'youth', 'child'];
  const PAIRS = [
    ...['NPT,NPT', 'TOL,TOL', 'CST,CST'].map((pair) => [pair, 'local']),
    ...['NPT,TOL', 'TOL,NPT'].map((pair) => [pair, 'valley']),
    ...['NPT,CST', 'CST,NPT'].map((pair) => [pair, 'coast']),
    ...['TOL,CST', 'CST,TOL'].map((pair) => [pair, 'valley_coast']),
  ];
  const links = (of: typeof NETWORKS, order: (group: string, id: string) => string) =>
    Object.entries(of).flatMap(([group, ids]) => ids.map((id) => order(group, id)));
  const COAST: Files = {
    ...feed([...Object.values(NETWORKS).flat(), '99'], [...Object.values(AREAS).flat(), 'CORVALLIS']),
    ...media({ cash: 0, app: 4 }),
    ...riders(...RIDERS),
    'networks.txt': table('network_id', Object.keys(NETWORKS)),
    'route_networks.txt': table(
      'network_id,route_id',
      links(NETWORKS, (n, r) => `${n},${r}`),
    ),
    'areas.txt': table('area_id', Object.keys(AREAS)),
    'stop_areas.txt': table(
      'area_id,stop_id',
      links(AREAS, (area, stop) => `${area},${stop}`),
    ),
    'fare_products.txt': table(`${PRODUCT},duration_amount`, [
      ...Object.entries(CASH).flatMap(([id, prices]) =>
        prices.map((price, i) => `${id},${RIDERS[i]},cash,${price},USD,`),
      ),
      'local,adult,app,1.25,USD,',
      'local,reduced,app,0.60,USD,',
      ...['4.00', '2.00', '2.50'].map((price, i) => `day_pass,${RIDERS[i]},cash,${price},USD,1`),
      ...['50.00', '25.00', '30.00'].map((price, i) => `month_pass,${RIDERS[i]},app,${price},USD,31`),
    ]),
    'fare_leg_rules.txt': table(
      'leg_group_id,network_id,from_area_id,to_area_id,fare_product_id,rule_priority',
      [
        ...PAIRS.flatMap(([pair, id]) => [id, 'day_pass'].map((one) => `LOCAL,N_LOCAL,${pair},${one},7`)),
        'INTERCITY,N_INTERCITY,,,intercity,4',
      ],
    ),
    'fare_transfer_rules.txt': table(TRANSFER, [
      'LOCAL,LOCAL,,2,5400,1,0',
      'LOCAL,INTERCITY,intercity,,5400,1,2',
      'INTERCITY,LOCAL,,,5400,1,0',
    ]),
  };
  const pricer = pricerOf(COAST);
  const go = (route: string, from: string, to: string, start: string, end = start): Leg =>
    ride(route, from, to, `2026-09-07T${start}`, `2026-09-07T${end}`);

  it.each<[string, rider: string, medium: string, Leg[], string | null]>([
    [
      'a valley bus into the intercity: the intercity fare in place of both',
      'adult',
      'cash',
      [go('4', 'TOLEDO', 'NTC', '07:40', '08:10'), go('10', 'NTC', 'CORVALLIS', '08:20', '10:20')],
      '600',
    ],
    [
      'out of the intercity two hours after it was boarded',
      'adult',
      'cash',
      [go('10', 'NTC', 'CORVALLIS', '08:20', '10:20'), go('2', 'NTC', 'SBPR', '10:40')],
      '750',
    ],
    [
      'two local buses on a reduced app fare',
      'reduced',
      'app',
      [go('3', 'NYE', 'NTC', '08:50'), go('2', 'NTC', 'SBPR', '09:25')],
      '60',
    ],
    [
      'four local buses: two transfers, then anew',
      'adult',
      'cash',
      [
        go('30', 'NTC', 'NYE', '06:45'),
        go('11', 'NYE', 'NTC', '07:20'),
        go('2', 'NTC', 'SBPR', '07:40'),
        go('12', 'SBPR', 'NTC', '08:00'),
      ],
      '300',
    ],
    [
      'coast and valley, nearly two hours apart',
      'adult',
      'cash',
      [go('1', 'LCTC', 'NTC', '07:00'), go('4', 'NTC', 'TOLEDO', '08:55')],
      '600',
    ],
    ['a route of no network', 'adult', 'cash', [go('99', 'NTC', 'NYE', '08:00')], null],
    [
      'such a route before another',
      'adult',
      'cash',
      [go('99', 'NTC', 'NYE', '08:00'), go('2', 'NTC', 'SBPR', '09:00')],
      null,
    ],
    ['what the app does not sell', 'adult', 'app', [go('10', 'NTC', 'CORVALLIS', '08:20')], null],
    [
      'a child',
      'child',
      'cash',
      [go('1', 'LCTC', 'NTC', '07:00'), go('10', 'NTC', 'CORVALLIS', '08:00')],
      '0',
    ],
  ])('%s', (_, riderCategoryId, medium, legs, total) => {
    expect(totals(pricer, legs, { riderCategoryId })[medium]).toBe(total);
  });

  it('Monday mornings are cheaper', () => {
    const monday = pricerOf(COAST, {
      'fare_products.txt': table(PRODUCT, ['base,,cash,6.00,USD', 'peak,,cash,4.00,USD']),
      'fare_leg_rules.txt':
        'leg_group_id,network_id,from_timeframe_group_id,fare_product_id,rule_priority\ng,N_INTERCITY,,base,0\ng,N_INTERCITY,am,peak,5\n',
      'fare_transfer_rules.txt': `${TRANSFER}\n`,
      'timeframes.txt': 'timeframe_group_id,start_time,end_time,service_id\nam,07:00:00,09:00:00,mon\n',
      'calendar.txt':
        'service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nmon,1,0,0,0,0,0,0,20260101,20261231\n',
    });
    const at = (moment: string) => totals(monday, [ride('10', 'NTC', 'NYE', moment, moment)])['cash'];
    const moments = ['07T06:40', '07T07:30', '07T09:10', '08T07:30'];
    expect(moments.map((moment) => at(`2026-09-${moment}`))).toEqual(['600', '400', '600', '600']);
  });

  it('each transfer of type 1 has its fee, where it is sold to the rider', () => {
    const chain = (transfer: string) =>
      pricerOf(COAST, {
        'fare_products.txt': table(PRODUCT, [
          'a,,cash,2.00,USD',
          'b,,cash,3.00,USD',
          'fee,adult,cash,0.50,USD',
        ]),
        'fare_leg_rules.txt': 'leg_group_id,network_id,fare_product_id\ng,N_INTERCITY,a\ng,N_LOCAL,b\n',
        'fare_transfer_rules.txt': table(TRANSFER, [transfer]),
      });
    const legs = [
      go('10', 'NTC', 'NYE', '08:00'),
      go('2', 'NYE', 'HOSP', '08:20'),
      go('3', 'HOSP', 'NTC', '08:40'),
    ];
    const priced = (transfer: string, count: number, riderCategoryId: string) =>
      totals(chain(transfer), legs.slice(0, count), { riderCategoryId })['cash'];
    expect(priced('g,g,fee,-1,,,1', 3, 'adult')).toBe('900');
    expect(priced('g,g,,-1,,,1', 3, 'adult')).toBe('800');
    expect(priced('g,g,fee,-1,,,1', 2, 'reduced')).toBe('500');
    expect(priced('g,g,,-1,,,0', 2, 'reduced')).toBe('200');
  });

  it('a ride that leaves its zone pays the flat fare', () => {
    const flat = pricerOf(COAST, {
      'fare_products.txt': table(PRODUCT, ['flat,,cash,6.00,USD', 'zone,,cash,2.00,USD']),
      'areas.txt': 'area_id\nZ\n',
      'stop_areas.txt': 'area_id,stop_id\nZ,NTC\nZ,NYE\n',
      'fare_leg_rules.txt':
        'leg_group_id,from_area_id,to_area_id,fare_product_id,rule_priority\ng,,,flat,0\ng,Z,Z,zone,3\n',
      'fare_transfer_rules.txt': `${TRANSFER}\n`,
    });
    const to = (stop: string) => totals(flat, [go('2', 'NTC', stop, '08:00')])['cash'];
    expect([to('HOSP'), to('NYE')]).toEqual(['600', '200']);
  });
});

describe('Portland: a streetcar, buses and an aerial tram', () => {
  const RIDERS = ['ADULT', 'HONORED_CITIZEN', 'YOUTH'];
  const SOLD = ['0', '2', '3', '4'];
  const rows = (id: string, ...prices: string[]) =>
    prices.flatMap((price, i) =>
      SOLD.map((medium) => `${id}_${RIDERS[i]},${RIDERS[i]},${medium},${price},USD`),
    );
  const each = (row: (rider: string) => string) => RIDERS.map(row);
  const pricer = pricerOf(
    feed(['psc', 'max', 'tram'], ['a', 'b', 'c', 'd']),
    media({ '0': 0, '1': 1, '2': 2, '3': 3, '4': 4 }),
    riders(...RIDERS),
    {
      'networks.txt': 'network_id\nPSC\nTRIMET\nTRAM\n',
      'route_networks.txt': 'network_id,route_id\nPSC,psc\nTRIMET,max\nTRAM,tram\n',
      'fare_products.txt': table(PRODUCT, [
        ...['0', '1', '3'].map((medium) => `AERIAL,,${medium},9.00,USD`),
        ...rows('STREETCAR', '2.00', '1.00', '1.00'),
        ...rows('TRIMET', '2.80', '1.40', '1.40'),
        ...rows('UPGRADE', '0.80', '0.40', '0.40'),
      ]),
      'fare_leg_rules.txt': table('leg_group_id,network_id,fare_product_id', [
        'TRAM,TRAM,AERIAL',
        ...each((rider) => `PSC,PSC,STREETCAR_${rider}`),
        ...each((rider) => `TRIMET,TRIMET,TRIMET_${rider}`),
      ]),
      'fare_transfer_rules.txt': table(TRANSFER, [
        'TRIMET,TRIMET,,-1,9000,1,0',
        'PSC,PSC,,-1,9000,1,0',
        'TRIMET,PSC,,,9000,1,0',
        ...each((rider) => `PSC,TRIMET,UPGRADE_${rider},,9000,1,0`),
      ]),
    },
  );
  const go = (route: string, time: string) =>
    ride(route, 'a', 'b', `2026-09-07T${time}`, `2026-09-07T${time}`);

  it.each<[legs: [route: string, time: string][], ADULT: string, HC: string, YOUTH: string]>([
    [[['psc', '08:00']], '200', '100', '100'],
    [[['max', '08:00']], '280', '140', '140'],
    [
      [
        ['psc', '08:00'],
        ['max', '08:30'],
      ],
      '280',
      '140',
      '140',
    ],
    [
      [
        ['max', '08:00'],
        ['psc', '10:30'],
      ],
      '280',
      '140',
      '140',
    ],
    [
      [
        ['max', '08:00'],
        ['psc', '10:31'],
      ],
      '480',
      '240',
      '240',
    ],
    [
      [
        ['max', '08:00'],
        ['max', '09:00'],
        ['max', '10:30'],
      ],
      '280',
      '140',
      '140',
    ],
    [
      [
        ['max', '08:00'],
        ['max', '09:00'],
        ['max', '10:31'],
      ],
      '560',
      '280',
      '280',
    ],
  ])('%j', (legs, ...expected) => {
    for (const [i, total] of expected.entries()) {
      const answer = ask(
        pricer,
        legs.map((leg) => go(...leg)),
        { riderCategoryId: RIDERS[i] as string },
      );
      expect({ ...answer.totals }).toEqual({ '0': total, '1': null, '2': total, '3': total, '4': total });
    }
  });

  it('the aerial tram has a price of its own, on other media, and no transfer', () => {
    expect(totals(pricer, [go('tram', '08:00')])).toEqual({
      '0': '900',
      '1': '900',
      '2': null,
      '3': '900',
      '4': null,
    });
    expect(totals(pricer, [go('tram', '08:00'), go('psc', '08:10')])).toEqual({
      '0': '1100',
      '1': null,
      '2': null,
      '3': '1100',
      '4': null,
    });
  });
});
