/** The door itself, with nothing behind it: who is counted for a refusal, and what a broken-off request does. */
import { createPublicKey } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { issueCertificate, newCertificateKey, signingKeyOf } from '#platform/x509.ts';
import { openCityCa } from '../../../cli/city/device-ca.ts';
import { type HttpsServer, startHttps } from '../../../ingest/enrolment/adapters/https-server.ts';
import { createGuessLimiter } from '../../../ingest/enrolment/guess-limiter.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

const temp = tempFolder('door');
const lines: { level: number; msg: string; refused?: string }[] = [];
const counts: string[] = [];
let server: HttpsServer;
let ca: string;
let device: { key: string; cert: string };

beforeAll(async () => {
  const city = await openCityCa(temp.path);
  ca = city.certificatePem;
  const made = async (name: string, use: Parameters<typeof issueCertificate>[1]['use']) => {
    const key = newCertificateKey();
    const publicKeyPem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
    const times = { notBeforeMs: Date.now() - 3_600_000, notAfterMs: Date.now() + 3_600_000 };
    const signer = { privateKey: signingKeyOf(city.key), certificatePem: ca };
    const order = { name, publicKeyPem, serial: name === 'val-1' ? '0a' : '0b', ...times, use };
    return { key, cert: await issueCertificate(signer, order) };
  };
  device = await made('val-1', { kind: 'client' });
  server = await startHttps({
    host: '127.0.0.1',
    port: 0,
    tls: { ...(await made('door', { kind: 'server', names: ['127.0.0.1'] })), ca },
    enrolment: {
      enrol: async () => ({ ok: false, refused: 'CODE_REFUSED' }),
      renew: async () => ({ ok: false, refused: 'PROOF_REFUSED' }),
    },
    limiter: createGuessLimiter({ refusalsPerAddressMax: 2, refusalsMax: 100 }),
    monotonicMs: () => 0,
    crl: async () => '',
    log: createLogger({
      component: 'test',
      level: 'debug',
      write: (line) => void lines.push(JSON.parse(line)),
    }),
    count: (outcome) => void counts.push(outcome),
  });
});
afterAll(async () => {
  await server?.stop();
  temp.remove();
});
beforeEach(() => {
  counts.length = 0;
});

async function open(identity: { key: string; cert: string } | undefined): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: server.port, ca, ...identity });
  await new Promise((ready, failed) => socket.once('secureConnect', ready).once('error', failed));
  return socket;
}

async function answerTo(path: string, identity?: { key: string; cert: string }): Promise<string | undefined> {
  const socket = await open(identity);
  socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}`);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return /"refused":"(\w+)"/.exec(text)?.[1];
}

describe('the door of enrolment', () => {
  it('a request that is broken off is a malformed one, told at debug, and no failure', async () => {
    const socket = await open(undefined);
    socket.write('POST /v1/enrol HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"v":1');
    await new Promise((sent) => socket.write(' ', sent));
    socket.destroy();
    await until(() => counts.length > 0);
    expect(counts).toEqual(['REQUEST_MALFORMED']);
    expect(lines.find((line) => line.refused === 'REQUEST_MALFORMED')).toMatchObject({ level: 20 });
    expect(lines.filter((line) => line.level > 30)).toEqual([]);
  });

  it('who holds a certificate is counted by it: an address full of refusals holds no renewal up', async () => {
    for (let n = 0; n < 2; n++) await answerTo('/v1/enrol');
    expect(await answerTo('/v1/enrol')).toBe('TOO_MANY_TRIES');
    expect(await answerTo('/v1/renew', device)).toBe('REQUEST_MALFORMED');
    expect(await answerTo('/v1/renew', device)).toBe('REQUEST_MALFORMED');
    expect(await answerTo('/v1/renew', device)).toBe('TOO_MANY_TRIES');
  });
});
