/** A connection to a server that is held up when it is called. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openClient } from '#platform/postgres.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database?.close());

/** The way to the database through a server that leaves the first callers without an answer. */
async function behindSilence(silent: number) {
  const to = new URL(database.adminUrl);
  const sockets: Socket[] = [];
  let calls = 0;
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    calls += 1;
    if (calls <= silent) return;
    const far = connect(Number(to.port), to.hostname);
    sockets.push(far.on('error', () => {}));
    socket.pipe(far).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(to);
  url.port = String((server.address() as AddressInfo).port);
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { url: url.href, calls: () => calls, close };
}

it('is called again', async () => {
  const { url, calls, close } = await behindSilence(1);
  const client = await openClient({ url, applicationName: 'test' }, 2000);
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  expect(calls()).toBeGreaterThanOrEqual(2);
  await client.end();
  close();
});

it('is given up when it stays silent, and at once when it refuses', async () => {
  const silent = await behindSilence(100);
  await expect(openClient({ url: silent.url, applicationName: 'test' }, 20)).rejects.toThrow(
    'timeout expired',
  );
  await until(() => silent.calls() === 3, { what: 'three calls' });
  silent.close();
  const nobody = openClient({ url: 'postgres://nobody@127.0.0.1:1/none', applicationName: 'test' });
  await expect(nobody).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
