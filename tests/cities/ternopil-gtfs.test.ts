/** The committed feed of Ternopil: whole, consistent, plausible, and made from its description. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import { makeFeed, readNetwork } from '../../scripts/make-ternopil-gtfs.ts';
import { parseTimetable } from '../../simulators/city/timetable.ts';

const dir = join(import.meta.dirname, '../../cities/ternopil/gtfs');
const texts = Object.fromEntries(
  readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'utf8')]),
);
const rows = (name: string) => parse(texts[name] ?? '', { columns: true }) as Record<string, string>[];
const ids = (name: string, column: string) => new Set(rows(name).map((row) => row[column]));
const timetable = parseTimetable(texts);
const trips = [...timetable.trips.values()];

/** Real values that the feed claims to respect. */
const SPEED_KMH_MAX = 70;
const FEED_BYTES_MAX = 2 * 1024 * 1024;

describe('the feed', () => {
  test('is what the description makes, byte for byte', () => {
    expect(Object.fromEntries(makeFeed(readNetwork()))).toEqual(texts);
  });

  test('says that it is simplified', () => {
    expect(texts['feed_info.txt']).toContain('спрощена');
  });

  test('has at least 8 routes of two kinds, 60 stops, and municipal and private carriers', () => {
    expect(rows('routes.txt').length).toBeGreaterThanOrEqual(8);
    expect(new Set(rows('routes.txt').map((r) => r['route_type']))).toEqual(new Set(['11', '3']));
    expect(rows('stops.txt').length).toBeGreaterThanOrEqual(60);
    expect(ids('agency.txt', 'agency_id').size).toBeGreaterThanOrEqual(4);
  });

  test('stays under two megabytes', () => {
    const bytes = readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
    expect(bytes).toBeLessThan(FEED_BYTES_MAX);
  });

  test('names each id once and refers only to what exists', () => {
    for (const [file, column] of [
      ['agency.txt', 'agency_id'],
      ['stops.txt', 'stop_id'],
      ['routes.txt', 'route_id'],
      ['trips.txt', 'trip_id'],
      ['calendar.txt', 'service_id'],
    ] as const) {
      expect(ids(file, column).size, file).toBe(rows(file).length);
    }
    const missing = (file: string, column: string, target: string) => {
      const known = ids(target, column);
      return [...ids(file, column)].filter((id) => !known.has(id));
    };
    expect(missing('routes.txt', 'agency_id', 'agency.txt')).toEqual([]);
    expect(missing('trips.txt', 'route_id', 'routes.txt')).toEqual([]);
    expect(missing('trips.txt', 'service_id', 'calendar.txt')).toEqual([]);
    expect(missing('trips.txt', 'shape_id', 'shapes.txt')).toEqual([]);
    expect(missing('stop_times.txt', 'trip_id', 'trips.txt')).toEqual([]);
    expect(missing('stop_times.txt', 'stop_id', 'stops.txt')).toEqual([]);
    expect(missing('trips.txt', 'trip_id', 'stop_times.txt')).toEqual([]);
    expect(missing('stops.txt', 'stop_id', 'stop_times.txt')).toEqual([]);
  });

  test('keeps every stop near Ternopil', () => {
    for (const { lat, lon, name } of timetable.stops.values()) {
      expect(Math.abs(lat - 49.5535), name).toBeLessThan(0.05);
      expect(Math.abs(lon - 25.5948), name).toBeLessThan(0.08);
    }
  });
});

describe('the trips', () => {
  test('go forward in time and along the shape, and no faster than a city bus may', () => {
    for (const { tripId, calls } of trips) {
      calls.forEach((call, i) => {
        expect(call.departureS, tripId).toBeGreaterThanOrEqual(call.arrivalS);
        const before = calls[i - 1];
        if (!before) return;
        const hours = (call.arrivalS - before.departureS) / 3600;
        const km = (call.distM - before.distM) / 1000;
        expect(hours, tripId).toBeGreaterThan(0);
        expect(km, tripId).toBeGreaterThan(0);
        expect(km / hours, tripId).toBeLessThan(SPEED_KMH_MAX);
      });
    }
  });

  test('run in both directions on every route and every kind of day', () => {
    for (const { route_id } of rows('routes.txt')) {
      for (const service of ['weekday', 'weekend']) {
        const own = trips.filter((t) => t.routeId === route_id && t.serviceId === service);
        expect(own.filter((t) => t.directionId === 0).length, `${route_id} ${service}`).toBeGreaterThan(10);
        expect(own.filter((t) => t.directionId === 1).length, `${route_id} ${service}`).toBeGreaterThan(10);
      }
    }
  });

  test('begin at 05:30 and end about midnight, some of them after it', () => {
    const starts = trips.map((t) => t.calls[0]?.departureS ?? Number.NaN);
    const ends = trips.map((t) => t.calls.at(-1)?.arrivalS ?? Number.NaN);
    expect(Math.min(...starts)).toBe(5.5 * 3600);
    expect(Math.max(...ends)).toBeGreaterThan(24 * 3600);
    expect(Math.max(...ends)).toBeLessThan(25 * 3600);
  });

  test('of one block never overlap: a vehicle is at one place', () => {
    for (const [blockId, list] of timetable.blocks) {
      for (const serviceId of ['weekday', 'weekend']) {
        const own = list.filter((t) => t.serviceId === serviceId);
        own.forEach((trip, i) => {
          const before = own[i - 1];
          if (!before) return;
          expect(trip.calls[0]?.departureS, blockId).toBeGreaterThan(before.calls.at(-1)?.arrivalS ?? 0);
          expect(trip.calls[0]?.stopId, blockId).toBe(before.calls.at(-1)?.stopId);
        });
      }
    }
  });
});
