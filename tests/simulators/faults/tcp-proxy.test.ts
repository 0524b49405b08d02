import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../../../simulators/faults/tcp-proxy.ts';
import { until } from '../../support/until.ts';

let echo: Server;
let proxy: TcpProxy;
const sockets: Socket[] = [];
const accepted: Socket[] = [];

beforeEach(async () => {
  echo = createServer((socket) => {
    accepted.push(socket);
    socket.on('error', () => {});
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const { port } = echo.address() as { port: number };
  proxy = await startTcpProxy({ target: { host: '127.0.0.1', port } });
});
afterEach(async () => {
  for (const socket of [...sockets.splice(0), ...accepted.splice(0)]) socket.destroy();
  await proxy.stop();
  echo.close();
});

interface Client {
  readonly socket: Socket;
  heard(): string;
  readonly ended: Promise<unknown>;
}

async function client(): Promise<Client> {
  const socket = connect(proxy.port, '127.0.0.1');
  sockets.push(socket);
  let heard = '';
  socket.on('data', (bytes: Buffer) => {
    heard += bytes.toString();
  });
  socket.on('error', () => {});
  const ended = new Promise((resolve) => socket.once('close', resolve));
  await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), ended]);
  return { socket, heard: () => heard, ended };
}

describe('a wire', () => {
  it('carries everything both ways, and an end as well', async () => {
    const { socket, heard, ended } = await client();
    const text = 'x'.repeat(3_000_000);
    socket.end(text);
    await ended;
    expect(heard()).toBe(text);
  });

  it('that is cut closes what was open and refuses what comes, until it is fair again', async () => {
    const before = await client();
    proxy.turn({ kind: 'cut' });
    await before.ended;
    await (await client()).ended;
    expect(proxy.opened()).toBe(1);
    proxy.turn({ kind: 'fair' });
    const after = await client();
    after.socket.write('here');
    await until(() => after.heard() === 'here');
  });

  it('that hangs half open takes connections, forwards nothing, and is dead when the network is back', async () => {
    proxy.turn({ kind: 'half-open' });
    const hanging = await client();
    hanging.socket.write('into the void');
    await until(() => proxy.links() === 1 && hanging.socket.bytesWritten > 0);
    expect(hanging.heard()).toBe('');
    expect(hanging.socket.closed).toBe(false);
    proxy.turn({ kind: 'fair' });
    await hanging.ended;
    expect(hanging.heard()).toBe('');
  });

  it('that is slow delivers each piece later, in order', async () => {
    const { socket, heard } = await client();
    proxy.turn({ kind: 'slow', delayMs: 60 });
    // One after the other: two that wait together for a proxy that is held up are one piece to it.
    for (const [piece, all] of [
      ['a', 'a'],
      ['b', 'ab'],
    ] as const) {
      const began = performance.now();
      socket.write(piece);
      await until(() => heard() === all);
      // Up, and back from the echo.
      expect(performance.now() - began).toBeGreaterThanOrEqual(119);
    }
    for (const piece of ['c', 'd', 'e']) socket.write(piece);
    await until(() => heard() === 'abcde');
  });

  it('that is narrow lets so many bytes through a second', async () => {
    const { socket, heard } = await client();
    proxy.turn({ kind: 'narrow', bytesPerSecond: 20_000 });
    const began = performance.now();
    socket.write('x'.repeat(4_000));
    await until(() => heard().length === 4_000);
    expect(performance.now() - began).toBeGreaterThanOrEqual(190);
  });

  it('with a slow reader at its near end carries upwards only', async () => {
    const { socket, heard } = await client();
    let arrived = 0;
    await until(() => accepted.length > 0);
    accepted[0]?.on('data', (bytes: Buffer) => {
      arrived += bytes.byteLength;
    });
    proxy.turn({ kind: 'slow-reader' });
    socket.write('up');
    await until(() => arrived === 2);
    expect(heard()).toBe('');
    proxy.turn({ kind: 'fair' });
    await until(() => heard() === 'up');
  });

  it('that is reset breaks what was open, once', async () => {
    const before = await client();
    await until(() => proxy.links() === 1);
    proxy.reset();
    await before.ended;
    const after = await client();
    after.socket.write('here');
    await until(() => after.heard() === 'here');
  });
});
