/**
 * The way of a tap in one process, for checks: a real validator, the real broker, ingest and fare engine on a fresh
 * database. A check runs as a child process, with or without a planted bug, and prints what it found.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CityData } from '#platform/city-data.ts';
import { loadCity } from '#platform/city-data.ts';
import { createLogger } from '#platform/logger.ts';
import { connectMqtt } from '#platform/mqtt-connection.ts';
import { createPool } from '#platform/postgres.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import { startBroker } from '../../../broker/main.ts';
import { openCityKeys } from '../../../cli/city/city-keys.ts';
import { drainFareEngine } from '../../../cli/city/drain.ts';
import { deviceFolder, INGEST_CLIENT, openIdentities } from '../../../cli/city/identities.ts';
import { MIGRATION_SETS } from '../../../cli/city/open-database.ts';
import { reconcileCity } from '../../../cli/city/reconcile-city.ts';
import { simulateOfficers } from '../../../cli/city/simulated-officers.ts';
import { createInProcessCardReader } from '../../../edge-agent/adapters/in-process-card-reader.ts';
import type { EdgeConfig } from '../../../edge-agent/config.ts';
import { startEdge } from '../../../edge-agent/main.ts';
import { UPLOAD_LIMITS } from '../../../edge-agent/upload.ts';
import { startFareEngine } from '../../../fare-engine/main.ts';
import { type Ingest, registerDevices, startIngest } from '../../../ingest/main.ts';
import { createVirtualCard } from '../../../simulators/cards/virtual-card.ts';
import { type MqttProxy, startMqttProxy } from '../../../simulators/faults/mqtt-proxy.ts';
import { shiftedClock } from '../../../simulators/faults/shifted-clock.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { openTestDatabase } from '../../support/test-database.ts';
import { until } from '../../support/until.ts';
import { MUTANT } from './mutants.ts';

const CITY_DIR = new URL('../../../cities/ternopil', import.meta.url).pathname;
const CITY_NOW_MS = Date.UTC(2025, 9, 14, 4, 0, 0);
const HASTY = { ...UPLOAD_LIMITS, receiptTimeoutMs: 300, pauseMs: 50, pauseMsMax: 100 };
/** A city that works has everything long before, even on a busy machine; with a planted bug nobody waits for what never comes. */
export const WAIT_MS_MAX = process.env[MUTANT] === undefined ? 60_000 : 6_000;

export interface Validator {
  /** Holds card number n to it and waits for the answer. */
  touch(n: number): Promise<void>;
  /** Resolves when every record has its receipt, or too long after. */
  receipted(): Promise<boolean>;
  stop(): Promise<void>;
}

export interface Spine {
  readonly data: CityData;
  readonly deviceId: string;
  readonly deviceDir: string;
  readonly wire: MqttProxy;
  readonly greens: Set<string>;
  startValidator(config?: Partial<EdgeConfig>): Promise<Validator>;
  startIngest(probe?: Probe): Promise<Ingest>;
  readonly issuerKeyFile: string;
  /** Private key of the validator, to sign what it never wrote. */
  deviceKey(): KeyObject;
  /** Publishes under the validator's name; it must have stopped. */
  publishAs(topic: string, payload: Uint8Array): Promise<void>;
  /** What does not add up, once everything that runs has come to rest; the validators must have stopped. */
  problems(): Promise<string[]>;
  close(): Promise<void>;
}

/** Opens a city with one validator; broker and fare engine run. */
export async function openSpine(): Promise<Spine> {
  const folder = tempFolder('check');
  const log = createLogger({ component: 'check', level: 'silent' });
  const clock = shiftedClock(CITY_NOW_MS - Date.now());
  const all = loadCity(CITY_DIR);
  const data = { ...all, devices: all.devices.slice(0, 1) };
  const deviceId = data.devices[0]?.deviceId ?? '';
  const database = await openTestDatabase();
  await database.migrate([...MIGRATION_SETS]);
  const keys = openCityKeys(join(folder.path, 'secrets'));
  const identities = openIdentities(folder.path, data, keys, 'mqtt://127.0.0.1:1');
  const broker = await startBroker(
    { KVYTOK_BROKER_LISTEN: '127.0.0.1:0', KVYTOK_BROKER_IDENTITIES: identities.file },
    { clock, log },
  );
  const port = Number(new URL(broker.url).port);
  const wire = await startMqttProxy({ target: { host: '127.0.0.1', port }, chance: () => 0.5 });
  const pool = (role: Parameters<typeof database.url>[0]) =>
    createPool({ url: database.url(role), applicationName: 'check', max: 2 });
  const [office, auditor] = [pool('office_runtime'), pool('auditor_runtime')];
  await registerDevices(
    office,
    identities.devices.map((d) => ({ ...d, keyId: 'k1', validFromMs: 0 })),
  );
  const fare = await startFareEngine(
    {
      postgresUrl: database.url('fare_runtime'),
      cityDir: CITY_DIR,
      approvals: await simulateOfficers(folder.path, data, clock.nowMs()),
    },
    { clock, log },
  );
  const greens = new Set<string>();
  const deviceDir = deviceFolder(folder.path, deviceId);
  const issuer = { keyId: 'i001', privateKey: keys.issuer.privateKey };
  const closers: (() => Promise<unknown>)[] = [];
  return {
    data,
    deviceId,
    deviceDir,
    wire,
    greens,
    issuerKeyFile: join(folder.path, 'secrets', 'issuer-key.pem'),
    async publishAs(topic, payload) {
      const secret = readFileSync(join(deviceDir, 'mqtt-secret'), 'utf8').trim();
      const mqtt = connectMqtt({ url: broker.url, clientId: deviceId, secret, log });
      await mqtt.whenConnected();
      await mqtt.publish(topic, payload, { qos: 1 });
      await mqtt.stop();
    },
    deviceKey: () => createPrivateKey(readFileSync(join(deviceDir, 'device-key.pem'))),
    async startValidator(config = {}) {
      const reader = createInProcessCardReader(deviceDir);
      const mqttUrl = `mqtt://127.0.0.1:${wire.port}`;
      const edge = await startEdge(
        { deviceDir, mqttUrl, limits: { upload: HASTY }, ...config },
        { clock, log, reader },
      );
      edge.agent.onAnswer((view, id) => {
        if (view.sign === 'accepted') greens.add(id ?? `a green without a record, ${greens.size}`);
      });
      const { routeId } = data.devices[0] ?? {};
      edge.agent.setWhereabouts(routeId === undefined ? {} : { routeId });
      closers.push(() => edge.stop());
      return {
        touch: (n) => reader.present(cardOf(n, issuer)),
        receipted: () =>
          until(() => edge.agent.health().journal.unreceipted === 0, { withinMs: WAIT_MS_MAX }).then(
            () => true,
            () => false,
          ),
        stop: () => edge.stop(),
      };
    },
    async startIngest(probe = noProbe) {
      const ingest = await startIngest(
        {
          postgresUrl: database.url('ingest_runtime'),
          mqttUrl: broker.url,
          mqttClientId: INGEST_CLIENT,
          mqttSecret: readFileSync(identities.ingestSecretFile, 'utf8').trim(),
          signer: keys.ingest,
          clockFarFromReceiptMs: data.city.clock.farFromReceiptS * 1000,
        },
        { clock, log, probe },
      );
      closers.push(() => ingest.stop());
      await ingest.ready();
      return ingest;
    },
    async problems() {
      await drainFareEngine(auditor, WAIT_MS_MAX);
      const found = await reconcileCity(auditor, { dataFolder: folder.path, devices: data.devices, greens });
      const { stillInJournals } = found.journals;
      const left = stillInJournals === 0 ? [] : [`${stillInJournals} records never left their journal`];
      return [...found.problems, ...left];
    },
    async close() {
      for (const close of closers.reverse()) await close();
      await fare.stop();
      await wire.stop();
      await broker.stop();
      await Promise.all([office.end(), auditor.end()]);
      await database.close();
      folder.remove();
    },
  };
}

function cardOf(n: number, issuer: { keyId: string; privateKey: KeyObject }) {
  return createVirtualCard({
    mediumKind: 'wallet',
    mediumId: Buffer.alloc(16, n),
    validFromS: 0,
    validUntilS: 0xffff_ffff,
    language: 'uk',
    issuer,
  });
}
