/**
 * How many taps per second the fare engine turns into decisions and postings, real PostgreSQL with durable settings,
 * Ternopil's tariffs. Inbox filled beforehand; the clock runs from the first claim to the last commit.
 *   node scripts/measure-fare-engine.ts [taps] [workers] [rows per chunk]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { bootstrapDatabase } from '#platform/database.ts';
import { startEmbeddedPostgres } from '#platform/embedded-postgres.ts';
import { createLogger } from '#platform/logger.ts';
import { migrate } from '#platform/migrate.ts';
import { createPool } from '#platform/postgres.ts';
import { startFareEngine } from '../fare-engine/main.ts';
import { reconcile } from '../fare-engine/reconcile.ts';

const [taps = 60_000, workers = 2, rowsMax = 1000] = process.argv.slice(2).map(Number);
const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'kvytok-measure-'));
const log = createLogger({ component: 'measure', level: 'warn' });
const server = await startEmbeddedPostgres({ dataDir: folder, log });
const database = await bootstrapDatabase({
  adminUrl: server.adminUrl,
  database: 'kvytok',
  secretsFile: join(folder, 'roles.json'),
});
const dir = join(root, 'fare-engine/migrations');
await migrate({ url: database.migratorUrl, sets: [{ schema: 'fare', owner: 'fare_owner', dir }], log });
const ingest = createPool({ url: database.url('ingest_runtime'), applicationName: 'measure', max: 1 });
const auditor = createPool({ url: database.url('auditor_runtime'), applicationName: 'measure', max: 1 });

const start = Date.UTC(2025, 9, 14, 4, 0);
const riders = Math.max(1, Math.floor(taps / 3));
for (let from = 0; from < taps; from += 5000) {
  const rows = Array.from({ length: Math.min(5000, taps - from) }, (_, index) => {
    const seq = from + index + 1;
    // A rider's taps lie hours apart: each finds the day priced so far.
    const atMs = start + Math.floor((seq / taps) * 15 * 3_600_000);
    const device = `val-${100 + (seq % 200)}`;
    return rowOf(device, seq, atMs);
  });
  await ingest.query(
    `INSERT INTO fare.record_inbox (device_id, epoch, seq, kind, hash, record, received_at_ms)
     SELECT "deviceId", epoch, seq, 'tap', decode(hash, 'hex'), record, "receivedAtMs"
     FROM json_to_recordset($1) AS r ("deviceId" text, epoch text, seq bigint, hash text, record text,
       "receivedAtMs" bigint)`,
    [JSON.stringify(rows)],
  );
}
const began = performance.now();
const engine = await startFareEngine(
  {
    postgresUrl: database.url('fare_runtime'),
    cityDir: join(root, 'cities/ternopil'),
    limits: { workers, inboxRowsMax: rowsMax },
  },
  { clock: { nowMs: () => start, monotonicMs: () => performance.now() }, log },
);
for (;;) {
  const { rows } = await auditor.query<{ left: boolean }>(
    'SELECT (inbox > 0) OR (queue > 0) OR (decided_taps < taps) AS left FROM fare.published_counts',
  );
  if (rows[0]?.left === false) break;
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const seconds = (performance.now() - began) / 1000;
await engine.stop();
const found = await reconcile(auditor);
const result = {
  taps,
  workers,
  rowsMax,
  seconds: Number(seconds.toFixed(2)),
  tapsPerSecond: Math.round(taps / seconds),
};
process.stdout.write(`${JSON.stringify({ ...result, decided: found.decided, problems: found.problems })}\n`);
await Promise.all([ingest.end(), auditor.end()]);
await server.stop();
rmSync(folder, { recursive: true, force: true });

/** A tap as a validator writes it, as far as pricing looks at it. */
function rowOf(deviceId: string, seq: number, atMs: number) {
  const epoch = 'e'.repeat(32);
  const bootId = 'b'.repeat(32);
  const sync = { serverMs: atMs - 1000, monoMs: 50_000, bootId, rttMs: 0 };
  const record = JSON.stringify({
    v: 1,
    kind: 'tap',
    deviceId,
    epoch,
    seq,
    prev: '0'.repeat(64),
    at: { wallMs: atMs, monoMs: 51_000, bootId, sync },
    body: {
      tokenId: `k1.${(seq % riders).toString(16).padStart(32, '0')}`,
      mediumKind: seq % 2 === 0 ? 'social' : 'wallet',
      direction: 'in',
      where: { vehicleId: deviceId, routeId: ['T2', 'T5', 'T7'][seq % 3] },
      companions: 0,
      denyList: { generation: 1, n: 0 },
    },
  });
  return { deviceId, epoch, seq, hash: sha256Hex(record), record, receivedAtMs: atMs + 1000 };
}
