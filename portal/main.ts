/** Starts the portal: reads the city's folder, opens the database as `portal_runtime`, serves the pages. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '#platform/clock.ts';
import { OperatorError, systemCode } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import { createMetrics, type Metrics } from '#platform/metrics.ts';
import { registerPool } from '#platform/pool-metrics.ts';
import { createPool } from '#platform/postgres.ts';
import type { Role } from '#platform/role.ts';
import { readSecretFile } from '#platform/secret-files.ts';
import { readCityFolder } from './adapters/city-folder.ts';
import { createIslandSource } from './adapters/islands.ts';
import { listenDecided } from './adapters/listen-decided.ts';
import { createOpenData } from './adapters/open-data-folder.ts';
import { createPublishedLog } from './adapters/postgres-audit-log.ts';
import { createPostgresDebts } from './adapters/postgres-debts.ts';
import { createPostgresViews } from './adapters/postgres-views.ts';
import { buildApp } from './app.ts';
import { listenAddress, type PortalConfig } from './config.ts';
import { createWordings, type PortalContext } from './context.ts';
import { createEventStream } from './event-stream.ts';
import { createLiveCity } from './live-city.ts';
import type { CityViews, Debts, DecidedSignal, Every, PublishedLog } from './ports.ts';
import { portalVitals, requestMetrics } from './vitals.ts';

export interface PortalDeps {
  /** The city's clock; its `speed`, if it has one, is shown. */
  readonly clock: Clock & { readonly speed?: number };
  readonly log: Logger;
  readonly requestsPerMinuteMax?: number;
  /** In place of those that the configuration names. */
  readonly paymentCallKeys?: readonly Buffer[];
  /** Instead of PostgreSQL, for tests. */
  readonly views?: CityViews;
  readonly debts?: Debts;
}

export interface Portal extends Role {
  /** Address of the city page, `http://127.0.0.1:8080`. */
  readonly url: string;
}

const HERE = dirname(fileURLToPath(import.meta.url));
const POOL_MAX = 4;
const STATEMENT_MS_MAX = 5000;

/**
 * Starts the portal. It comes up without a database too and then says so on its page.
 * @throws OperatorError PORT_IN_USE | LISTEN_FAILED | CITY_UNREADABLE
 */
export async function startPortal(config: PortalConfig, deps: PortalDeps): Promise<Portal> {
  const { names, geo, attention } = await readCityFolder(config.KVYTOK_CITY_DIR);
  const metrics = createMetrics();
  const { views, auditLog, debts, signal, close } = openViews(config, deps, metrics);
  const live = createLiveCity({
    views,
    names,
    attention,
    nowMs: () => deps.clock.nowMs(),
    speed: () => deps.clock.speed ?? 1,
    // Refresh pauses protect the database, so they are counted in real time, not in the city's.
    monotonicMs: () => performance.now(),
    every,
    onTrouble: (error) =>
      error === null
        ? deps.log.info('portal.database.back')
        : deps.log.warn({ err: (error as Error).message }, 'portal.database.silent'),
  });
  signal.onDecided(() => live.decided());
  const stream = createEventStream(every);
  const context: PortalContext = {
    views,
    auditLog,
    debts,
    payments: {
      callKeys: deps.paymentCallKeys ?? callKeysOf(config),
      realMs: () => Date.now(),
      onRefused: (why) => deps.log.warn({ why }, 'portal.payment-call.refused'),
    },
    openData: createOpenData(config.KVYTOK_PORTAL_OPEN_DATA_DIR),
    names,
    geo,
    live,
    stream,
    clock: deps.clock,
    wordings: createWordings(names),
  };
  const app = await buildApp({
    context,
    folders: { assets: join(HERE, 'assets'), vendor: vendorFolders() },
    islands: createIslandSource(join(HERE, 'islands')),
    log: deps.log,
    note: requestMetrics(metrics),
    ...(config.KVYTOK_PORTAL_TRUSTED_PROXY === undefined
      ? {}
      : { trustedProxy: config.KVYTOK_PORTAL_TRUSTED_PROXY }),
    ...(deps.requestsPerMinuteMax === undefined ? {} : { requestsPerMinuteMax: deps.requestsPerMinuteMax }),
  });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      live.stop();
      stream.stop();
      await app.close();
      await close();
    })();
    return stopping;
  };
  try {
    const url = await listen(app, config);
    deps.log.info({ pages: url }, 'portal.started');
    const vitals = portalVitals(metrics, { views, viewers: () => stream.clients });
    return { name: 'portal', url, vitals, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function openViews(
  config: PortalConfig,
  deps: PortalDeps,
  metrics: Metrics,
): {
  views: CityViews;
  auditLog: PublishedLog;
  debts: Debts;
  signal: DecidedSignal;
  close: () => Promise<void>;
} {
  if (deps.views) {
    const silent: DecidedSignal = { onDecided: () => {}, stop: async () => {} };
    const auditLog = { checkpoint: async () => undefined, keys: async () => [], tile: async () => undefined };
    const debts = deps.debts ?? { find: async () => null, ask: async () => false, hear: async () => false };
    return { views: deps.views, auditLog, debts, signal: silent, close: async () => {} };
  }
  const pool = createPool({
    url: config.KVYTOK_POSTGRES_URL,
    applicationName: 'kvytok-portal',
    max: POOL_MAX,
    statementTimeoutMs: STATEMENT_MS_MAX,
    log: deps.log,
  });
  registerPool(metrics, 'kvytok_portal', pool);
  const signal = listenDecided({ url: config.KVYTOK_POSTGRES_URL, log: deps.log });
  return {
    views: createPostgresViews(pool),
    auditLog: createPublishedLog(pool),
    debts: createPostgresDebts(pool),
    signal,
    close: async () => {
      await signal.stop();
      await pool.end();
    },
  };
}

/** @throws OperatorError SECRET_FILE_UNREADABLE */
function callKeysOf({ KVYTOK_PAYMENT_CALL_KEY_FILES: files }: PortalConfig): Buffer[] {
  return files === undefined ? [] : files.split(',').map((file) => Buffer.from(readSecretFile(file), 'utf8'));
}

const every: Every = (periodMs, task) => {
  const timer = setInterval(task, periodMs);
  timer.unref();
  return () => clearInterval(timer);
};

function vendorFolders(): Readonly<Record<string, string>> {
  const folder = (specifier: string) => dirname(fileURLToPath(import.meta.resolve(specifier)));
  return {
    'maplibre-gl': folder('maplibre-gl'),
    uplot: folder('uplot/dist/uPlot.esm.js'),
    htmx: folder('htmx.org/dist/htmx.min.js'),
  };
}

async function listen(app: FastifyInstance, config: PortalConfig): Promise<string> {
  const { host, port } = listenAddress(config);
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    const inUse = systemCode(cause) === 'EADDRINUSE';
    throw new OperatorError({
      code: inUse ? 'PORT_IN_USE' : 'LISTEN_FAILED',
      happened: inUse
        ? `Another program already listens on ${host}:${port}.`
        : `The portal could not listen on ${host}:${port} (${systemCode(cause) ?? 'unknown reason'}).`,
      kept: 'Nothing was changed.',
      todo: 'Stop the other program, or set KVYTOK_PORTAL_LISTEN to a free port, e.g. 127.0.0.1:0.',
      cause,
    });
  }
}
