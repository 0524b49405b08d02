/** The measurement on real brokers: shipped limits, stock limits, small packets, and the embedded one. */
import { afterEach, describe, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { logBrokerCheck, probeBrokerAt } from '../../ingest/adapters/probe-broker.ts';
import { type BrokerCheck, checkBroker, type ProbeLine } from '../../ingest/broker-check.ts';
import { BROKER_NEEDS } from '../../ingest/config.ts';
import { secretOf } from '../broker/clients.ts';
import { startTestBroker } from '../broker/harness.ts';
import { startMosquitto } from '../broker/port/mosquitto.ts';
import { SUITE_CLIENTS } from '../broker/port/under-test.ts';
import { freePort } from '../support/free-port.ts';

const log = createLogger({ component: 'test', level: 'silent' });
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

function measure(url: string, clientId = 'ingest'): Promise<BrokerCheck | 'unreachable'> {
  return probeBrokerAt({ url, clientId, secret: secretOf(clientId), log }, BROKER_NEEDS, 40_000, 100_000);
}

async function mosquitto(limits: Parameters<typeof startMosquitto>[1]): Promise<string> {
  const server = await startMosquitto(SUITE_CLIENTS, limits);
  cleanups.push(server.stop);
  return server.url;
}

describe('the measurement of the broker', () => {
  it('finds nothing on mosquitto with the limits that are shipped', async () => {
    expect(await measure(await mosquitto({}))).toEqual([]);
  });

  it('finds nothing on the embedded broker', async () => {
    const city = await startTestBroker(SUITE_CLIENTS);
    cleanups.push(city.stop);
    expect(await measure(city.broker.url)).toEqual([]);
  });

  it('counts what stock mosquitto lets through: a window of 20 and a queue of 1,000', async () => {
    const found = await measure(await mosquitto({ inflightMax: 20, queuedMax: 1_000 }));
    expect(found).toMatchObject([
      { limit: 'queue', found: 1_020, needed: 4_096 },
      { limit: 'window', found: 20, needed: 256 },
    ]);
  });

  it('tells one limit from the other, on both sides of the boundary', async () => {
    const queue = (queuedMax: number) => mosquitto({ inflightMax: 256, queuedMax }).then(measure);
    expect(await queue(4_096 - 256)).toEqual([]);
    expect(await queue(4_096 - 257)).toMatchObject([{ limit: 'queue', found: 4_095 }]);
    expect(await measure(await mosquitto({ inflightMax: 255 }))).toMatchObject([
      { limit: 'window', found: 255 },
    ]);
  });

  it('sees that the largest batch is not carried', async () => {
    expect(await measure(await mosquitto({ packetBytesMax: 128 * 1024 }))).toMatchObject([
      { limit: 'packet' },
    ]);
    // The batch itself fits, its topic and header do not.
    expect(await measure(await mosquitto({ packetBytesMax: 256 * 1024 }))).toMatchObject([
      { limit: 'packet' },
    ]);
  });

  it('sees that it may not use its probe topic, whether it is refused or silently dropped', async () => {
    const city = await startTestBroker(SUITE_CLIENTS);
    cleanups.push(city.stop);
    expect(await measure(city.broker.url, 'eye')).toMatchObject([{ limit: 'access' }]);
    expect(await measure(await mosquitto({}), 'eye')).toMatchObject([{ limit: 'access' }]);
  });

  it('says nothing about a broker that is not there', async () => {
    const options = { url: `mqtt://127.0.0.1:${await freePort()}`, clientId: 'ingest', secret: 'x', log };
    expect(await probeBrokerAt(options, BROKER_NEEDS, 50)).toBe('unreachable');
  });
});

describe('what is said', () => {
  it('each finding is a warning with what was found, what is needed and what to do; a fit broker is one line', () => {
    const lines: { level: number; msg: string }[] = [];
    const written = createLogger({ component: 'ingest', write: (line) => lines.push(JSON.parse(line)) });
    logBrokerCheck(written, [{ limit: 'queue', found: 1_020, needed: 4_096, todo: 'raise it' }]);
    logBrokerCheck(written, []);
    logBrokerCheck(written, null);
    expect(lines).toMatchObject([
      {
        level: 40,
        msg: 'ingest.broker-check.too-small',
        limit: 'queue',
        found: 1_020,
        needed: 4_096,
        todo: 'raise it',
      },
      { level: 30, msg: 'ingest.broker-check.fits' },
      { level: 40, msg: expect.stringMatching(/^ingest\.broker-check\.interrupted/) },
    ]);
  });

  it('a broker that stands still for a while has dropped nothing: what it has is waited for', async () => {
    const waiting: Uint8Array[] = [];
    let hear: (payload: Uint8Array) => void = () => {};
    let looks = 0;
    const stalling: ProbeLine = {
      connected: true,
      listen: async (onMessage) => {
        hear = onMessage;
        return async () => {};
      },
      publish: async (payload) => void waiting.push(payload),
      // Silent each other time it is waited for, with all that has come still to be sent.
      quiet: async () => {
        if (looks++ % 2 === 1) for (const payload of waiting.splice(0)) hear(payload);
      },
    };
    expect(await checkBroker(stalling, { queued: 8, window: 0, payloadBytes: 100 }, 'r')).toEqual([]);
  });

  it('a mark of before the burst that comes late is not taken for one of after it', async () => {
    const waiting: Uint8Array[] = [];
    let hear: (payload: Uint8Array) => void = () => {};
    let looks = 0;
    const piecemeal: ProbeLine = {
      connected: true,
      listen: async (onMessage) => {
        hear = onMessage;
        return async () => {};
      },
      publish: async (payload) => void waiting.push(payload),
      // It stands still, and at each other wait brings no more than is waited for.
      quiet: async (done) => {
        if (looks++ % 2 === 1) while (waiting.length > 0 && !done()) hear(waiting.shift() as Uint8Array);
      },
    };
    expect(await checkBroker(piecemeal, { queued: 8, window: 0, payloadBytes: 100 }, 'r')).toEqual([]);
  });

  it('a connection that is lost in the middle proves nothing', async () => {
    let connected = true;
    const lost: ProbeLine = {
      get connected() {
        return connected;
      },
      listen: async () => async () => {},
      publish: async () => {
        connected = false;
        throw new Error('lost');
      },
      quiet: async () => {},
    };
    expect(await checkBroker(lost, BROKER_NEEDS, 'r')).toBeNull();
  });
});
