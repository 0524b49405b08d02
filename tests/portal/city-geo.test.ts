import { describe, expect, it } from 'vitest';
import { readCityFolder } from '../../portal/adapters/city-folder.ts';
import { cityGeo, type NetworkTables } from '../../portal/city-geo.ts';
import { inkOn } from '../../portal/views/route-styles.ts';

const stop = (id: string, lat: string, lon: string) => ({
  stop_id: id,
  stop_name: `Stop ${id}`,
  stop_lat: lat,
  stop_lon: lon,
});
const call = (trip: string, stopId: string, order: number) => ({
  trip_id: trip,
  stop_id: stopId,
  stop_sequence: String(order),
});

const tables: NetworkTables = {
  routes: [{ route_id: 'r1', agency_id: 'a', route_short_name: '1', route_color: 'C62828' }],
  stops: [stop('a', '49.5', '25.5'), stop('b', '49.6', '25.6'), stop('c', '49.7', '25.7')],
  trips: [
    { route_id: 'r1', trip_id: 'short', shape_id: '' },
    { route_id: 'r1', trip_id: 'long', shape_id: '' },
  ],
  // Out of order on purpose: a feed need not be sorted.
  stopTimes: [
    call('short', 'a', 1),
    call('short', 'b', 2),
    call('long', 'c', 30),
    call('long', 'a', 1),
    call('long', 'b', 5),
  ],
  shapes: [],
};

describe('the map of a feed', () => {
  it('draws a route without a shape through its stops, along its longest trip', () => {
    const geo = cityGeo(tables);
    expect(geo.routes[0]?.geometry.coordinates).toEqual([
      [25.5, 49.5],
      [25.6, 49.6],
      [25.7, 49.7],
    ]);
    expect(geo.routes[0]?.properties).toMatchObject({ routeId: 'r1', name: '1', colour: '#c62828' });
    expect(geo.bbox).toEqual([25.5, 49.5, 25.7, 49.7]);
  });

  it('follows the shape where there is one', () => {
    const shapes = [
      ['2', '49.9'],
      ['1', '49.8'],
    ].map(([order, lat]) => ({
      shape_id: 's',
      shape_pt_sequence: order ?? '',
      shape_pt_lat: lat ?? '',
      shape_pt_lon: '25.1',
    }));
    const trips = [{ route_id: 'r1', trip_id: 'long', shape_id: 's' }];
    expect(cityGeo({ ...tables, trips, shapes, stopTimes: [] }).routes[0]?.geometry.coordinates).toEqual([
      [25.1, 49.8],
      [25.1, 49.9],
    ]);
  });

  it('leaves out a route without a trip, a stop without a place, and one at 0, 0', () => {
    const stops = [
      ...tables.stops,
      stop('nowhere', '', ''),
      stop('null-island', '0', '0'),
      { ...stop('station', '49', '25'), location_type: '1' },
    ];
    const geo = cityGeo({ ...tables, stops, routes: [...tables.routes, { route_id: 'ghost' }] });
    expect(geo.routes).toHaveLength(1);
    expect(geo.stops.map((dot) => dot.properties['stopId'])).toEqual(['a', 'b', 'c']);
  });

  it('has no box when there is nothing', () => {
    expect(cityGeo({ routes: [], stops: [], trips: [], stopTimes: [], shapes: [] }).bbox).toBeNull();
  });

  it('reads the reference city: every route has a line, every carrier and concession a name', async () => {
    const { geo, names } = await readCityFolder('cities/ternopil');
    expect(geo.routes).toHaveLength(names.routes.size);
    expect(geo.stops.length).toBeGreaterThanOrEqual(60);
    expect(names.concessions.get('pensioner')).toMatchObject({ uk: 'пенсіонер за віком', en: 'pensioner' });
    expect(names.defaultCategoryId).toBe('full');
    expect(names.acts.get('cmu-354')).toMatchObject({ uk: 'постанова КМУ 354' });
  });

  it('says what to do about a folder that is no city', async () => {
    await expect(readCityFolder('cities/nowhere')).rejects.toMatchObject({ code: 'CITY_UNREADABLE' });
  });

  it.each([
    ['#ffffff', '#111111'],
    ['#c62828', '#ffffff'],
    ['#ffeb3b', '#111111'],
    ['#000000', '#ffffff'],
  ])('writes on %s in %s', (colour, ink) => {
    expect(inkOn(colour)).toBe(ink);
  });
});
