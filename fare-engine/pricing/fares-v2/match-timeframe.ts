/**
 * Timeframes: local wall time and the calendar date of the event (not the trip's service day); start included, end
 * excluded (GTFS timeframes.txt, "Timeframe Local Time Semantics").
 */
import { dayOfWall, findZone, secondOfWall, type Zone } from '../local-time.ts';
import { type FareFeed, type Service, stationOf } from './fare-feed.ts';

/** Whether a service runs on a day (days since 1970-01-01). */
export function isServiceDay(service: Service, day: number): boolean {
  if (service.added.has(day)) return true;
  if (service.removed.has(day) || day < service.startDay || day > service.endDay) return false;
  // 1970-01-01 was a Thursday; weekdays begin with Monday.
  return service.weekdays[(((day + 3) % 7) + 7) % 7] === true;
}

/** Zone of a fare event: the station's `stop_timezone`, else the agency's. */
export function zoneOfEvent(feed: FareFeed, stopId: string | null): Zone | null {
  if (stopId !== null && feed.stops) {
    const name = feed.stops.get(stationOf(feed, stopId))?.zoneName;
    if (name) return findZone(name) ?? feed.zone;
  }
  return feed.zone;
}

/** Whether an event lies in a timeframe group. The empty group holds every event; without a zone none lies in any. */
export function inTimeframe(feed: FareFeed, groupId: string, stopId: string | null, atMs: number): boolean {
  if (groupId === '') return true;
  const zone = zoneOfEvent(feed, stopId);
  if (!zone) return false;
  const wall = zone.wallMs(atMs);
  const day = dayOfWall(wall);
  const second = secondOfWall(wall);
  return (feed.timeframes.get(groupId) ?? []).some((frame) => {
    const service = feed.services.get(frame.serviceId);
    return (
      second >= frame.startS && second < frame.endS && service !== undefined && isServiceDay(service, day)
    );
  });
}
