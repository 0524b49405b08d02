/** Tariff packages are dated facts: what was closed keeps the packages it had, what is open is priced alike. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Role } from '#platform/role.ts';
import { parseFactBundle } from '#pricing/fact-bundle.ts';
import { repriceBundle } from '#pricing/reprice-bundle.ts';
import { createPostgresFareStore } from '../../fare-engine/adapters/postgres-fare-store.ts';
import { exportFacts } from '../../fare-engine/export-facts.ts';
import { readPackageFiles } from '../../fare-engine/tariffs/load-tariff.ts';
import { until } from '../support/until.ts';
import { tapIdOf, tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { CITY_DIR, settled, startEngine } from './support/running-engine.ts';
import { command } from './support/submit.ts';

const folder = mkdtempSync(join(tmpdir(), 'kvytok-activation-'));
const cityDir = join(folder, 'city');
const tariff = (name: string) => join(cityDir, 'tariff', name);
const DAY_MS = 86_400_000;
const MORNING = Date.UTC(2025, 9, 14, 5);
let engine: EngineDatabase;
let role: Role | undefined;

beforeAll(async () => {
  cpSync(CITY_DIR, cityDir, { recursive: true });
  engine = await openEngineDatabase();
});
afterEach(async () => {
  await role?.stop();
  role = undefined;
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<void> {
  role = await startEngine(engine, { cityDir });
}

async function prices(): Promise<Record<string, bigint>> {
  const { rows } = await engine.admin.query(
    'SELECT tap_id, rider_minor FROM fare.latest_decision ORDER BY 1',
  );
  return Object.fromEntries(rows.map((row) => [row.tap_id, row.rider_minor]));
}

/** A correction of the package of 2024: other bytes under a version id of their own, valid from the same day. */
function correct(name: string, minor: string): void {
  cpSync(tariff('2024-08-01'), tariff(name), { recursive: true });
  edit(name, 'tariff.yaml', 'version_id: ternopil-2024-08-01', `version_id: ternopil-${name}`);
  edit(name, 'fare_products.txt', ',12.00,', `,${minor},`);
}

function edit(name: string, file: string, from: string, to: string): void {
  const path = join(tariff(name), file);
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(from, to));
}

const ride = (n: number, atMs: number) =>
  tapRow({ device: 'val-1', seq: n, atMs, token: token(n), routeId: 'T5', vehicleId: `bus-${n}` });

test('a correction re-prices every open day from its valid_from on, and no closed one', async () => {
  await start();
  // The first rider rode on the first day only, the second on both: both were charged 12.00 by the package known then.
  await engine.deliver([ride(1, MORNING), ride(2, MORNING + DAY_MS)]);
  await settled(engine, 2);
  engine.clock.setWall(MORNING + 2 * DAY_MS);
  await command(engine, 'close-day', { fareDay: '2025-10-14' });
  await role?.stop();
  correct('2024-08-01-b', '13.00');
  await start();
  await engine.deliver([ride(3, MORNING), ride(4, MORNING + DAY_MS)]);
  await settled(engine, 4);
  expect(await prices()).toEqual({
    // Closed before the correction was known: charged as then, and a tap that came afterwards alike.
    [tapIdOf('val-1', 1)]: 1200n,
    [tapIdOf('val-1', 3)]: 1200n,
    // Open: whoever was touched or not is priced alike.
    [tapIdOf('val-1', 2)]: 1300n,
    [tapIdOf('val-1', 4)]: 1300n,
  });
});

test('an activation is known strictly later than the closes before it, and only once', async () => {
  const activations = async () =>
    (await engine.admin.query('SELECT version_id, known_from_ms FROM fare.tariff_activation ORDER BY 2, 1'))
      .rows;
  const before = await activations();
  await start();
  expect(await activations()).toEqual(before);
  const close = await engine.admin.query('SELECT max(known_from_ms) AS ms FROM fare.close');
  expect(before.at(-1)?.version_id).toBe('ternopil-2024-08-01-b');
  expect(before.at(-1)?.known_from_ms).toBeGreaterThan(close.rows[0].ms);
});

test('a bundle prices each day by the packages that were known at its close', async () => {
  const packages = [];
  for (const name of ['2018-11-01', '2021-10-01', '2024-08-01', '2024-08-01-b']) {
    const read = await readPackageFiles(tariff(name));
    if ('files' in read) packages.push(read.files);
  }
  const lines: string[] = [];
  await exportFacts(
    engine.admin,
    {
      fromDay: '2025-10-14',
      untilDay: '2025-10-16',
      zone: 'Europe/Kyiv',
      dayStart: '04:00',
      packages,
    },
    async (line) => void lines.push(line),
  );
  const read = parseFactBundle(lines);
  if (!read.ok) throw new Error(read.problem.message);
  const repriced = [...repriceBundle(read.bundle)].map(({ line }) => [line.tapId, line.riderMinor]);
  expect(Object.fromEntries(repriced)).toEqual(await prices());
});

test('a fare engine that has not read a package activated by another prices nothing', async () => {
  const store = createPostgresFareStore(engine.pool, () => 3);
  await expect(store.pricing(async (tx) => tx.claimInbox(1))).rejects.toMatchObject({
    code: 'TARIFF_OUTDATED',
  });
  await expect(
    createPostgresFareStore(engine.pool, () => 4).pricing(async (tx) => tx.claimInbox(1)),
  ).resolves.toEqual([]);
});

test('a package that was changed under its version id keeps the engine from starting', async () => {
  edit('2024-08-01-b', 'fare_products.txt', ',13.00,', ',14.50,');
  await expect(start()).rejects.toMatchObject({
    code: 'TARIFF_CHANGED',
    happened: expect.stringContaining('ternopil-2024-08-01-b'),
  });
  edit('2024-08-01-b', 'fare_products.txt', ',14.50,', ',13.00,');
  await start();
});

test('two packages for the same time that are new together are refused', async () => {
  correct('2024-08-01-c', '16.00');
  correct('2024-08-01-d', '17.00');
  await expect(start()).rejects.toMatchObject({ code: 'TARIFF_OVERLAP' });
  rmSync(tariff('2024-08-01-c'), { recursive: true });
  rmSync(tariff('2024-08-01-d'), { recursive: true });
});

test('a superseded package may not leave the folder while its time is in the books', async () => {
  cpSync(tariff('2024-08-01'), join(folder, 'aside'), { recursive: true });
  rmSync(tariff('2024-08-01'), { recursive: true });
  await expect(start()).rejects.toMatchObject({ code: 'TARIFF_MISSING' });
  cpSync(join(folder, 'aside'), tariff('2024-08-01'), { recursive: true });
  // The books begin in 2025: the package that ended in 2021 priced nothing here.
  rmSync(tariff('2018-11-01'), { recursive: true });
  await start();
});

test('a ride whose clock is days off is priced again when a package begins that it may have been in', async () => {
  await start();
  await engine.deliver([ride(5, MORNING + 2 * DAY_MS)]);
  await settled(engine, 5);
  await command(engine, 'correct-clock', {
    deviceId: 'val-1',
    validFromMs: MORNING + 2 * DAY_MS,
    validUntilMs: MORNING + 3 * DAY_MS,
    offsetMs: 0,
    uncertaintyMs: 5 * DAY_MS,
    reason: 'its clock stood still',
  });
  await until(async () => (await engine.admin.query('SELECT FROM fare.tap_time')).rowCount === 1);
  await role?.stop();
  cpSync(tariff('2024-08-01'), tariff('2025-10-20'), { recursive: true });
  edit('2025-10-20', 'tariff.yaml', 'version_id: ternopil-2024-08-01', 'version_id: ternopil-2025-10-20');
  edit('2025-10-20', 'tariff.yaml', 'valid_from: 2024-08-01', 'valid_from: 2025-10-20');
  edit('2025-10-20', 'fare_products.txt', ',12.00,', ',5.00,');
  await start();
  await until(async () => (await prices())[tapIdOf('val-1', 5)] === 500n);
});
