/** A renewal that the city does not answer, given up by a device that stops. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { askToRenew } from '../../edge-agent/adapters/enrolment-client.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';

let ca: TestCa;
beforeAll(async () => {
  ca = await createTestCa();
});
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

it.each(['the handshake', 'the question', 'nothing'])(
  'a city that answers %s no more is not waited for',
  async (unanswered) => {
    const stopping = new AbortController();
    const server =
      unanswered === 'the handshake'
        ? createServer(() => stopping.abort())
        : createTlsServer(await ca.issue('server', { kind: 'server', names: ['127.0.0.1'] }), (socket) => {
            socket.on('error', () => {});
            socket.once('data', () => stopping.abort());
          });
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    if (unanswered === 'nothing') stopping.abort();
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const identity = await ca.issue('val-1', { kind: 'client' });
    await expect(
      askToRenew(url, identity, { v: 1, csr: 'csr', sig: 'sig' }, stopping.signal),
    ).rejects.toThrow(/given up|aborted/);
  },
  30_000,
);
