/**
 * A page of this device for whoever stands before it: the present message in it, server-sent events for the next ones, and
 * commands back where the page has any. It listens on 127.0.0.1 only and answers only to that name.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { decodeJson } from '#contracts/parse.ts';
import { OperatorError, systemCode } from '#platform/errors.ts';

/** What a page is made of. */
export interface PageParts {
  /** HTML with the present message in it. */
  readonly html: () => string;
  /** TypeScript of the page; types are stripped when it is served. */
  readonly script: string;
  readonly style: string;
  /** Path of script and style without their endings, e.g. `screen`. */
  readonly name: string;
  /** A command of the page, decoded and not yet checked; false = it is none. Without it the page has no commands. */
  readonly act?: (command: unknown) => boolean;
}

export interface LocalPage {
  readonly url: string;
  /** Sends a message to every page that watches; the next one to open gets it first. */
  send(message: object): void;
  stop(): Promise<void>;
}

/** Pages that may watch at a time; a panel needs one. */
const WATCHERS_MAX = 16;
/** A browser that stopped reading is let go when this many bytes wait for it. */
const BACKLOG_BYTES_MAX = 64 * 1024;
const COMMAND_BYTES_MAX = 1024;

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/**
 * Opens a page on 127.0.0.1. Port 0 takes a free one.
 * @throws OperatorError PORT_IN_USE or SCREEN_UNUSABLE.
 */
export async function openLocalPage(port: number, parts: PageParts, first: object): Promise<LocalPage> {
  const watchers = new Set<ServerResponse>();
  const script = stripTypeScriptTypes(parts.script);
  let event = eventOf(first);

  const server = createServer((request, response) => {
    if (!isLocal(request)) return send(response, 403, 'text/plain', 'local use only\n');
    const path = request.url?.split('?')[0];
    if (request.method === 'POST' && path === '/act' && parts.act)
      return command(request, response, parts.act);
    if (request.method !== 'GET') return send(response, 405, 'text/plain', 'GET only\n');
    switch (path) {
      case '/':
        return send(response, 200, 'text/html', parts.html());
      case `/${parts.name}.js`:
        return send(response, 200, 'text/javascript', script);
      case `/${parts.name}.css`:
        return send(response, 200, 'text/css', parts.style);
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
    response.write(event);
    watchers.add(response);
    response.on('close', () => watchers.delete(response));
  }

  const url = `http://127.0.0.1:${await listen(server, port)}/`;
  return {
    url,
    send(message) {
      event = eventOf(message);
      for (const watcher of watchers) {
        if (watcher.writableLength > BACKLOG_BYTES_MAX) watcher.destroy();
        else watcher.write(event);
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

/** Only a page of this server may command: a stranger's page sends another origin, or cannot send JSON without asking. */
function command(
  request: IncomingMessage,
  response: ServerResponse,
  act: (command: unknown) => boolean,
): void {
  const { origin, host, 'content-type': type } = request.headers;
  if (origin !== `http://${host}` || type !== 'application/json') {
    send(response, 403, 'text/plain', 'commands of this page only\n');
    return;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= COMMAND_BYTES_MAX) chunks.push(chunk);
    else request.destroy();
  });
  request.on('end', () => {
    const json = decodeJson(Buffer.concat(chunks), COMMAND_BYTES_MAX);
    const taken = json.ok && act(json.value);
    send(response, taken ? 200 : 400, 'text/plain', taken ? 'done\n' : 'no such command\n');
  });
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { ...HEADERS, 'content-type': `${type}; charset=utf-8` }).end(body);
}

function eventOf(message: object): string {
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
