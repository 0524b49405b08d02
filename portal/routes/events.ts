/**
 * What moves: server-sent events. Unnamed messages are fragments of the page, swapped by htmx; named ones
 * (`taps`, `vehicles`, `pace`, `clock`) are data for the map and the plots. A connection begins with the whole
 * picture, so nothing has to be remembered for clients that were away.
 */
import type { FastifyInstance } from 'fastify';
import { languageOf, type PortalContext } from '../context.ts';
import { eventText } from '../event-stream.ts';
import type { CityChange, PartName } from '../live-city.ts';
import { HttpProblem } from '../problems.ts';
import type { CityWire, TapWire } from '../schemas.ts';
import { FRAGMENT_IDS, FRAGMENTS_OF, type FragmentId, fragment } from '../views/city-page.ts';
import { tapRows } from '../views/taps.ts';
import { readLanguage, type Wording } from '../wording.ts';

/** `/events?lang=` */
export function eventRoutes(app: FastifyInstance, context: PortalContext): void {
  let unwatch: (() => void) | undefined;

  const onChange = (change: CityChange): void => {
    if (context.stream.clients === 0) {
      unwatch?.();
      unwatch = undefined;
      return;
    }
    context.stream.broadcast((tag) => changeMessage(change, wordingOf(context, tag), context));
  };

  app.get('/events', async (request, reply) => {
    const language = languageOf(request);
    await context.live.snapshot(language);
    unwatch ??= context.live.watch(onChange);
    reply.hijack();
    const headers = reply.getHeaders();
    if (!context.stream.add(reply.raw, language, headers)) {
      reply.raw.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '30' });
      const { code, status } = new HttpProblem(503, 'TOO_MANY_VIEWERS');
      reply.raw.end(JSON.stringify({ type: 'about:blank', title: code, status, detail: code, code }));
      return;
    }
    context.stream.send(reply.raw, wholePicture(context.live.current(language), context.wordings[language]));
  });
}

function wordingOf(context: PortalContext, tag: string): Wording {
  return context.wordings[readLanguage(tag) ?? 'uk'];
}

/** Everything, for a client that has just come (or come back). */
function wholePicture(city: CityWire, wording: Wording): string {
  const partials = FRAGMENT_IDS.map((id) => renew(id, city, wording)).join('');
  return [eventText(partials), ...dataEvents(city, new Set(['devices', 'pace']), [])].join('');
}

/** What changed. */
function changeMessage(change: CityChange, wording: Wording, { live }: PortalContext): string {
  const city = live.current(wording.language);
  const ids = new Set<FragmentId>(['trouble', 'attention']);
  for (const part of change.changed) for (const id of FRAGMENTS_OF[part]) ids.add(id);
  const partials = [...ids].map((id) => renew(id, city, wording)).join('') + newRows(change.newTaps, wording);
  return [eventText(partials), ...dataEvents(city, change.changed, change.newTaps)].join('');
}

function renew(id: FragmentId, city: CityWire, wording: Wording): string {
  return `<hx-partial hx-target="#${id}" hx-swap="innerMorph">${fragment(id, city, wording)}</hx-partial>`;
}

/** New rows wait in a list of their own; the page puts them on top when nobody aims at the rows (live-taps.ts). */
function newRows(taps: readonly TapWire[], wording: Wording): string {
  if (taps.length === 0) return '';
  return `<hx-partial hx-target="#fresh-taps" hx-swap="afterbegin">${tapRows(taps, wording)}</hx-partial>`;
}

function dataEvents(city: CityWire, changed: ReadonlySet<PartName>, newTaps: readonly TapWire[]): string[] {
  const events = [eventText(JSON.stringify({ nowMs: city.nowMs, speed: city.speed }), 'clock')];
  if (changed.has('devices')) events.push(eventText(JSON.stringify(city.vehicles), 'vehicles'));
  if (changed.has('pace'))
    events.push(eventText(JSON.stringify({ ...city.pace, speed: city.speed }), 'pace'));
  if (newTaps.length > 0) {
    const pulses = newTaps.map(({ tapId, vehicleId, stopId, result }) => ({
      tapId,
      vehicleId,
      stopId,
      result,
    }));
    events.push(eventText(JSON.stringify(pulses), 'taps'));
  }
  return events;
}
