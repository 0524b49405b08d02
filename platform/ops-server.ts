/**
 * For supervisors and Prometheus, on an address of its own that no passenger reaches: is the process alive
 * (`/healthz`), can each role do its work (`/readyz`), and its figures (`/metrics`). Reads only; nothing here names a
 * person, and nothing can be changed through it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { OperatorError, systemCode } from './errors.ts';
import { type Logger, withoutCredentials } from './logger.ts';
import { METRICS_TYPE, processMetrics } from './metrics.ts';
import type { Role } from './role.ts';

export interface OpsServer extends Role {
  /** `http://127.0.0.1:9464`. */
  readonly url: string;
}

export interface OpsOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** The roles of this process, asked anew at each request: some may start later. */
  readonly roles: () => readonly Role[];
  readonly log: Logger;
  /** How long a role may think about its readiness, milliseconds; 2000 by default. */
  readonly patienceMs?: number;
}

/** What `/readyz` says; `ready` is true when no role has a problem. */
export interface Readiness {
  readonly ready: boolean;
  readonly roles: readonly { readonly role: string; readonly problems: readonly string[] }[];
}

const PATIENCE_MS = 2000;
/** Scrapers keep a connection or two; more is somebody else. */
const CONNECTIONS_MAX = 64;
const REQUEST_MS_MAX = 10_000;

/** Starts it. @throws OperatorError PORT_IN_USE or LISTEN_FAILED */
export async function startOpsServer(options: OpsOptions): Promise<OpsServer> {
  const process = processMetrics();
  const server = createServer((request, response) => {
    answer(request, response).catch((err: unknown) => {
      options.log.error({ err }, 'ops.answer.failed');
      if (!response.headersSent) send(response, 500, 'text/plain', 'the figures could not be read\n');
      else response.destroy();
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.requestTimeout = REQUEST_MS_MAX;
  server.headersTimeout = REQUEST_MS_MAX;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return send(response, 405, 'text/plain', 'only GET and HEAD\n');
    }
    if (path === '/healthz') return send(response, 200, 'application/json', '{"status":"alive"}\n');
    if (path === '/readyz') {
      const state = await readiness(options.roles(), options.patienceMs ?? PATIENCE_MS);
      return send(response, state.ready ? 200 : 503, 'application/json', `${JSON.stringify(state)}\n`);
    }
    if (path === '/metrics') {
      const texts = options.roles().flatMap((role) => (role.vitals ? [role.vitals.metrics.text()] : []));
      return send(response, 200, METRICS_TYPE, (await Promise.all([process.text(), ...texts])).join('\n'));
    }
    send(response, 404, 'text/plain', 'there are /healthz, /readyz and /metrics\n');
  }

  const url = await listen(server, options.listen);
  options.log.info({ ops: withoutCredentials(url) }, 'ops.started');
  let stopping: Promise<void> | undefined;
  return {
    name: 'ops',
    url,
    stop: () => {
      stopping ??= new Promise((resolve) => {
        process.stop();
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return stopping;
    },
  };
}

/** Asks every role, each at most `patienceMs`. */
export async function readiness(roles: readonly Role[], patienceMs: number): Promise<Readiness> {
  const found = await Promise.all(
    roles.flatMap((role) => (role.vitals ? [ask(role.name, role.vitals.problems(), patienceMs)] : [])),
  );
  return { ready: found.every(({ problems }) => problems.length === 0), roles: found };
}

async function ask(
  role: string,
  asked: Promise<readonly string[]>,
  patienceMs: number,
): Promise<Readiness['roles'][number]> {
  const giveUp = new AbortController();
  const late = delay(patienceMs, [`did not say how it is within ${patienceMs} ms`], {
    signal: giveUp.signal,
    ref: false,
  }).catch(() => []);
  const problems = await Promise.race([asked.catch((error: Error) => [error.message]), late]);
  giveUp.abort();
  return { role, problems };
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

async function listen(server: Server, address: string): Promise<string> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  const port = Number(address.slice(colon + 1));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, () => resolve());
  try {
    await promise;
  } catch (cause) {
    const inUse = systemCode(cause) === 'EADDRINUSE';
    throw new OperatorError({
      code: inUse ? 'PORT_IN_USE' : 'LISTEN_FAILED',
      happened: inUse
        ? `Another program already listens on ${address}.`
        : `The figures cannot be offered on ${address} (${systemCode(cause) ?? 'unknown reason'}).`,
      kept: 'Nothing was changed.',
      todo: 'Stop the other program, or set KVYTOK_OPS_LISTEN to a free port, e.g. 127.0.0.1:0.',
      cause,
    });
  }
  const bound = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound.port}`;
}
