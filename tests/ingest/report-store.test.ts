/** One device's odd words never keep the words of the others from being written. */
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DeviceStatus, parseHealth } from '#contracts/device-report.ts';
import { createLogger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import { type ReportStore, startReportStore } from '../../ingest/adapters/report-store.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { MIGRATIONS } from './harness.ts';
import { hex32 } from './journal.ts';

let database: TestDatabase;
let pool: Pool;
let store: ReportStore;

beforeAll(async () => {
  database = await openTestDatabase();
  await database.migrate(MIGRATIONS);
  pool = createPool({ url: database.url('ingest_runtime'), applicationName: 'test', max: 1 });
  store = startReportStore(pool, 3_600_000, createLogger({ component: 'test', level: 'silent' }));
});
afterAll(async () => {
  await store?.stop();
  await pool?.end();
  await database?.close();
});

/** A health message as a device may spell it; `odd` is a JSON text. */
function takeHealth(deviceId: string, odd: string): void {
  const text = `{"v":1,"deviceId":"${deviceId}","atMs":0,"epoch":"${hex32('e')}","seq":1,
    "journal":{"unreceipted":0,"kept":3,"capacity":1000},"reader":{"state":"ready","recoveries":0},
    "denyList":{"version":{"generation":1,"n":2},"entries":0,"ageMs":10},"clock":{"syncAgeMs":null,"offsetMs":null},
    "counters":{"accepted":3,"refused":0,"latencyMsMax":4.5},"odd":${odd}}`;
  const health = parseHealth(Buffer.from(text));
  if (!health.ok) throw new Error(JSON.stringify(health.problems));
  store.take({ kind: 'health', atMs: 1000, report: health.value });
}
const takeStatus = (deviceId: string, online: unknown, software: string): void =>
  store.take({
    kind: 'status',
    atMs: 1000,
    report: { v: 1, deviceId, online, software } as DeviceStatus,
  });

it.each([
  ['NUL', '"a\\u0000b"', 'ab'],
  ['the six characters that spell NUL', '"a\\\\u0000b"', 'a\\u0000b'],
  ['half a surrogate pair', '"a\\ud800b"', 'a\ufffdb'],
  ['NUL in a key', '{"k\\u0000":["\\udc00"]}', { k: ['\ufffd'] }],
])('%s in a report is stored well-formed, beside the reports of others', async (_what, odd, stored) => {
  await pool.query('UPDATE ingest.device_health SET at_ms = 0');
  takeHealth('val-odd', odd);
  takeHealth('val-good', '"fine"');
  await store.flush();
  const { rows } = await pool.query(
    `SELECT device_id, health->'odd' AS odd FROM ingest.device_health WHERE at_ms > 0 ORDER BY 1`,
  );
  expect(rows).toEqual([
    { device_id: 'val-good', odd: 'fine' },
    { device_id: 'val-odd', odd: stored },
  ]);
});

it('data that the database refuses all the same is counted as malformed, once; the others are written', async () => {
  takeStatus('val-1', true, 'one\0\ud800');
  takeStatus('val-2', 'perhaps', 'two');
  takeStatus('val-3', false, 'three');
  await store.flush();
  await store.flush();
  const { rows } = await pool.query('SELECT device_id, software FROM ingest.device_status ORDER BY 1');
  expect(rows).toEqual([
    { device_id: 'val-1', software: 'one\ufffd' },
    { device_id: 'val-3', software: 'three' },
  ]);
  const counted = await pool.query('SELECT source, reason, items::int FROM ingest.uncollected');
  expect(counted.rows).toEqual([{ source: 'report', reason: 'INGEST_MALFORMED', items: 1 }]);
});

it('keeps since when a device holds its tariffs: another version begins anew, an older word changes nothing', async () => {
  const say = (atMs: number, version: number): void => {
    const health = parseHealth(
      Buffer.from(
        `{"v":1,"deviceId":"val-77","atMs":0,"epoch":"${hex32('e')}","seq":1,"journal":{"unreceipted":0,"kept":0,"capacity":9},
         "reader":{"state":"ready","recoveries":0},"denyList":{"version":{"generation":1,"n":2},"entries":0,"ageMs":10},
         "tariff":{"version":${version},"sha256":"${'a'.repeat(64)}"},"clock":{"syncAgeMs":null,"offsetMs":null},
         "counters":{"accepted":0,"refused":0,"latencyMsMax":0}}`,
      ),
    );
    if (!health.ok) throw new Error(JSON.stringify(health.problems));
    store.take({ kind: 'health', atMs, report: health.value });
  };
  const held = async () =>
    (
      await pool.query(
        `SELECT version::float8 AS version, since_ms::float8 AS since, seen_ms::float8 AS seen FROM ingest.device_tariff
          WHERE device_id = 'val-77'`,
      )
    ).rows[0];
  for (const [atMs, version, expected] of [
    [1000, 5, { version: 5, since: 1000, seen: 1000 }],
    [2000, 5, { version: 5, since: 1000, seen: 2000 }],
    [3000, 6, { version: 6, since: 3000, seen: 3000 }],
    [2500, 5, { version: 6, since: 3000, seen: 3000 }],
  ] as const) {
    say(atMs, version);
    await store.flush();
    expect(await held()).toEqual(expected);
  }
});
