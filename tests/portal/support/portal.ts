/** A portal over fake views on a free port, and a city clock that stands still unless moved. */
import { createLogger } from '#platform/logger.ts';
import { type Portal, startPortal } from '../../../portal/main.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { type FakeViews, fakeViews } from './fake-views.ts';

/** A Tuesday morning in the reference city, 07:13 local time. */
export const MORNING_MS = Date.UTC(2025, 9, 14, 4, 13, 0);

export interface TestPortal {
  readonly portal: Portal;
  readonly views: FakeViews;
  /** Log lines so far, one text. */
  logs(): string;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

/** Starts one. Stop it with `portal.stop()`. */
export async function testPortal(
  options: { requestsPerMinuteMax?: number; listen?: string; trustedProxy?: string } = {},
): Promise<TestPortal> {
  const views = fakeViews();
  const lines: string[] = [];
  const portal = await startPortal(
    {
      KVYTOK_PORTAL_LISTEN: options.listen ?? '127.0.0.1:0',
      KVYTOK_POSTGRES_URL: 'postgres://nobody@127.0.0.1:1/none',
      KVYTOK_CITY_DIR: 'cities/ternopil',
      ...(options.trustedProxy !== undefined && { KVYTOK_PORTAL_TRUSTED_PROXY: options.trustedProxy }),
    },
    {
      clock: { ...manualClock(MORNING_MS), speed: 10 },
      log: createLogger({ component: 'portal', write: (line) => lines.push(line) }),
      views,
      requestsPerMinuteMax: options.requestsPerMinuteMax ?? 10_000,
    },
  );
  return {
    portal,
    views,
    logs: () => lines.join('\n'),
    get: (path, headers = {}) => fetch(`${portal.url}${path}`, { headers, redirect: 'manual' }),
  };
}
