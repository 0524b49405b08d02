import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createEventStream, type EventStream, eventText } from '../../portal/event-stream.ts';
import { until } from '../support/until.ts';

let server: Server | undefined;
let stream: EventStream;
const sockets: Socket[] = [];

afterEach(() => {
  stream.stop();
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.closeAllConnections();
  server?.close();
});

async function open(limits: { clientsMax: number; backlogBytesMax: number }): Promise<number> {
  let beat: (() => void) | undefined;
  stream = createEventStream(
    (_ms, task) => {
      beat = task;
      return () => {
        beat = undefined;
      };
    },
    { ...limits, heartbeatMs: 1000 },
  );
  server = createServer((request, response) => {
    if (request.url === '/beat') {
      beat?.();
      response.end();
    } else if (!stream.add(response, request.url?.slice(1) ?? '', {})) {
      response.writeHead(503).end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function client(port: number, tag: string): Promise<Socket> {
  const before = stream.clients;
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  socket.write(`GET /${tag} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await until(() => stream.clients > before);
  return socket;
}

describe('the event stream', () => {
  it('drops a client that does not read, and only that one', async () => {
    const port = await open({ clientsMax: 10, backlogBytesMax: 200_000 });
    const slow = await client(port, 'slow');
    slow.pause();
    const reader = await fetch(`http://127.0.0.1:${port}/quick`);
    let received = 0;
    const reading = (async () => {
      for await (const chunk of reader.body as ReadableStream<Uint8Array>) received += chunk.byteLength;
    })().catch(() => {});
    const message = eventText('x'.repeat(100_000));
    // More than the kernel's buffers take for a socket that nobody reads. Who reads has all of it before more comes.
    for (let sent = 1; sent <= 400 && stream.dropped === 0; sent++) {
      stream.broadcast(() => message);
      await until(() => received >= sent * message.length);
    }
    expect(stream.dropped).toBe(1);
    expect(stream.clients).toBe(1);
    stream.stop();
    await reading;
  });

  it('takes so many clients and refuses the next', async () => {
    const port = await open({ clientsMax: 2, backlogBytesMax: 100_000 });
    await client(port, 'a');
    const second = await client(port, 'b');
    expect((await fetch(`http://127.0.0.1:${port}/c`)).status).toBe(503);
    second.destroy();
    await until(() => stream.clients === 1);
    await client(port, 'c');
  });

  it('makes a message once for each language, and none for languages nobody reads', async () => {
    const port = await open({ clientsMax: 10, backlogBytesMax: 100_000 });
    await client(port, 'uk');
    await client(port, 'uk');
    await client(port, 'pl');
    const made: string[] = [];
    stream.broadcast((tag) => {
      made.push(tag);
      return eventText(tag);
    });
    expect(made.sort()).toEqual(['pl', 'uk']);
  });

  it('keeps a quiet connection alive with comments', async () => {
    const port = await open({ clientsMax: 10, backlogBytesMax: 100_000 });
    const socket = await client(port, 'uk');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    await fetch(`http://127.0.0.1:${port}/beat`);
    await until(() => text.includes(': still here'));
  });

  it('carries line breaks without letting them forge an event', () => {
    expect(eventText('a\n\nevent: taps\r\ndata: b')).toBe(
      'data: a\ndata: \ndata: event: taps\ndata: data: b\n\n',
    );
  });
});
