/** A whole fleet loses its broker at once, by kill -9, and comes back. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { connectMqtt, type MqttConnection } from '#platform/mqtt-connection.ts';
import { startChild, type TestChild } from '../../simulators/faults/child-process.ts';
import { freePort } from '../support/free-port.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { secretOf, type TestClient, writeIdentities } from './clients.ts';
import { startMosquitto } from './port/mosquitto.ts';
import { type RawFleet, startRawFleet } from './port/raw-agents.ts';
import { residentBytesOf, type ServerProcess } from './port/server-process.ts';

const AGENTS = Array.from({ length: 2_000 }, (_, n) => `storm-${n}`);
const CLIENTS: TestClient[] = [
  { clientId: 'ingest', role: 'ingest' },
  ...AGENTS.map((clientId) => ({ clientId, role: 'device' as const })),
];
const MEMORY_BYTES_MAX = 512 * 1024 * 1024;

type Stormed = ServerProcess & { readonly port: number; stop(): Promise<void> };

/** The embedded broker in a process of its own, as `kvytok serve broker` runs it. */
async function startEmbeddedProcess(): Promise<Stormed> {
  const folder = tempFolder('storm');
  const identities = join(folder.path, 'identities.json');
  writeIdentities(identities, CLIENTS);
  const port = await freePort();
  let child: TestChild;
  const restart = async (): Promise<void> => {
    child = startChild({
      file: new URL('../../cli/faults/role-child.ts', import.meta.url),
      args: ['broker'],
      env: { KVYTOK_BROKER_LISTEN: `127.0.0.1:${port}`, KVYTOK_BROKER_IDENTITIES: identities },
    });
    await child.ready;
  };
  await restart();
  const kill = async (): Promise<void> => void (await child.kill());
  return {
    port,
    restart,
    kill,
    residentBytes: () => residentBytesOf(child.pid),
    stop: async () => {
      await kill();
      folder.remove();
    },
  };
}

describe.each([
  ['the embedded broker', startEmbeddedProcess],
  ['mosquitto', () => startMosquitto(CLIENTS)],
] as const)('2,000 agents and %s', (_name, start) => {
  let broker: Stormed;
  let fleet: RawFleet;
  let ingest: MqttConnection;
  const heard = new Set<string>();
  beforeAll(async () => {
    broker = await start();
    const log = createLogger({ component: 'test', level: 'silent' });
    const url = `mqtt://127.0.0.1:${broker.port}`;
    ingest = connectMqtt({ url, clientId: 'ingest', secret: secretOf('ingest'), log });
    await ingest.subscribe('kvytok/v1/+/taps', (topic) => void heard.add(topic));
    fleet = startRawFleet(broker.port, AGENTS, Math.random);
  });
  afterAll(async () => {
    fleet?.stop();
    await ingest?.stop();
    await broker?.stop();
  });

  it('all come back after kill -9 by themselves, and what they then offer all arrives', async () => {
    await until(() => fleet.up() === AGENTS.length, { what: 'the fleet', withinMs: 60_000 });
    await broker.kill();
    await until(() => fleet.up() === 0 && !ingest.connected, { what: 'the loss to be seen' });
    await broker.restart();
    const attemptsBefore = fleet.attempts();
    await until(() => fleet.up() === AGENTS.length && ingest.connected, {
      what: 'all of the fleet to be back',
      withinMs: 90_000, // the longest wait of an agent is 30 s
    });
    // Nobody was turned away for long: a try that was let in, and some to spare.
    expect(fleet.attempts() - attemptsBefore).toBeLessThan(AGENTS.length * 6);
    fleet.publishAll(1_024);
    await until(() => fleet.acknowledged() === AGENTS.length, { what: 'the broker to take what they offer' });
    await until(() => heard.size === AGENTS.length, { what: 'ingest to hear each of them' });
    expect(broker.residentBytes()).toBeLessThan(MEMORY_BYTES_MAX);
  }, 200_000);
});
