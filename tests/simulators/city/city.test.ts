/** Three vehicles with real agents, a real broker, and a city that receipts what it holds. */
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterEach, expect, test } from 'vitest';
import { type JournalRecord, parseRecord } from '#contracts/record.ts';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { deviceTopic, everyDevice, parseDeviceTopic } from '#contracts/topics.ts';
import { createCityClock } from '#platform/city-clock.ts';
import { loadCity } from '#platform/city-data.ts';
import type { Clock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import { startBroker } from '../../../broker/main.ts';
import { openCityKeys } from '../../../cli/city/city-keys.ts';
import { deviceFolder, INGEST_CLIENT, openIdentities } from '../../../cli/city/identities.ts';
import { type FleetOptions, startFleet } from '../../../simulators/city/main.ts';
import type { OfficeCommand } from '../../../simulators/city/office.ts';
import { checkBatch, receiptFor } from '../../edge-agent/support/edge-city.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';
import { cityDir, timetable, tuesday } from './support.ts';

const log = createLogger({ component: 'test', level: 'silent' });
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Broker, enrolled devices, and an ingest that checks every batch and signs its receipt. */
async function startSmallCity(startAtMs: number, speed: number) {
  const folder = tempFolder('fleet');
  cleanups.push(() => folder.remove());
  const data = loadCity(cityDir);
  const keys = openCityKeys(join(folder.path, 'secrets'));
  const identities = openIdentities(folder.path, data, keys, 'mqtt://127.0.0.1:1');
  const clock = createCityClock({ file: join(folder.path, 'clock.json'), startAtMs, speed });
  cleanups.push(() => clock.stop());
  const broker = await startBroker(
    { KVYTOK_BROKER_LISTEN: '127.0.0.1:0', KVYTOK_BROKER_IDENTITIES: identities.file },
    { clock, log },
  );
  cleanups.push(() => broker.stop());
  const records = await receiveRecords(broker.url, identities, keys);
  const commands: OfficeCommand[] = [];
  const options: FleetOptions = {
    cityData: data,
    seed: 11,
    clock,
    log,
    deviceFolder: (deviceId) => deviceFolder(folder.path, deviceId),
    mqttUrl: broker.url,
    office: async (command) => {
      commands.push(command);
    },
    issuer: keys.issuer,
    cardKeys: keys.cardKeys,
    tokenKey: keys.tokenKey,
    vehiclesMax: 3,
    tickMs: 50,
  };
  return { options, clock, records, commands };
}

async function receiveRecords(
  url: string,
  identities: ReturnType<typeof openIdentities>,
  keys: ReturnType<typeof openCityKeys>,
): Promise<JournalRecord[]> {
  const records = new Map<string, JournalRecord>();
  const list: JournalRecord[] = [];
  const publicKeys = new Map(
    identities.devices.map((device) => [device.deviceId, createPublicKey(device.publicKeyPem)]),
  );
  const client = await mqtt.connectAsync(url, {
    clientId: INGEST_CLIENT,
    username: INGEST_CLIENT,
    password: readFileSync(identities.ingestSecretFile, 'utf8').trim(),
    protocolVersion: 4,
  });
  cleanups.push(() => client.endAsync(true));
  client.on('message', (topic, payload) => {
    const deviceId = parseDeviceTopic(topic)?.deviceId ?? '';
    const { header, records: bytes } = checkBatch(payload, publicKeys.get(deviceId) as never);
    for (const line of bytes) {
      const parsed = parseRecord(line);
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
      const id = `${deviceId}.${parsed.value.epoch}.${parsed.value.seq}`;
      if (!records.has(id)) list.push(parsed.value);
      records.set(id, parsed.value);
    }
    const { epoch, firstSeq, count, head } = header;
    const range = {
      epoch,
      fromSeq: firstSeq,
      toSeq: firstSeq + count - 1,
      head,
      status: 'accepted',
    } as const;
    client.publish(
      deviceTopic(deviceId, 'receipts'),
      sealEnvelope('receipt', receiptFor(deviceId, [range]), keys.ingest),
      { qos: 1 },
    );
  });
  await client.subscribeAsync(everyDevice('taps'), { qos: 1 });
  return list;
}

const taps = (records: JournalRecord[]) => records.filter((record) => record.kind === 'tap');

test('vehicles drive, riders tap, shifts follow the trips, and every record is receipted', async () => {
  const { options, records, commands } = await startSmallCity(tuesday('07:30'), 120);
  const fleet = await startFleet({ ...options, outageChance: 0 });
  cleanups.push(() => fleet.stop());
  const told = () => new Set(commands.map((command) => command.kind));
  const usual = ['link-medium', 'grant-entitlement', 'credit-wallet'] as const;
  await until(() => taps(records).length >= 40 && usual.every((kind) => told().has(kind)), {
    what: 'forty taps, and what the office hears of riders',
  });
  // Told before they ride, but brought a few at a time: after a leap of the city's time some still wait.
  const ridden = [...taps(records)];
  await until(() => fleet.stats().commands.waiting === 0, { what: 'the office to have heard it all' });
  await fleet.quiet();
  await until(() => fleet.unreceipted() === 0, { what: 'receipts for every record' });

  const { accepted, repeated, touches, unanswered, inService } = fleet.stats();
  expect(taps(records)).toHaveLength(accepted + repeated);
  expect(touches).toBeGreaterThanOrEqual(accepted + repeated);
  expect(unanswered).toBe(0);
  expect(inService).toBe(3);
  for (const { body, deviceId } of taps(records)) {
    const trip = timetable.trips.get(body.where.tripId ?? '');
    expect(trip, 'the trip is in the timetable').toBeDefined();
    expect(deviceId).toBe(`val-${body.where.vehicleId}`);
    expect(trip?.routeId).toBe(body.where.routeId);
    expect(trip?.calls.map((call) => call.stopId)).toContain(body.where.stopId);
  }
  const shifts = records.filter((record) => record.kind === 'shift');
  expect(shifts.filter((record) => record.body.action === 'open').length).toBeGreaterThanOrEqual(3);

  expect(fleet.stats().topUps).toBeGreaterThan(0);
  expect(told()).toEqual(
    new Set(['assign-device', 'assign-vehicle', 'assign-route', ...usual, ...denials(commands)]),
  );
  const linked = new Set(commands.flatMap((c) => (c.kind === 'link-medium' ? [c.payload.tokenId] : [])));
  for (const { body } of ridden)
    expect(linked.has(body.tokenId), 'a card of the city is linked, a bank card never').toBe(
      body.mediumKind !== 'bank',
    );
});

test('nobody rides before what the office was told of the vehicles holds', async () => {
  const { options, records, commands } = await startSmallCity(tuesday('07:30'), 120);
  const { promise: holds, resolve: obey } = Promise.withResolvers<void>();
  const { promise: asked, resolve: ask } = Promise.withResolvers<string[]>();
  const starting = startFleet({
    ...options,
    outageChance: 0,
    obeyed: () => {
      ask(commands.map(({ kind }) => kind));
      return holds;
    },
  });
  cleanups.push(async () => (await starting).stop());
  const told = await asked;
  expect(new Set(told)).toEqual(new Set(['assign-device', 'assign-vehicle', 'assign-route']));
  expect(told.filter((kind) => kind === 'assign-device')).toHaveLength(options.cityData.devices.length);
  expect(records).toEqual([]);
  obey();
  await starting;
  await until(() => taps(records).length > 0, { what: 'a ride' });
});

/** Lost cards are rare; whether one rides in these minutes is up to the seed. */
const denials = (commands: OfficeCommand[]) =>
  commands.some((command) => command.kind === 'deny-medium') ? ['deny-medium'] : [];

test('a vehicle without a network goes on taking cards and delivers them afterwards', async () => {
  const { options, records } = await startSmallCity(tuesday('07:30'), 120);
  // Every vehicle loses its network for two to six minutes out of twenty: one to three seconds here.
  const fleet = await startFleet({ ...options, outageChance: 1 });
  cleanups.push(() => fleet.stop());
  await until(() => fleet.stats().outages >= 3 && fleet.stats().accepted >= 40, { what: 'three outages' });
  // It waits for receipts as long as they come, and has validators not pause between tries.
  await fleet.stop();
  expect(fleet.unreceipted()).toBe(0);
  const { accepted, repeated, unanswered } = fleet.stats();
  expect(taps(records)).toHaveLength(accepted + repeated);
  expect(unanswered).toBe(0);
});

/** A city's clock that can be held: nothing passes in the city however long the machine takes. */
function holdable(clock: Clock) {
  const offsetMs = clock.nowMs() - clock.monotonicMs();
  let heldMs: number | undefined;
  let lostMs = 0;
  const monotonicMs = () => (heldMs ?? clock.monotonicMs()) - lostMs;
  return {
    clock: { nowMs: () => Math.floor(offsetMs + monotonicMs()), monotonicMs },
    hold: () => {
      heldMs = clock.monotonicMs();
    },
    letGo: () => {
      lostMs += heldMs === undefined ? 0 : clock.monotonicMs() - heldMs;
      heldMs = undefined;
    },
  };
}

test('a second start in the same city goes on with other records and the same cards and accounts', async () => {
  const { options: given, records, commands } = await startSmallCity(tuesday('07:30'), 120);
  const { clock, hold, letGo } = holdable(given.clock);
  const options = { ...given, clock };
  const first = await startFleet({ ...options, outageChance: 0 });
  await until(() => taps(records).length >= 10, { what: 'ten taps' });
  // The riders that both know are those of the half hour after this: it is not to pass while the first stops.
  hold();
  await first.stop();
  expect(first.unreceipted()).toBe(0);
  const before = taps(records).length;
  const links = new Map(commands.flatMap((c) => (c.kind === 'link-medium' ? [[c.payload.tokenId, c]] : [])));
  commands.length = 0;
  const second = await startFleet({ ...options, outageChance: 0 });
  cleanups.push(() => second.stop());
  letGo();
  await until(() => taps(records).length >= before + 10, { what: 'ten more taps' });
  await second.quiet();
  const again = commands.filter((c) => c.kind === 'link-medium' && links.has(c.payload.tokenId));
  expect(again.length).toBeGreaterThan(0);
  for (const command of again)
    if (command.kind === 'link-medium') expect(command).toEqual(links.get(command.payload.tokenId));
});

test('the night is leapt over when the last vehicle has come in', async () => {
  const { options, clock } = await startSmallCity(tuesday('24:30'), 1);
  const fleet = await startFleet({ ...options, leapTo: (ms) => clock.leapTo(ms) });
  cleanups.push(() => fleet.stop());
  // The feed's last arrival is past; ten minutes after it the city wakes five minutes before the first departure.
  await until(() => clock.nowMs() >= tuesday('29:25'), { what: 'the next morning' });
  expect(clock.nowMs()).toBeLessThan(tuesday('29:30'));
});
