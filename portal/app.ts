/** The web server: plugins, bounds, errors, routes. It knows no database and no file of the city, only ports. */
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from '#platform/logger.ts';
import { languageOf, type PortalContext } from './context.ts';
import type { IslandSource } from './ports.ts';
import { HttpProblem, sendProblem, toProblem } from './problems.ts';
import { apiRoutes } from './routes/api.ts';
import { type AssetFolders, assetRoutes } from './routes/assets.ts';
import { auditLogRoutes } from './routes/audit-log.ts';
import { debtRoutes } from './routes/debt.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { openDataRoutes } from './routes/open-data.ts';
import { pageRoutes } from './routes/pages.ts';
import { SECURITY } from './security.ts';
import type { NoteRequest } from './vitals.ts';

export interface AppOptions {
  readonly context: PortalContext;
  readonly folders: AssetFolders;
  readonly islands: IslandSource;
  readonly log: Logger;
  /** Requests from one address in a minute. */
  readonly requestsPerMinuteMax?: number;
  /** Address or network of the server in front of us, whose word on who asks is believed; absent = nobody's. */
  readonly trustedProxy?: string;
  /** Hears of each answered request. */
  readonly note?: NoteRequest;
}

const REQUESTS_PER_MINUTE_MAX = 1200;
/** Routes that take bodies have bounds of their own; elsewhere a small one is read and ignored. */
const BODY_BYTES_MAX = 16 * 1024;

/** Builds the server without listening. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { context, log } = options;
  const app = Fastify({
    bodyLimit: BODY_BYTES_MAX,
    trustProxy: options.trustedProxy ?? false,
    connectionTimeout: 30_000,
    requestTimeout: 15_000,
    keepAliveTimeout: 10_000,
    forceCloseConnections: true,
    // A tap id has up to 113 characters; the rest are strangers' addresses.
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: true },
    // What the router itself refuses (an id far too long, a broken %-escape) does not exist here.
    frameworkErrors: (_error, request, reply) =>
      sendProblem(request, reply, new HttpProblem(404, 'NOT_FOUND'), context.wordings.uk),
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error);
    if (problem.status >= 500) {
      log.error(
        { err: (error as { cause?: unknown }).cause ?? error, path: request.routeOptions.url },
        'portal.request.failed',
      );
    }
    return sendProblem(request, reply, problem, context.wordings[languageOf(request)]);
  });
  app.addHook('onResponse', (request, reply, done) => {
    // An address that no route declares is one route to us: strangers cannot make figures grow.
    options.note?.(request.routeOptions.url ?? 'unknown', reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, new HttpProblem(404, 'NOT_FOUND'), context.wordings[languageOf(request)]),
  );
  await app.register(helmet, SECURITY);
  await app.register(rateLimit, {
    global: true,
    max: options.requestsPerMinuteMax ?? REQUESTS_PER_MINUTE_MAX,
    timeWindow: '1 minute',
    cache: 5000,
  });
  const routes = [
    pageRoutes,
    apiRoutes,
    eventRoutes,
    healthRoutes,
    auditLogRoutes,
    openDataRoutes,
    debtRoutes,
    (scope: FastifyInstance) => assetRoutes(scope, context, options.folders, options.islands),
  ];
  for (const add of routes) {
    // Each in a scope of its own, so that hooks stay where they belong.
    await app.register((scope, _options, done) => {
      add(scope, context);
      done();
    });
  }
  await app.ready();
  return app;
}
