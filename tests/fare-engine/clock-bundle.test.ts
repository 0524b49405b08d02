/** Taps whose times were settled and corrected: a stranger reaches the ledger's figures from an exported bundle. */
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Role } from '#platform/role.ts';
import { run as runAudit } from '../../cli/commands/audit.ts';
import * as price from '../../cli/commands/price.ts';
import { runCommand } from '../support/command-io.ts';
import { clockSyncRow, tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { repriceBooks } from './support/reprice-books.ts';
import { CITY_DIR, settled, startEngine } from './support/running-engine.ts';
import { command } from './support/submit.ts';

const folder = mkdtempSync(join(tmpdir(), 'kvytok-clock-bundle-'));
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MORNING = Date.UTC(2025, 9, 15, 5);
const TAPS = 60;
let engine: EngineDatabase;
let role: Role;

const bootId = (n: number): string => `${n}`.repeat(32);
const monoOf = (atMs: number): number => atMs - MORNING + 10 * DAY_MS;

function clockOf(step: number, atMs: number) {
  const monoMs = monoOf(atMs);
  // Two in three never met the city before their tap; half of those lost their time, half are three minutes fast.
  if (step % 3 === 0) return {};
  const wallMs = step % 3 === 1 ? 60_000 * step : atMs + 3 * MINUTE_MS;
  return { clock: { wallMs, monoMs, bootId: bootId(step % 3) } };
}

function syncOf(n: number, atMs: number) {
  const sync = { serverMs: atMs, monoMs: monoOf(atMs), bootId: bootId(n), rttMs: 20 };
  return { wallMs: 0, monoMs: sync.monoMs, bootId: bootId(n), sync };
}

beforeAll(async () => {
  engine = await openEngineDatabase();
  role = await startEngine(engine);
  const rows = Array.from({ length: TAPS }, (_, step) => {
    const atMs = MORNING + step * 23 * MINUTE_MS;
    return tapRow({
      device: 'val-101',
      seq: step + 1,
      atMs,
      token: token(1 + (step % 7)),
      mediumKind: step % 7 < 4 ? 'social' : 'wallet',
      vehicleId: `bus-${step % 4}`,
      routeId: ['T2', 'T5', 'T7'][step % 3] as string,
      ...clockOf(step, atMs),
    });
  });
  const end = MORNING + TAPS * 23 * MINUTE_MS;
  const sync = (seq: number, n: number) =>
    clockSyncRow({ device: 'val-101', seq, atMs: end, clock: syncOf(n, end) });
  await engine.deliver(rows);
  await engine.deliver([sync(900, 1)]);
  await settled(engine, TAPS);
  engine.clock.setWall(end + 2 * DAY_MS);
  await command(engine, 'correct-clock', {
    deviceId: 'val-101',
    validFromMs: MORNING + 4 * 3_600_000,
    validUntilMs: MORNING + 8 * 3_600_000,
    offsetMs: DAY_MS,
    uncertaintyMs: 30_000,
    reason: 'the date had been set by hand',
  });
  // Holds on the day to which the corrected taps move, and there for dearer rides.
  await command(engine, 'assign-device', {
    deviceId: 'val-101',
    vehicleId: 'bus-9',
    carrierId: 'private',
    routeId: 'P18',
    validFromMs: MORNING + DAY_MS,
    validUntilMs: MORNING + 2 * DAY_MS,
  });
  await settled(engine, TAPS);
  await command(engine, 'close-day', { fareDay: '2025-10-15' });
  // Known after the close: it settles what is open, and leaves the closed day as it is.
  await engine.deliver([{ ...sync(901, 2), receivedAtMs: end + 3 * DAY_MS }]);
  await settled(engine, TAPS);
});
afterAll(async () => {
  await role?.stop();
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

async function exported(): Promise<{ code: number; error: string; lines: Map<string, unknown[]> }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const env = { KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'), KVYTOK_CITY_DIR: CITY_DIR };
  const args = ['export', '--from', '1970-01-01', '--until', '2025-11-01', '--out', 'all.ndjson'];
  try {
    await runAudit(args, { stdin: new PassThrough(), stdout, stderr, env, cwd: folder });
  } catch (error) {
    return { code: 1, error: (error as Error).message, lines: new Map() };
  }
  const bundle = await readFile(join(folder, 'all.ndjson'), 'utf8');
  const { code, stdout: text } = await runCommand(price, ['--facts', '-'], bundle, folder);
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const repriced = lines.filter((line) => line.kind === 'line');
  return {
    code,
    error: '',
    lines: new Map(repriced.map((l) => [l.tapId, [l.lineKind, l.riderMinor, l.lossMinor]])),
  };
}

test('the bundle gives what the ledger has', async () => {
  const { rows } = await engine.admin.query(
    `SELECT tap_id, kind, rider_minor::text AS rider, loss_minor::text AS loss FROM fare.latest_decision`,
  );
  const { code, lines } = await exported();
  expect(code).toBe(0);
  expect(lines).toEqual(new Map(rows.map((row) => [row.tap_id, [row.kind, row.rider, row.loss]])));
  expect(lines.size).toBe(TAPS);
  const flags = await engine.admin.query(
    `SELECT f, count(*)::int AS n FROM fare.timed_tap, unnest(flags) AS f GROUP BY f ORDER BY f COLLATE "C"`,
  );
  const count = Object.fromEntries(flags.rows.map((row) => [row.f, row.n]));
  expect(count['CLOCK_SETTLED']).toBeGreaterThanOrEqual(20);
  expect(count['CLOCK_CORRECTED']).toBeGreaterThanOrEqual(5);
});

const CLEAN = { stoppedAt: null, differing: 0, differences: [] };
const repriced = () =>
  repriceBooks(engine, join(CITY_DIR, 'tariff'), { fromDay: '2025-10-14', untilDay: '2025-10-20' }, 2);

test('books whose times moved are computed again', async () => {
  expect(await repriced()).toMatchObject(CLEAN);
});

// Each kind of word by which a tap may have moved is looked for by itself.
const WITHOUT_A_TIME = {
  'an unsure clock': 'k.tap_id IN (SELECT tap_id FROM fare.unsure_tap)',
  'a correction alone':
    'k.tap_id NOT IN (SELECT tap_id FROM fare.unsure_tap) AND k.device_id IN (SELECT device_id FROM fare.clock_correction)',
};
test.each(Object.entries(WITHOUT_A_TIME))(
  'a time that somebody took away is told: that of %s',
  async (_, which) => {
    const { rows } = await engine.admin.query(
      `DELETE FROM fare.tap_time m USING fare.tap k WHERE k.tap_id = m.tap_id AND k.fare_day = '2025-10-15' AND ${which}
       RETURNING to_json(m) AS was`,
    );
    expect(rows.length).toBeGreaterThan(0);
    await expect(repriced()).rejects.toMatchObject({ code: 'TIMES_UNPROVEN' });
    for (const { was } of rows)
      await engine.admin.query(
        'INSERT INTO fare.tap_time SELECT * FROM json_populate_record(NULL::fare.tap_time, $1)',
        [was],
      );
    expect(await repriced()).toMatchObject(CLEAN);
  },
);

test('times that somebody changed by hand are not exported', async () => {
  await engine.admin.query(
    `UPDATE fare.tap_time SET fare_at_ms = fare_at_ms + 1
      WHERE tap_id = (SELECT tap_id FROM fare.tap_time ORDER BY tap_id LIMIT 1)`,
  );
  expect((await exported()).error).toContain('TIMES_UNPROVEN');
  await expect(repriced()).rejects.toMatchObject({ code: 'TIMES_UNPROVEN' });
});
