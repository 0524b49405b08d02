/**
 * Server-sent events to many browsers (HTML Standard, server-sent events). Bounded: so many clients, so many bytes
 * waiting for each; a client that does not read is dropped, since its next connection begins with the whole picture.
 */
import type { ServerResponse } from 'node:http';
import type { Every } from './ports.ts';

/** What an event stream may cost. */
export interface EventStreamLimits {
  readonly clientsMax: number;
  /** Bytes that may wait in this process for one client. */
  readonly backlogBytesMax: number;
  /** Real milliseconds between comments that keep proxies and dead sockets honest. */
  readonly heartbeatMs: number;
}

export const EVENT_STREAM_LIMITS: EventStreamLimits = {
  clientsMax: 200,
  backlogBytesMax: 512 * 1024,
  heartbeatMs: 15_000,
};

/** One browser. `tag` groups those that get the same bytes (their language). */
interface Client {
  readonly tag: string;
  readonly response: ServerResponse;
}

export interface EventStream {
  /** Takes a response over. False when there are too many clients: the caller then answers 503. */
  add(response: ServerResponse, tag: string, headers: Readonly<Record<string, unknown>>): boolean;
  /** Writes to every client of a tag; `message` is made once per tag and only if somebody has it. */
  broadcast(message: (tag: string) => string): void;
  /** Writes to one response that was added. */
  send(response: ServerResponse, message: string): void;
  readonly clients: number;
  /** Clients dropped for not reading. */
  readonly dropped: number;
  stop(): void;
}

/** One event as its lines. Without a name it is a page fragment, with a name data for an island. */
export function eventText(data: string, name?: string): string {
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}`);
  return `${name === undefined ? '' : `event: ${name}\n`}${lines.join('\n')}\n\n`;
}

/** Makes an event stream. */
export function createEventStream(
  every: Every,
  limits: EventStreamLimits = EVENT_STREAM_LIMITS,
): EventStream {
  const clients = new Map<ServerResponse, Client>();
  let dropped = 0;
  const stopHeartbeat = every(limits.heartbeatMs, () => {
    for (const client of clients.values()) write(client, ': still here\n\n');
  });

  function write(client: Client, message: string): void {
    const { response } = client;
    if (response.writableLength + message.length > limits.backlogBytesMax) {
      dropped += 1;
      clients.delete(response);
      response.destroy();
      return;
    }
    response.write(message);
  }

  return {
    add(response, tag, headers) {
      if (clients.size >= limits.clientsMax) return false;
      response.writeHead(200, {
        ...(headers as Record<string, string>),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      response.flushHeaders();
      clients.set(response, { tag, response });
      response.on('close', () => clients.delete(response));
      response.on('error', () => clients.delete(response));
      return true;
    },
    broadcast(message) {
      const made = new Map<string, string>();
      for (const client of [...clients.values()]) {
        const text = made.get(client.tag) ?? message(client.tag);
        made.set(client.tag, text);
        if (text !== '') write(client, text);
      }
    },
    send(response, message) {
      const client = clients.get(response);
      if (client) write(client, message);
    },
    get clients() {
      return clients.size;
    },
    get dropped() {
      return dropped;
    },
    stop() {
      stopHeartbeat();
      for (const { response } of clients.values()) response.end();
      clients.clear();
    },
  };
}
