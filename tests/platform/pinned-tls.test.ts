import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectPinned, type TlsIdentity } from '#platform/pinned-tls.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';

const MINUTE_MS = 60_000;
/** What begins then has not begun when a slow test ends. */
const HALF_HOUR_MS = 30 * MINUTE_MS;
const SERVER = { kind: 'server', names: ['127.0.0.1'] } as const;
const CLIENT = { kind: 'client' } as const;

let ca: TestCa;
const servers: Server[] = [];
beforeAll(async () => {
  ca = await createTestCa();
});
afterAll(() => {
  for (const server of servers) server.close();
});

/** A server whose certificate begins in so many milliseconds. */
async function serverFrom(
  fromMs: number,
  by: TestCa,
  use: typeof SERVER | { kind: 'server'; names: string[] } = SERVER,
) {
  const { key, cert } = await by.issue('server', use, { fromMs });
  const server = createServer({ key, cert, minVersion: 'TLSv1.3' }, (socket) => socket.on('error', () => {}));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, timeoutMs: 100_000 };
}

const cameThrough = async (target: Awaited<ReturnType<typeof serverFrom>>, tls: TlsIdentity) => {
  const socket = await connectPinned(target, tls);
  socket.destroy();
  return true;
};

describe('a server of the city', () => {
  it('is believed by its authority, and by nothing else', async () => {
    const target = await serverFrom(-MINUTE_MS, ca);
    expect(await cameThrough(target, { ca: ca.caPem })).toBe(true);
    const foreign = await createTestCa();
    await expect(connectPinned(target, { ca: foreign.caPem })).rejects.toThrow(/not the city's/);
  });

  it('of tomorrow is believed by a clock that is provably wrong, and by no other', async () => {
    const target = await serverFrom(HALF_HOUR_MS, ca);
    const born = await ca.issue('val-1', CLIENT);
    const unborn = await ca.issue('val-1', CLIENT, { fromMs: HALF_HOUR_MS });
    expect(await cameThrough(target, unborn)).toBe(true);
    await expect(connectPinned(target, born)).rejects.toThrow(/NOT_YET_VALID/);
    await expect(connectPinned(target, { ca: ca.caPem })).rejects.toThrow(/NOT_YET_VALID/);
  });

  it('of tomorrow must still be the city’s, and of the right name', async () => {
    const unborn = await ca.issue('val-1', CLIENT, { fromMs: HALF_HOUR_MS });
    const foreign = await serverFrom(HALF_HOUR_MS, await createTestCa());
    await expect(connectPinned(foreign, unborn)).rejects.toThrow(/not the city's/);
    const elsewhere = await serverFrom(HALF_HOUR_MS, ca, { kind: 'server', names: ['10.0.0.1'] });
    await expect(connectPinned(elsewhere, unborn)).rejects.toThrow(/not the city's/);
  });

  it('that says nothing is given up in time', async () => {
    const { createServer: createTcp } = await import('node:net');
    const mute = createTcp(() => {}).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    await expect(connectPinned({ host: '127.0.0.1', port, timeoutMs: 50 }, { ca: ca.caPem })).rejects.toThrow(
      /in time/,
    );
    mute.close();
  });
});
