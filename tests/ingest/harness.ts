/** Broker, PostgreSQL and ingest as they are in a city, and a device that offers batches and waits for receipts. */
import { generateKeyPairSync } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { MqttClient } from 'mqtt';
import pg from 'pg';
import { decodeBatch } from '#contracts/batch.ts';
import { openReceipt, type Receipt } from '#contracts/receipt.ts';
import { deviceTopic } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import type { IngestConfig, IngestLimits } from '../../ingest/config.ts';
import { type Ingest, registerDevices, startIngest } from '../../ingest/main.ts';
import { secretOf, startTestBroker, type TestBroker } from '../broker/harness.ts';
import { manualClock } from '../support/manual-clock.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { type Journal, NOW_MS } from './journal.ts';

const folder = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The migrations that ingest stands on, in their order. */
export const MIGRATIONS = [
  { schema: 'fare', owner: 'fare_owner', dir: folder('fare-engine/migrations') },
  { schema: 'ingest', owner: 'ingest_owner', dir: folder('ingest/migrations') },
];

export const INGEST_KEYS = generateKeyPairSync('ed25519');
const PINNED = new Map([['c001', INGEST_KEYS.publicKey]]);

export interface City {
  readonly database: TestDatabase;
  readonly broker: TestBroker;
  /** Superuser, to look with. */
  readonly admin: pg.Client;
  query<R extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>;
  ingestConfig(limits?: Partial<IngestLimits>): IngestConfig;
  startIngest(options?: { limits?: Partial<IngestLimits>; probe?: Probe; clock?: Clock }): Promise<Ingest>;
  register(...devices: readonly Pick<Journal, 'deviceId' | 'keyId' | 'publicKeyPem'>[]): Promise<void>;
  connectDevice(journal: Pick<Journal, 'deviceId'>): Promise<TestDevice>;
  stop(): Promise<void>;
}

/** Starts database and broker for these devices; ingest is started by the test. */
export async function startCity(
  deviceIds: readonly string[],
  open: () => Promise<TestDatabase> = openTestDatabase,
): Promise<City> {
  const database = await open();
  await database.migrate(MIGRATIONS);
  const broker = await startTestBroker([
    ...deviceIds.map((clientId) => ({ clientId, role: 'device' as const })),
    { clientId: 'ingest', role: 'ingest' },
  ]);
  const admin = new pg.Client({ connectionString: database.adminUrl });
  admin.on('error', () => {}); // tests stop the server under it
  await admin.connect();
  const office = new pg.Pool({ connectionString: database.url('office_runtime'), max: 1 });
  office.on('error', () => {});
  const ingests: Ingest[] = [];
  const devices: TestDevice[] = [];
  const ingestConfig = (limits: Partial<IngestLimits> = {}): IngestConfig => ({
    postgresUrl: database.url('ingest_runtime'),
    mqttUrl: broker.broker.url,
    mqttClientId: 'ingest',
    mqttSecret: secretOf('ingest'),
    signer: { keyId: 'c001', privateKey: INGEST_KEYS.privateKey },
    clockFarFromReceiptMs: 900_000,
    limits,
  });
  return {
    database,
    broker,
    admin,
    query: async (sql, values) => (await admin.query(sql, values)).rows,
    ingestConfig,
    startIngest: async (options = {}) => {
      const { limits, clock = manualClock(NOW_MS), ...rest } = options;
      const log = createLogger({ component: 'ingest', level: process.env['TEST_LOG'] ?? 'silent' });
      const ingest = await startIngest(ingestConfig(limits), { clock, log, ...rest });
      ingests.push(ingest);
      await ingest.ready();
      return ingest;
    },
    register: async (...journals) => {
      const keys = journals.map(({ deviceId, keyId, publicKeyPem }) => ({
        deviceId,
        keyId,
        publicKeyPem,
        validFromMs: 0,
      }));
      await registerDevices(office, keys);
    },
    connectDevice: async ({ deviceId }) => {
      const device = await openDevice(deviceId, await broker.connect(deviceId, { reconnectPeriod: 50 }));
      devices.push(device);
      return device;
    },
    stop: async () => {
      await Promise.all(devices.map((device) => device.stop()));
      await Promise.all(ingests.map((ingest) => ingest.stop()));
      await office.end();
      await admin.end();
      await broker.stop();
      await database.close();
    },
  };
}

export interface TestDevice {
  readonly client: MqttClient;
  /** Receipts that came, each verified with the pinned key. */
  readonly receipts: readonly Receipt[];
  publish(payload: Uint8Array, deviceId?: string): Promise<void>;
  /**
   * Offers the payload until a receipt covers `toSeq` (and `alsoSeq`) of its epoch, as an agent does. What was offered twice
   * because the machine was slow is receipted twice: the receipt of an earlier batch with another last record is not taken for this one's.
   */
  offer(payload: Uint8Array, toSeq: number, alsoSeq?: number): Promise<Receipt>;
  stop(): Promise<void>;
}

async function openDevice(deviceId: string, client: MqttClient): Promise<TestDevice> {
  const receipts: Receipt[] = [];
  client.on('message', (topic, payload) => {
    if (topic !== deviceTopic(deviceId, 'receipts')) return;
    const opened = openReceipt(payload, PINNED);
    if (!opened.ok) throw new Error(`a receipt that does not hold: ${JSON.stringify(opened.problems)}`);
    receipts.push(opened.value);
  });
  await client.subscribeAsync(deviceTopic(deviceId, 'receipts'), { qos: 1 });
  const publish = async (payload: Uint8Array, topicOf = deviceId): Promise<void> => {
    await client.publishAsync(deviceTopic(topicOf, 'taps'), Buffer.from(payload), { qos: 1 });
  };
  return {
    client,
    receipts,
    publish,
    async offer(payload, toSeq, alsoSeq = toSeq) {
      const from = receipts.length;
      const batch = decodeBatch(payload);
      if (!batch.ok) throw new Error('no batch is offered');
      const { epoch, head } = batch.value.header;
      const covers = ({ ranges }: Receipt, seq: number): boolean =>
        ranges.some(
          (range) =>
            range.epoch === epoch &&
            range.fromSeq <= seq &&
            range.toSeq >= seq &&
            (range.toSeq !== toSeq || range.head === head),
        );
      const covering = (): Receipt | undefined =>
        receipts.slice(from).find((receipt) => covers(receipt, toSeq) && covers(receipt, alsoSeq));
      let offeredAt = Number.NEGATIVE_INFINITY;
      return until(
        async () => {
          if (performance.now() - offeredAt > 700) {
            offeredAt = performance.now();
            await publish(payload).catch(() => {});
          }
          return covering();
        },
        // An ingest or a database may be started meanwhile.
        { what: `a receipt for ${deviceId} up to ${toSeq}`, everyMs: 5, withinMs: 100_000 },
      );
    },
    stop: () => client.endAsync(true),
  };
}

/** What the fare engine was handed, and what is recorded, of one device: must be the same, each once. */
export async function recordsOf(
  city: City,
  deviceId: string,
): Promise<{ records: string[]; inbox: string[] }> {
  const records = await city.query<{ record: string }>(
    'SELECT record FROM ingest.record WHERE device_id = $1 ORDER BY epoch, seq',
    [deviceId],
  );
  const inbox = await city.query<{ record: string }>(
    'SELECT record FROM fare.record_inbox WHERE device_id = $1 ORDER BY epoch, seq',
    [deviceId],
  );
  return { records: records.map((r) => r.record), inbox: inbox.map((r) => r.record) };
}
