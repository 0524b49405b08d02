/** Two ingests on one database behave as one: on the embedded broker they share the devices, on mosquitto the batches. */
import type { MqttClient } from 'mqtt';
import pg from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openReceipt, type Receipt } from '#contracts/receipt.ts';
import { deviceTopic } from '#contracts/topics.ts';
import { createLogger } from '#platform/logger.ts';
import { type Ingest, registerDevices, startIngest } from '../../ingest/main.ts';
import { secretOf, type TestClient } from '../broker/clients.ts';
import { startTestBroker } from '../broker/harness.ts';
import { startMosquitto } from '../broker/port/mosquitto.ts';
import { manualClock } from '../support/manual-clock.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { INGEST_KEYS, MIGRATIONS } from './harness.ts';
import { createJournal, type Journal, NOW_MS } from './journal.ts';

vi.setConfig({ testTimeout: 180_000 });

const DEVICES = Array.from({ length: 12 }, (_, n) => `val-${n + 1}`);
const CLIENTS: readonly TestClient[] = [
  ...DEVICES.map((clientId) => ({ clientId, role: 'device' as const })),
  { clientId: 'ingest', role: 'ingest' },
  { clientId: 'ingest-2', role: 'ingest' },
];
const PINNED = new Map([['c001', INGEST_KEYS.publicKey]]);

interface Server {
  readonly url: string;
  connect(clientId: string): Promise<MqttClient>;
  stop(): Promise<void>;
}

async function embedded(): Promise<Server> {
  const { broker, connect, stop } = await startTestBroker(CLIENTS);
  return { url: broker.url, connect, stop };
}

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function openTwo(server: Server, shareGroup?: string) {
  closers.push(() => server.stop());
  const database = await openTestDatabase();
  closers.push(() => database.close());
  await database.migrate(MIGRATIONS);
  const journals = DEVICES.map((deviceId) => createJournal(deviceId));
  await register(database, journals);
  const start = (clientId: string): Promise<Ingest> => startOne(server, database, clientId, shareGroup);
  const [one, two] = [await start('ingest'), await start('ingest-2')];
  const admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  closers.push(() => admin.end());
  return { one, two, journals, admin, database };
}

async function register(database: TestDatabase, journals: readonly Journal[]): Promise<void> {
  const office = new pg.Pool({ connectionString: database.url('office_runtime'), max: 1 });
  await registerDevices(
    office,
    journals.map(({ deviceId, keyId, publicKeyPem }) => ({ deviceId, keyId, publicKeyPem, validFromMs: 0 })),
  );
  await office.end();
}

async function startOne(
  server: Server,
  database: TestDatabase,
  clientId: string,
  shareGroup: string | undefined,
): Promise<Ingest> {
  const ingest = await startIngest(
    {
      postgresUrl: database.url('ingest_runtime'),
      mqttUrl: server.url,
      mqttClientId: clientId,
      mqttSecret: secretOf(clientId),
      signer: { keyId: 'c001', privateKey: INGEST_KEYS.privateKey },
      clockFarFromReceiptMs: 900_000,
      ...(shareGroup !== undefined && { shareGroup }),
      limits: { seatEveryMs: 25 },
    },
    { clock: manualClock(NOW_MS), log: createLogger({ component: 'ingest', level: 'silent' }) },
  );
  closers.push(() => ingest.stop());
  await ingest.ready();
  return ingest;
}

/** Offers a device's records until receipts cover them, as an agent does; answers the receipts. */
async function offer(server: Server, journal: Journal, fromSeq: number): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  const client = await server.connect(journal.deviceId);
  client.on('message', (_topic, payload) => {
    const opened = openReceipt(payload, PINNED);
    if (opened.ok) receipts.push(opened.value);
  });
  await client.subscribeAsync(deviceTopic(journal.deviceId, 'receipts'), { qos: 1 });
  const last = journal.records.length;
  let offeredAtMs = Number.NEGATIVE_INFINITY;
  await until(async () => {
    if (performance.now() - offeredAtMs > 1000) {
      offeredAtMs = performance.now();
      await client.publishAsync(journal.topic, journal.batch(fromSeq, last), { qos: 1 });
    }
    return receipts.some(({ ranges }) => ranges.some(({ toSeq }) => toSeq === last));
  });
  await client.endAsync(true);
  return receipts;
}

/** Offers everything again until each of the two has left something to the other: they see each other's seats. */
async function untilShared(
  server: Server,
  ingests: readonly Ingest[],
  journals: readonly Journal[],
): Promise<void> {
  await until(
    async () => {
      await Promise.all(journals.map((journal) => offer(server, journal, 1)));
      return ingests.every((ingest) => ingest.counts().others > 0);
    },
    { withinMs: 60_000 },
  );
}

async function everyRecordOnce(admin: pg.Client, journals: readonly Journal[]): Promise<void> {
  const all = journals.flatMap(({ records }) => records.map((bytes) => bytes.toString('utf8'))).toSorted();
  for (const table of ['ingest.record', 'fare.record_inbox']) {
    const { rows } = await admin.query<{ record: string }>(`SELECT record FROM ${table}`);
    expect(rows.map((row) => row.record).toSorted()).toEqual(all);
  }
  await until(async () => {
    const { rows } = await admin.query('SELECT records FROM ingest.published_counts');
    const { rows: waiting } = await admin.query('SELECT FROM ingest.link_queue');
    return Number(rows[0]?.records) === all.length && waiting.length === 0;
  });
  const { rows: gaps } = await admin.query('SELECT sum(gaps + unlinked)::int AS n FROM ingest.link_device');
  expect(gaps).toEqual([{ n: 0 }]);
}

describe('two ingests on the embedded broker', () => {
  it('share the devices: each batch is the work of one, every record is there once and is linked', async () => {
    const server = await embedded();
    const { one, two, journals, admin } = await openTwo(server);
    for (const journal of journals) journal.addTaps(5);
    await Promise.all(journals.map((journal) => offer(server, journal, 1)));
    await everyRecordOnce(admin, journals);
    await untilShared(server, [one, two], journals);
    // While they did not see each other yet, both worked on everything, and one may have been the first each time.
    await until(async () => {
      for (const journal of journals) journal.addTaps(1);
      await Promise.all(journals.map((journal) => offer(server, journal, journal.records.length)));
      return [one, two].every((ingest) => ingest.counts().inserted > 0);
    });
    await everyRecordOnce(admin, journals);
  });

  it('take over from each other when one leaves, and a device hears from either', async () => {
    const server = await embedded();
    const { one, two, journals, admin } = await openTwo(server);
    for (const journal of journals) journal.addTaps(2);
    await Promise.all(journals.map((journal) => offer(server, journal, 1)));
    await one.stop();
    for (const journal of journals) journal.addTaps(2);
    await Promise.all(journals.map((journal) => offer(server, journal, 4)));
    await everyRecordOnce(admin, journals);
    expect(two.counts().inserted).toBeGreaterThanOrEqual(DEVICES.length * 2);
  });
});

describe('two ingests on mosquitto', () => {
  it('in one group get each batch from the broker once, and every record is there once', async () => {
    const server = await startMosquitto(CLIENTS);
    const { one, two, journals, admin } = await openTwo(server, 'city');
    for (const journal of journals) journal.addTaps(5);
    await Promise.all(journals.map((journal) => offer(server, journal, 1)));
    await everyRecordOnce(admin, journals);
    const counts = [one.counts(), two.counts()];
    expect(counts.every(({ inserted, others }) => inserted > 0 && others === 0)).toBe(true);
  });

  it('without a group share the devices there too', async () => {
    const server = await startMosquitto(CLIENTS);
    const { one, two, journals, admin } = await openTwo(server);
    for (const journal of journals) journal.addTaps(3);
    await Promise.all(journals.map((journal) => offer(server, journal, 1)));
    await everyRecordOnce(admin, journals);
    await untilShared(server, [one, two], journals);
    await everyRecordOnce(admin, journals);
  });
});
