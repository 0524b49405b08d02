/**
 * Two real validators of one vehicle behind a real broker, ingest and fare engine: what their own network loses, the engine
 * merges. The network between the doors is a relay that can be cut.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { firstInspectionKeys, networkKeysText, vehicleKeysOf } from '#contracts/vehicle-key.ts';
import { loadCity } from '#platform/city-data.ts';
import { createLogger } from '#platform/logger.ts';
import { simulateOfficers } from '../../cli/city/simulated-officers.ts';
import { createInProcessCardReader } from '../../edge-agent/adapters/in-process-card-reader.ts';
import { startEdge } from '../../edge-agent/main.ts';
import type { ScreenView } from '../../edge-agent/ports.ts';
import { startFareEngine } from '../../fare-engine/main.ts';
import { cardTokenId } from '../../simulators/cards/issue-card.ts';
import { secretOf } from '../broker/harness.ts';
import { cardOf, createTestCity, enrol } from '../edge-agent/support/edge-city.ts';
import { type City, INGEST_KEYS, startCity } from '../ingest/harness.ts';
import { NOW_MS } from '../ingest/journal.ts';
import { freeUdpPort } from '../support/free-udp-port.ts';
import { manualClock } from '../support/manual-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { CITY_DIR } from './support/running-engine.ts';

const PASS_BACK_S = 120; // of the tariff, and of these validators
const log = createLogger({ component: 'test', level: 'silent' });
const clock = manualClock(NOW_MS);
const keys = { ...createTestCity(), ingest: { keyId: 'c001', privateKey: INGEST_KEYS.privateKey } };
const vehicleKeys = vehicleKeysOf(firstInspectionKeys(Buffer.alloc(32, 3)), 'bus-12');
const folder = tempFolder('two-doors');
const stops: (() => unknown)[] = [];

interface Door {
  touch(card: number): Promise<ScreenView>;
  heard(): number;
}

let city: City;
let front: Door;
let rear: Door;
let cut = false;

/** A way for datagrams that loses all of them while it is cut. Gives its port. */
async function relay(to: number): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.on('message', (datagram) => {
    if (!cut) socket.send(datagram, to, '127.0.0.1');
  });
  stops.push(() => void socket.close());
  return socket.address().port;
}

async function door(deviceId: string, port: number, peer: number): Promise<Door> {
  const dir = join(folder.path, deviceId);
  const { publicKey } = enrol(dir, keys, {
    deviceId,
    mqttUrl: city.broker.broker.url,
    passBackS: PASS_BACK_S,
  });
  writeFileSync(join(dir, 'mqtt-secret'), secretOf(deviceId), { mode: 0o600 });
  writeFileSync(join(dir, 'vehicle-keys.json'), networkKeysText(vehicleKeys));
  const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  await city.register({ deviceId, keyId: 'k1', publicKeyPem } as never);
  const reader = createInProcessCardReader(dir);
  const address = (udp: number) => ({ host: '127.0.0.1', port: udp });
  const edge = await startEdge(
    { deviceDir: dir, neighbours: { own: address(port), peers: [address(peer)] } },
    { clock, log, reader },
  );
  stops.push(() => edge.stop());
  edge.agent.setWhereabouts({ routeId: 'T2' });
  let shown: ScreenView | undefined;
  edge.agent.onAnswer((view) => {
    shown = view;
  });
  return {
    async touch(number) {
      await reader.present(cardOf(keys, number, 'wallet'));
      return shown as ScreenView;
    },
    heard: () => edge.agent.counters().ridesHeard,
  };
}

beforeAll(async () => {
  city = await startCity(['val-1', 'val-2']);
  stops.push(() => city.stop());
  await city.startIngest({ clock });
  const [a, b] = [await freeUdpPort(), await freeUdpPort()];
  front = await door('val-1', a, await relay(b));
  rear = await door('val-2', b, await relay(a));
  const engine = await startFareEngine(
    {
      postgresUrl: city.database.url('fare_runtime'),
      cityDir: CITY_DIR,
      approvals: await simulateOfficers(folder.path, loadCity(CITY_DIR), clock.nowMs()),
    },
    { clock, log },
  );
  stops.push(() => engine.stop());
});
afterAll(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  folder.remove();
});

/** What a card's touches cost in the end, in their order, once so many are priced. */
async function paid(card: number, touches: number): Promise<string[]> {
  const mediumId = Buffer.alloc(16);
  mediumId.writeUInt32BE(card, 12);
  return until(async () => {
    const rows = await city.query<{ device: string; kind: string; minor: bigint }>(
      `SELECT p.device_id AS device, p.kind, p.rider_minor::text AS minor FROM fare.published_tap p
       JOIN fare.tap t USING (tap_id) WHERE t.token_id = $1 ORDER BY p.fare_at_ms, p.tap_id`,
      [cardTokenId(mediumId, keys.tokenKey)],
    );
    const said = rows.map(({ device, kind, minor }) => `${device} ${kind} ${minor}`);
    return said.length === touches ? said : null;
  });
}

it('what the doors tell each other is one ride on the panel, and one paid ride', async () => {
  expect((await front.touch(1)).repeated).toBeUndefined();
  await until(() => rear.heard() === 1);
  clock.advance(1000);
  expect((await rear.touch(1)).repeated).toBe(true);
  expect(await paid(1, 2)).toEqual(['val-1 ride 1400', 'val-2 same-ride 0']);
});

it('what they lost is two greens on the panels, and still one paid ride, up to the end of the window', async () => {
  cut = true;
  for (const [card, laterS] of [
    [2, 1],
    [3, PASS_BACK_S - 1],
  ] as const) {
    expect(await front.touch(card)).toMatchObject({ sign: 'accepted' });
    clock.advance(laterS * 1000);
    const view = await rear.touch(card);
    expect(view).toMatchObject({ sign: 'accepted' });
    expect(view.repeated).toBeUndefined();
    expect(await paid(card, 2)).toEqual(['val-1 ride 1400', 'val-2 same-ride 0']);
  }
});

it('after the window it is another ride, and it is paid', async () => {
  cut = true;
  await front.touch(4);
  // Two clocks that are unsure by some milliseconds: within these the passenger has the benefit of it.
  clock.advance((PASS_BACK_S + 1) * 1000);
  await rear.touch(4);
  expect(await paid(4, 2)).toEqual(['val-1 ride 1400', 'val-2 ride 1400']);
});

it('the books are exact', async () => {
  const wrong = await city.query('SELECT * FROM fare.published_reconciliation WHERE amount <> 0');
  expect(wrong).toEqual([]);
});
