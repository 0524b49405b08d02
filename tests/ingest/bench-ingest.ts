/**
 * How many records a second ingest verifies and inserts, without the broker: batches go straight into the group
 * commit, on an embedded PostgreSQL with durable settings. Usage: node tests/ingest/bench-ingest.ts [batchSize] [records]
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '#platform/clock.ts';
import { bootstrapDatabase } from '#platform/database.ts';
import { startEmbeddedPostgres } from '#platform/embedded-postgres.ts';
import { createLogger } from '#platform/logger.ts';
import { migrate } from '#platform/migrate.ts';
import { createPool } from '#platform/postgres.ts';
import { noProbe } from '#platform/probe.ts';
import { openDeviceRegistry } from '../../ingest/adapters/device-registry.ts';
import { createGroupHandler } from '../../ingest/adapters/group-handler.ts';
import { openRecordStore } from '../../ingest/adapters/record-store.ts';
import { DEFAULT_LIMITS } from '../../ingest/config.ts';
import { createGroupCommit } from '../../ingest/group-commit.ts';
import { registerDevices } from '../../ingest/main.ts';
import { INGEST_KEYS } from './harness.ts';
import { createJournal } from './journal.ts';

const [batchSize = 100, total = 100_000] = process.argv.slice(2).map(Number);
const DEVICES = 50;
const dataDir = mkdtempSync(join(tmpdir(), 'kvytok-bench-'));
chmodSync(dataDir, 0o711);
const log = createLogger({ component: 'bench', level: 'warn' });
const folder = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const server = await startEmbeddedPostgres({ dataDir, log });
const secretsFile = join(dataDir, 'roles.json');
const database = await bootstrapDatabase({ adminUrl: server.adminUrl, database: 'kvytok', secretsFile });
const sets = [
  { schema: 'fare', owner: 'fare_owner', dir: folder('fare-engine/migrations') },
  { schema: 'ingest', owner: 'ingest_owner', dir: folder('ingest/migrations') },
];
await migrate({ url: database.migratorUrl, sets, log });

const journals = Array.from({ length: DEVICES }, (_, i) => createJournal(`val-${i}`));
for (const journal of journals) journal.addTaps(total / DEVICES);
const batches = journals.flatMap((journal) => {
  const size = journal.records.length;
  return Array.from({ length: Math.ceil(size / batchSize) }, (_, i) => ({
    topic: journal.topic,
    payload: journal.batch(i * batchSize + 1, Math.min(size, (i + 1) * batchSize)),
    receivedAtMs: systemClock.nowMs(),
  }));
});
const office = createPool({ url: database.url('office_runtime'), applicationName: 'bench', max: 1 });
await registerDevices(
  office,
  journals.map((j) => ({ ...j, validFromMs: 0 })),
);
await office.end();

const pool = createPool({ url: database.url('ingest_runtime'), applicationName: 'bench', max: 4 });
const registry = await openDeviceRegistry(pool, 60_000, log);
const store = await openRecordStore(pool, { quota: DEFAULT_LIMITS, probe: noProbe, nowMs: 0 });
let receiptBytes = 0;
const handler = createGroupHandler({
  config: { signer: { keyId: 'c001', privateKey: INGEST_KEYS.privateKey }, clockFarFromReceiptMs: 900_000 },
  clock: systemClock,
  log,
  probe: noProbe,
  registry,
  store,
  publish: async (_topic, payload) => {
    receiptBytes += payload.byteLength;
  },
  onCommitted: () => {},
  databaseAnswers: async () => true,
  onAway: () => {},
});
const groups = createGroupCommit({
  limits: { ...DEFAULT_LIMITS, queueBatchesMax: batches.length, queueBytesMax: 2 ** 40 },
  handle: handler.handle,
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
});
// Devices take turns, as they do when a depot comes online.
const turns = batches.toSorted((a, b) => (a.payload.length % 7) - (b.payload.length % 7));
const cpu = process.cpuUsage();
const from = performance.now();
for (const batch of turns) groups.offer(batch);
await groups.drain();
await handler.settled();
const seconds = (performance.now() - from) / 1000;
const { inserted, commits, receipts } = handler.counts();
const usage = process.cpuUsage(cpu);
process.stdout.write(
  `${JSON.stringify({ batchSize, inserted, commits, receipts, receiptBytes, seconds: Number(seconds.toFixed(2)), recordsPerSecond: Math.round(inserted / seconds), nodeCpuMs: Math.round((usage.user + usage.system) / 1000) })}\n`,
);
handler.stop();
registry.stop();
await pool.end();
await server.stop();
rmSync(dataDir, { recursive: true, force: true });
