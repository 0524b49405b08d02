/**
 * The screen as a local page: plain HTML with the present view in it, and server-sent events for the next ones.
 * It listens on 127.0.0.1 only, answers only to that name, and has nothing to say but what hangs on the pole anyway.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { OperatorError, systemCode } from '#platform/errors.ts';
import type { Screen, ScreenView } from '../ports.ts';
import { renderPage } from '../screen/page.ts';
import { renderView, type ScreenMessage } from '../screen/render-view.ts';

export interface ScreenServer extends Screen {
  readonly url: string;
  stop(): Promise<void>;
}

/** Pages that may watch at a time; a panel needs one. */
const WATCHERS_MAX = 16;
/** A browser that stopped reading is let go when this many bytes wait for it. */
const BACKLOG_BYTES_MAX = 64 * 1024;

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

const fileOf = (name: string): string => readFileSync(new URL(`../screen/${name}`, import.meta.url), 'utf8');

/**
 * Opens the page on 127.0.0.1. Port 0 takes a free one.
 * @throws OperatorError PORT_IN_USE or SCREEN_UNUSABLE.
 */
export async function openScreenServer(port: number): Promise<ScreenServer> {
  const watchers = new Set<ServerResponse>();
  const script = stripTypeScriptTypes(fileOf('islands/screen.ts'));
  const style = fileOf('style.css');
  let message: ScreenMessage = renderView({ sign: 'waiting', language: 'uk', online: false, atMs: 0 });

  const server = createServer((request, response) => {
    if (!isLocal(request)) return send(response, 403, 'text/plain', 'local use only\n');
    if (request.method !== 'GET') return send(response, 405, 'text/plain', 'GET only\n');
    switch (request.url?.split('?')[0]) {
      case '/':
        return send(response, 200, 'text/html', renderPage(message));
      case '/screen.js':
        return send(response, 200, 'text/javascript', script);
      case '/screen.css':
        return send(response, 200, 'text/css', style);
      case '/events':
        return watch(response);
      case '/favicon.ico':
        return send(response, 204, 'image/x-icon', '');
      default:
        return send(response, 404, 'text/plain', 'no such page\n');
    }
  });
  server.maxConnections = WATCHERS_MAX * 4;
  server.requestTimeout = 5000;

  function watch(response: ServerResponse): void {
    if (watchers.size >= WATCHERS_MAX) {
      send(response, 503, 'text/plain', 'too many watch\n');
      return;
    }
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
    response.write(eventOf(message));
    watchers.add(response);
    response.on('close', () => watchers.delete(response));
  }

  const url = `http://127.0.0.1:${await listen(server, port)}/`;
  return {
    url,
    show(view: ScreenView) {
      message = renderView(view);
      for (const watcher of watchers) {
        if (watcher.writableLength > BACKLOG_BYTES_MAX) watcher.destroy();
        else watcher.write(eventOf(message));
      }
    },
    async stop() {
      for (const watcher of watchers) watcher.end();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A page of a stranger that points a name of its own at 127.0.0.1 is not answered. */
function isLocal(request: IncomingMessage): boolean {
  return /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '');
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { ...HEADERS, 'content-type': `${type}; charset=utf-8` }).end(body);
}

function eventOf(message: ScreenMessage): string {
  return `data: ${JSON.stringify(message)}\n\n`;
}

async function listen(server: Server, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', resolve);
  try {
    await promise;
  } catch (cause) {
    throw screenFailure(port, cause);
  }
  server.off('error', reject);
  return (server.address() as AddressInfo).port;
}

function screenFailure(port: number, cause: unknown): OperatorError {
  const taken = systemCode(cause) === 'EADDRINUSE';
  return new OperatorError({
    code: taken ? 'PORT_IN_USE' : 'SCREEN_UNUSABLE',
    happened: `The screen page cannot listen on 127.0.0.1:${port}: ${(cause as Error).message}.`,
    kept: 'The journal was left as it is; no card was read.',
    todo: 'Give another port with --screen-port, or 0 for a free one.',
    cause,
  });
}
