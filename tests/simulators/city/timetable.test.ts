/** Where a vehicle is: before, at and after stops, between trips, at night and past midnight. */
import { describe, expect, test } from 'vitest';
import { dayAt, parseTimetable, secondsOf, serviceHours } from '../../../simulators/city/timetable.ts';
import { whereIs } from '../../../simulators/city/vehicle-place.ts';

// Two stops due north of each other, a kilometre apart: 1 km is about 0.009 degrees of latitude.
const files = {
  'agency.txt': 'agency_id,agency_name,agency_url,agency_timezone\nx,X,http://x.example,Europe/Kyiv\n',
  'stops.txt':
    'stop_id,stop_name,stop_lat,stop_lon\na,A,49.500,25.600\nb,B,49.509,25.600\nc,C,49.518,25.600\n',
  'routes.txt': 'route_id,agency_id,route_short_name,route_type\nr,x,1,3\n',
  'shapes.txt':
    'shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence,shape_dist_traveled\n' +
    's0,49.500,25.600,1,0\ns0,49.509,25.600,2,1000\ns0,49.518,25.600,3,2000\n' +
    's1,49.518,25.600,1,0\ns1,49.509,25.600,2,1000\ns1,49.500,25.600,3,2000\n',
  'calendar.txt':
    'service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n' +
    'wd,1,1,1,1,1,0,0,20250101,20251231\n',
  'trips.txt':
    'route_id,service_id,trip_id,direction_id,block_id,shape_id\n' +
    'r,wd,t1,0,b1,s0\nr,wd,t2,1,b1,s1\nr,wd,night,0,b1,s0\n',
  'stop_times.txt':
    'trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled\n' +
    't1,08:00:00,08:00:00,a,1,0\nt1,08:02:00,08:02:30,b,2,1000\nt1,08:04:30,08:04:30,c,3,2000\n' +
    't2,08:10:00,08:10:00,c,1,0\nt2,08:12:00,08:12:30,b,2,1000\nt2,08:14:30,08:14:30,a,3,2000\n' +
    'night,23:50:00,23:50:00,a,1,0\nnight,24:02:00,24:02:30,b,2,1000\nnight,24:10:00,24:10:00,c,3,2000\n',
};
const timetable = parseTimetable(files);
// Tuesday 14 October 2025; Kyiv is three hours before UTC until 26 October.
const at = (time: string) => Date.UTC(2025, 9, 14) - 3 * 3600_000 + secondsOf(time) * 1000;
const placeAt = (time: string) => whereIs(timetable, 'b1', at(time));

describe('a vehicle', () => {
  test('is idle a second before its first departure and knows when it starts', () => {
    expect(placeAt('07:59:59')).toEqual({ kind: 'idle', nextStartMs: at('08:00:00') });
  });

  test('leaves its first stop at the minute of departure', () => {
    expect(placeAt('08:00:00')).toMatchObject({ kind: 'driving', lastStopId: 'a', nextStopId: 'b' });
    expect(placeAt('08:00:01')).toMatchObject({ kind: 'driving', atStopId: null });
  });

  test('is half way between two stops in the middle of the time', () => {
    const place = placeAt('08:01:00');
    expect(place).toMatchObject({ atStopId: null, lastStopId: 'a', nextStopId: 'b' });
    if (place.kind !== 'driving') throw new Error('must drive');
    expect(place.position.lat).toBeCloseTo(49.5045, 6);
    expect(place.position.bearing).toBeCloseTo(0, 6);
  });

  test('stands at a stop from arrival until departure, and not a second longer', () => {
    expect(placeAt('08:01:59')).toMatchObject({ atStopId: null, lastStopId: 'a' });
    expect(placeAt('08:02:00')).toMatchObject({ atStopId: 'b', nextStopId: 'c', position: { lat: 49.509 } });
    expect(placeAt('08:02:29')).toMatchObject({ atStopId: 'b' });
    expect(placeAt('08:02:30')).toMatchObject({ atStopId: null, lastStopId: 'b' });
  });

  test('waits for its next trip from the last arrival on', () => {
    expect(placeAt('08:04:29')).toMatchObject({ kind: 'driving', run: { trip: { tripId: 't1' } } });
    expect(placeAt('08:04:30')).toMatchObject({
      kind: 'waiting',
      stopId: 'c',
      next: { trip: { tripId: 't2' } },
    });
    expect(placeAt('08:09:59')).toMatchObject({ kind: 'waiting' });
  });

  test('drives back the other way', () => {
    const place = placeAt('08:11:00');
    expect(place).toMatchObject({ run: { trip: { tripId: 't2', directionId: 1 } } });
    if (place.kind !== 'driving') throw new Error('must drive');
    expect(place.position.bearing).toBeCloseTo(180, 6);
  });

  test('drives on past midnight on the trip of the day before', () => {
    expect(placeAt('24:00:00')).toMatchObject({ kind: 'driving', run: { trip: { tripId: 'night' } } });
    expect(placeAt('24:02:10')).toMatchObject({ atStopId: 'b', run: { trip: { tripId: 'night' } } });
    expect(placeAt('24:10:00')).toEqual({ kind: 'idle', nextStartMs: at('32:00:00') });
  });

  test('rests on a day without service and names the next one', () => {
    const saturday = at('08:01:00') + 4 * 86_400_000;
    expect(whereIs(timetable, 'b1', saturday)).toEqual({
      kind: 'idle',
      nextStartMs: at('08:00:00') + 6 * 86_400_000,
    });
  });

  test('keeps its wall times when the clocks go back', () => {
    // On Monday 27 October 2025 Kyiv is two hours before UTC.
    const monday = Date.UTC(2025, 9, 27, 6, 1, 0);
    expect(whereIs(timetable, 'b1', monday)).toMatchObject({ kind: 'driving', lastStopId: 'a' });
  });
});

test('the service hours of a day end with the last arrival, after midnight', () => {
  expect(serviceHours(timetable, dayAt(timetable, at('12:00:00')))).toEqual({
    startMs: at('08:00:00'),
    endMs: at('24:10:00'),
  });
  expect(serviceHours(timetable, dayAt(timetable, at('12:00:00')) + 4)).toBeNull();
});

test('a feed that names an unknown stop is refused with the stop', () => {
  const broken = { ...files, 'stops.txt': files['stops.txt'].replace('\nb,B', '\nz,B') };
  expect(() => parseTimetable(broken)).toThrow('stop b is not in stops.txt');
});
