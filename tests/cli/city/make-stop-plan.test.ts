import { expect, it } from 'vitest';
import { makeStopPlan } from '../../../cli/city/make-stop-plan.ts';
import { parseStopPlan } from '../../../edge-agent/stops/stop-plan.ts';

const RULES = {
  reachM: 50,
  hysteresisM: 10,
  freshS: 30,
  halfLifeS: 60,
  timetablePct: 60,
  driverPct: 90,
  dropPct: 20,
};
const FEED = {
  'agency.txt': 'agency_timezone\nEurope/Kyiv\n',
  'stops.txt':
    'stop_id,stop_name,stop_lat,stop_lon\na,Центр,49.5,25.5\nb,Вокзал,49.6,25.6\nc,,49.7,25.7\nd,Депо,1,1\n',
  'trips.txt': 'trip_id,route_id,direction_id\nt,R,0\n',
  'stop_times.txt':
    'trip_id,stop_id,stop_sequence,arrival_time,departure_time\nt,a,1,08:00:00,08:00:00\nt,b,2,08:05:00,08:05:00\nt,c,3,08:09:00,08:09:00\n',
};
const TRANSLATIONS = `table_name,field_name,language,translation,record_id,field_value
stops,stop_name,en,Centre,a,
stops,stop_name,de-AT,Bahnhof,,Вокзал
stops,stop_desc,pl,Opis,a,
routes,stop_name,pl,Nie,a,
stops,stop_name,fr,Gare,b,
`;

it('stops in use have their names, translated by their id or by their text, in our languages', () => {
  const plan = makeStopPlan({ ...FEED, 'translations.txt': TRANSLATIONS }, RULES);
  expect(plan.names).toEqual({ a: { own: 'Центр', en: 'Centre' }, b: { own: 'Вокзал', de: 'Bahnhof' } });
  expect(parseStopPlan(Buffer.from(JSON.stringify(plan)))).toEqual({ ok: true, value: plan });
});

it('a feed without translations has its own names only', () => {
  expect(makeStopPlan(FEED, RULES).names).toEqual({ a: { own: 'Центр' }, b: { own: 'Вокзал' } });
});
