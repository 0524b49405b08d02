/** Small hand-made feeds for tests, written as the text of their files. */
import { createFarePricer, type FarePricer } from '#pricing/fares-v2/fare-pricer.ts';
import { type FileProblem, hasErrors } from '#pricing/file-problem.ts';
import { readFeed } from '#pricing/gtfs/read-feed.ts';
import { type QuoteAnswer, quoteJourney } from '#pricing/quote.ts';
import type { QuoteError, QuoteRequest } from '#pricing/quote-request.ts';

/** Files as bytes. Leading blank space of a text is dropped, so that tests can indent nothing and begin a line below. */
export function filesOf(texts: Readonly<Record<string, string>>): Map<string, Uint8Array> {
  return new Map(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text.trimStart(), 'utf8')]));
}

/** Agency, stops (a station with two platforms among them) and routes in three networks. */
export const BASE_FEED: Readonly<Record<string, string>> = {
  'agency.txt': `
agency_id,agency_name,agency_url,agency_timezone
city,City,https://example.org,Europe/Kyiv
`,
  'stops.txt': `
stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,stop_timezone
a,A,49.1,25.1,,,
b,B,49.2,25.2,,,
c,C,49.3,25.3,,,
d,D,49.4,25.4,,,
station,Station,49.5,25.5,1,,
p1,Platform 1,49.5,25.5,0,station,
p2,Platform 2,49.5,25.5,0,station,
west,West,50.1,19.9,,,Europe/Warsaw
`,
  'routes.txt': `
route_id,agency_id,route_short_name,route_type,network_id
bus1,city,1,3,bus
bus2,city,2,3,bus
tram1,city,T1,0,tram
ferry,city,F,4,ferry
lone,city,L,3,
`,
};

/** Builds a pricer from files; later ones replace earlier ones of the same name. Errors of the feed fail the test. */
export function pricerOf(...texts: Readonly<Record<string, string>>[]): FarePricer {
  const { feed, problems } = readFeed(filesOf(Object.assign({}, BASE_FEED, ...texts)));
  if (hasErrors(problems)) throw new Error(JSON.stringify(problems, null, 2));
  return createFarePricer(feed);
}

/** Problems of a feed. */
export function feedProblems(...texts: Readonly<Record<string, string>>[]): FileProblem[] {
  return readFeed(filesOf(Object.assign({}, BASE_FEED, ...texts))).problems;
}

export type Leg = QuoteRequest['legs'][number];

/** A leg on Monday, 2 March 2026, wall time of the feed: `leg('bus1', 'a', 'b', '08:00', '08:20')`. */
export function leg(routeId: string, fromStopId: string, toStopId: string, from: string, to: string): Leg {
  const at = (time: string) => (time.includes('T') ? time : `2026-03-02T${time}`);
  return { routeId, fromStopId, toStopId, departure: at(from), arrival: at(to) };
}

/** A leg with times as they are written: local, or with an offset. */
export function ride(
  routeId: string,
  fromStopId: string,
  toStopId: string,
  departure: string,
  arrival: string,
): Leg {
  return { routeId, fromStopId, toStopId, departure, arrival };
}

/** The answer to a journey; an error answer fails the test. */
export function ask(pricer: FarePricer, legs: Leg[], more: Partial<QuoteRequest> = {}): QuoteAnswer {
  const answer: QuoteAnswer | QuoteError = quoteJourney(pricer, { id: 'q', legs, ...more });
  if ('error' in answer) throw new Error(JSON.stringify(answer));
  return answer;
}

/** Only the totals, as a plain object. */
export function totals(
  pricer: FarePricer,
  legs: Leg[],
  more: Partial<QuoteRequest> = {},
): Record<string, string | null> {
  return { ...ask(pricer, legs, more).totals };
}
