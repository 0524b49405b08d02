/** The portal's figures and readiness. */
import type { Metrics } from '#platform/metrics.ts';
import type { Vitals } from '#platform/role.ts';
import type { CityViews } from './ports.ts';

/** Notes one answered request: its route as declared (never its address), status and duration. */
export type NoteRequest = (route: string, status: number, seconds: number) => void;

/** Figures of requests, to be noted by the app. */
export function requestMetrics(metrics: Metrics): NoteRequest {
  const requests = new Map<string, { route: string; status: string; value: number }>();
  metrics.counter(
    'kvytok_portal_requests_total',
    'Answered requests by route and class of status.',
    () => [...requests.values()].map(({ route, status, value }) => ({ labels: { route, status }, value })),
    ['route', 'status'],
  );
  const note = metrics.durations('kvytok_portal_request_seconds', 'Duration of requests, by route.', 'route');
  return (route, status, seconds) => {
    const group = `${Math.floor(status / 100)}xx`;
    const known = requests.get(`${route} ${group}`) ?? { route, status: group, value: 0 };
    requests.set(`${route} ${group}`, { ...known, value: known.value + 1 });
    note(seconds, route);
  };
}

/** Readiness: the published views answer. */
export function portalVitals(
  metrics: Metrics,
  sources: { readonly views: Pick<CityViews, 'latestTaps'>; readonly viewers: () => number },
): Vitals {
  metrics.gauge('kvytok_portal_viewers', 'Pages that watch the city now.', sources.viewers);
  return {
    metrics,
    async problems() {
      try {
        await sources.views.latestTaps(1);
        return [];
      } catch (error) {
        return [`the published views do not answer: ${(error as Error).message}`];
      }
    },
  };
}
