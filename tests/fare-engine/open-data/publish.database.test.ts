/** `kvytok open-data` on a real database: only closed days, nothing small, versions that never tell a difference. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../cli/commands/open-data.ts';
import { runCommand } from '../../support/command-io.ts';
import { TERNOPIL } from '../anomalies/ternopil-rules.ts';
import { type EngineDatabase, openEngineDatabase } from '../support/engine-database.ts';

const folder = mkdtempSync(join(tmpdir(), 'kvytok-open-'));
const OUT = join(folder, 'open');
let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
  // 14 October: many ride on T2 and T5, three on T7; the 15th is closed later.
  await rides('2025-10-14', 'T2', 40);
  await rides('2025-10-14', 'T5', 25);
  await rides('2025-10-14', 'T7', 3);
  await rides('2025-10-15', 'T2', 12);
  await close('2025-10-18');
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

let number = 0;
/** Rides of as many people, each with one companion where `companions` says so. */
async function rides(day: string, routeId: string, count: number, companions = 0): Promise<void> {
  await engine.admin.query(
    `WITH made AS (SELECT $4::int + n AS n FROM generate_series(1, $3::int) AS n),
     tapped AS (INSERT INTO fare.tap (tap_id, device_id, epoch, seq, record_sha256, token_id, medium_kind, direction, companions,
         fare_day, fare_at_ms, uncertainty_ms, flags, received_at_ms)
       SELECT 'v.e.' || n, 'v', 'e', n, '\\x00', 'k1.' || n, 'social', 'in', $5, $1::date, 0, 0, '{}', 0 FROM made)
     INSERT INTO fare.decision (tap_id, revision, account_id, account_version, fare_day, kind, route_id, currency, gross_minor,
         rider_minor, transfer_minor, concession_minor, pass_minor, cap_minor, loss_minor, claim_ride, steps, line_sha256,
         posted_revision, decided_at_ms)
     SELECT 'v.e.' || n, 1, 'p-' || n, 1, $1::date, 'ride', $2, 'UAH', 1200, 1200, 0, 0, 0, 0, 0, false, '[]', '\\x00', 1, 0
       FROM made`,
    [day, routeId, count, number, companions],
  );
  number += count;
}
const close = (day: string) =>
  engine.admin.query('INSERT INTO fare.close (fare_day, known_from_ms) VALUES ($1, 0)', [day]);

async function publish(...words: string[]) {
  const result = await runCommand(
    { run },
    ['--out', OUT, '--from', '2025-10-01', '--to', '2025-10-31', ...words],
    '',
    folder,
    {
      KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'),
      KVYTOK_CITY_DIR: TERNOPIL,
    },
  );
  return JSON.parse(result.stdout);
}
const file = (name: string) => readFileSync(join(OUT, name), 'utf8');
const line = (name: string, start: string) =>
  file(name)
    .split('\n')
    .find((text) => text.startsWith(start));

test('a settled day is published; small routes and one more are hidden, and the day’s amount with them', async () => {
  expect(await publish()).toMatchObject({ version: 1, new: true, days: 1, settledTo: '2025-10-14' });
  const csv = 'v1/rides-by-route-day.csv';
  expect(line(csv, 'service_date')).toBe('service_date,route_id,num_riders,amount,currency_type,suppressed');
  // B32, the first route by id, had nobody; the first one after it that is not small covers all small ones.
  expect(line(csv, '2025-10-14,T7')).toBe('2025-10-14,T7,,,UAH,true');
  expect(line(csv, '2025-10-14,B32')).toBe('2025-10-14,B32,,,UAH,true');
  expect(line(csv, '2025-10-14,T2')).toBe('2025-10-14,T2,,,UAH,true');
  expect(line(csv, '2025-10-14,T5')).toBe('2025-10-14,T5,25,300.00,UAH,false');
  expect(line('v1/rides-by-day.csv', '2025-10-14')).toBe('2025-10-14,68,,UAH,true');
});

test('CSV, JSON and the data package say the same', () => {
  const { resources, licenses, sources, profile, version } = JSON.parse(file('v1/datapackage.json'));
  expect([profile, version, licenses[0].name, sources[0].title]).toEqual([
    'tabular-data-package',
    '1',
    'CC-BY-4.0',
    'Kvytok, simulated city of Ternopil',
  ]);
  const index = JSON.parse(file('index.json'));
  for (const { path, bytes, hash, schema, format } of resources) {
    const text = file(`v1/${path}`);
    expect(Buffer.byteLength(text)).toBe(bytes);
    const entry = index.versions[0].files.find((one: { path: string }) => one.path === `v1/${path}`);
    expect(`sha256:${entry.sha256}`).toBe(hash);
    const names = schema.fields.map((field: { name: string }) => field.name);
    if (format === 'csv') expect(text.split('\n')[0]).toBe(names.join(','));
    else {
      const rows = JSON.parse(text);
      for (const row of rows) expect(Object.keys(row)).toEqual(names);
      const same = file(`v1/${path.replace('json', 'csv')}`)
        .trimEnd()
        .split('\n')
        .slice(1);
      expect(rows.length).toBe(same.length);
    }
  }
  const five = JSON.parse(file('v1/rides-by-route-day.json')).find(
    (row: { route_id: string }) => row.route_id === 'T5',
  );
  expect(five).toEqual({
    ...{
      service_date: '2025-10-14',
      route_id: 'T5',
      num_riders: 25,
      amount: 300,
      currency_type: 'UAH',
      suppressed: false,
    },
  });
});

test('nothing new is no new version; a late passenger is none; a late bus is one, and the old version stays', async () => {
  expect(await publish()).toMatchObject({ version: 1, new: false });
  await rides('2025-10-14', 'T5', 4);
  expect(await publish()).toMatchObject({ version: 1, new: false });
  await rides('2025-10-14', 'T5', 3, 1);
  const first = file('v1/rides-by-route-day.csv');
  expect(await publish()).toMatchObject({ version: 2, new: true });
  expect(line('v2/rides-by-route-day.csv', '2025-10-14,T5')).toBe('2025-10-14,T5,35,384.00,UAH,false');
  expect(line('v2/rides-by-day.csv', '2025-10-14')).toBe('2025-10-14,78,,UAH,true');
  expect(file('v1/rides-by-route-day.csv')).toBe(first);
});

test('the next day comes when it has settled, with plain tariffs where they are asked for', async () => {
  await close('2025-10-19');
  expect(await publish('--tariffs')).toMatchObject({ version: 3, days: 2, settledTo: '2025-10-15' });
  // Twelve on one route and nobody elsewhere: every cell is hidden, and the total with them.
  expect(line('v3/rides-by-day.csv', '2025-10-15')).toBe('2025-10-15,,,UAH,true');
  const { tariffs, licence } = JSON.parse(file('v3/tariffs.json'));
  expect(licence.name).toBe('CC-BY-4.0');
  expect(file('v3/README.md')).toMatch(/^# Тернопіль: .*менше 10 .*^# Ternopil: .*CC-BY-4\.0/ms);
  expect(tariffs.map((tariff: { versionId: string }) => tariff.versionId)).toContain('ternopil-2024-08-01');
  expect(readdirSync(join(OUT, 'v3/tariffs/ternopil-2024-08-01'))).toContain('fare_leg_rules.txt');
});

test('one person who rides much is one person', async () => {
  await engine.admin.query(
    "UPDATE fare.decision SET account_id = 'p-one' WHERE route_id = 'T5' AND fare_day = '2025-10-14'",
  );
  // A driver's word may be anything; three of these fifteen paid nothing.
  await rides('2025-10-14', '=HYPERLINK("x")', 15);
  await engine.admin.query(
    `UPDATE fare.decision SET rider_minor = 0, transfer_minor = gross_minor WHERE tap_id IN (
       SELECT tap_id FROM fare.decision WHERE route_id LIKE '=%' ORDER BY tap_id LIMIT 3)`,
  );
  const other = join(folder, 'other');
  await runCommand({ run }, ['--out', other, '--from', '2025-10-14', '--to', '2025-10-14'], '', folder, {
    KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'),
    KVYTOK_CITY_DIR: TERNOPIL,
  });
  expect(readFileSync(join(other, 'v1/rides-by-route-day.csv'), 'utf8')).toContain(
    '2025-10-14,T5,,,UAH,true',
  );
  const csv = readFileSync(join(other, 'v1/rides-by-route-day.csv'), 'utf8');
  expect(csv).not.toContain('HYPERLINK');
  expect(csv).toContain('\n2025-10-14,,15,,UAH,true\n');
});

test('a version that was touched stops everything', async () => {
  writeFileSync(join(OUT, 'v3/rides-by-day.csv'), 'service_date\nx\n');
  await expect(publish()).rejects.toMatchObject({ code: 'OPEN_DATA_UNREADABLE' });
  await expect(publish('--from', '2025-11-02')).rejects.toThrow(/--to lies before/);
  await expect(publish('--from', 'soon')).rejects.toThrow(/--from takes a date/);
});
