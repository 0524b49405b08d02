/** A package's life with two officers: signed, activated in a running engine, priced by, withdrawn; and what is refused. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadCity } from '#platform/city-data.ts';
import { createLogger } from '#platform/logger.ts';
import { parseFactBundle } from '#pricing/fact-bundle.ts';
import { officerKeyFile, simulateOfficers } from '../../cli/city/simulated-officers.ts';
import * as tariff from '../../cli/commands/tariff.ts';
import { type LiveTariffs, openLiveTariffs } from '../../fare-engine/adapters/live-tariffs.ts';
import { createPostgresFareStore } from '../../fare-engine/adapters/postgres-fare-store.ts';
import { exportFacts } from '../../fare-engine/export-facts.ts';
import { listApprovals } from '../../fare-engine/list-approvals.ts';
import { readPackageFiles } from '../../fare-engine/tariffs/load-tariff.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from '../fare-engine/support/engine-database.ts';
import { CITY_DIR } from '../fare-engine/support/running-engine.ts';
import { runCommand } from '../support/command-io.ts';
import { manualClock } from '../support/manual-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = tempFolder('tariff-office');
const cityDir = join(folder.path, 'city');
const dataDir = join(folder.path, 'data');
const draft = join(folder.path, 'tomorrow');
const log = createLogger({ component: 'test', level: 'silent' });
// Commands without a running city live in the machine's time.
const clock = manualClock(Date.now());
const tomorrow = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
let engine: EngineDatabase;
let live: LiveTariffs;

beforeAll(async () => {
  mkdirSync(dataDir);
  cpSync(CITY_DIR, cityDir, { recursive: true });
  rewrite(join(cityDir, 'tariff', '2024-08-01'), 'tariff.yaml', /valid_to: 2026-03-23/, 'valid_to: null');
  makeDraft(draft, 'ternopil-tomorrow', tomorrow);
  await simulateOfficers(dataDir, loadCity(cityDir), clock.nowMs());
  engine = await openEngineDatabase();
});
afterAll(async () => {
  await engine?.close();
  folder.remove();
});

function rewrite(dir: string, file: string, from: RegExp, to: string): void {
  const path = join(dir, file);
  const text = readFileSync(path, 'utf8');
  if (!from.test(text)) throw new Error(`nothing to change in ${path}`);
  writeFileSync(path, text.replace(from, to));
}

function makeDraft(dir: string, versionId: string, from: string): void {
  cpSync(join(cityDir, 'tariff', '2024-08-01'), dir, { recursive: true });
  rewrite(dir, 'tariff.yaml', /version_id: \S+/, `version_id: ${versionId}`);
  rewrite(dir, 'tariff.yaml', /valid_from: \S+/, `valid_from: ${from}`);
}

const open = () =>
  openLiveTariffs({
    pool: engine.pool,
    dir: join(cityDir, 'tariff'),
    cityId: 'ternopil',
    places: { officersFile: join(dataDir, 'officers.yaml'), dir: join(dataDir, 'tariff-approvals') },
    days: calendar,
    clock,
    log,
  });
const CITY = [
  ...['--city', cityDir, '--officers', join(dataDir, 'officers.yaml')],
  ...['--approvals', join(dataDir, 'tariff-approvals')],
];
const say = (verb: string, ...args: string[]) => runCommand(tariff, [verb, ...args, ...CITY]);
const sign = (dir: string, who: string, role: string, ...more: string[]) =>
  say('sign', dir, '--as', who, '--role', role, '--key', officerKeyFile(dataDir, who), ...more);
const versions = () => live.plan().timeline.packages.map((p) => p.tariff.version_id);
const SHIPPED = ['ternopil-2018-11-01', 'ternopil-2021-10-01', 'ternopil-2024-08-01'];

test('without signatures nothing prices, and the reason is told', async () => {
  const places = { officersFile: join(cityDir, 'officers.yaml'), dir: join(cityDir, 'tariff-approvals') };
  const unsigned = { pool: engine.pool, dir: join(cityDir, 'tariff'), cityId: 'ternopil', places };
  await expect(openLiveTariffs({ ...unsigned, days: calendar, clock, log })).rejects.toMatchObject({
    code: 'TARIFF_UNSIGNED',
  });
  live = await open();
  expect(versions()).toEqual(SHIPPED);
});

test('one signature is none, another date neither; two make it count in the running engine', async () => {
  await sign(draft, 'simulated-author', 'author');
  await expect(say('activate', draft, '--date', tomorrow)).rejects.toThrow(/APPROVAL_ROLE_MISSING/);
  await sign(draft, 'simulated-approver', 'approver');
  await expect(say('activate', draft, '--date', '2030-01-01')).rejects.toThrow(/APPROVAL_OTHER_DATE/);
  await live.refresh();
  expect(versions()).toEqual(SHIPPED);
  expect(existsSync(join(cityDir, 'tariff', 'tomorrow'))).toBe(false);
  expect((await say('activate', draft, '--date', tomorrow)).code).toBe(0);
  // Still being copied; then the database goes away; then this machine's clock is a day behind the officers'.
  const products = join(cityDir, 'tariff', 'tomorrow', 'fare_products.txt');
  const whole = readFileSync(products);
  writeFileSync(products, whole.subarray(0, 40));
  await live.refresh();
  writeFileSync(products, whole);
  await engine.admin.query('ALTER TABLE fare.known_clock RENAME TO away');
  await expect(live.refresh()).rejects.toThrow(/known_clock/);
  await engine.admin.query('ALTER TABLE fare.away RENAME TO known_clock');
  clock.setWall(clock.nowMs() - 86_400_000);
  await live.refresh();
  expect(versions()).toEqual(SHIPPED);
  clock.setWall(clock.nowMs() + 86_400_000);
  await live.refresh();
  expect(versions()).toEqual([...SHIPPED, 'ternopil-tomorrow']);
  expect(await live.told()).toHaveLength(4);
  const { rows } = await engine.admin.query(
    "SELECT officer, role FROM fare.tariff_approval JOIN fare.tariff_activation USING (package_hash) WHERE version_id = 'ternopil-tomorrow' ORDER BY 1",
  );
  expect(rows).toEqual([
    { officer: 'simulated-approver', role: 'approver' },
    { officer: 'simulated-author', role: 'author' },
  ]);
});

test('a package that was changed after it was signed has no signatures', async () => {
  const changed = join(folder.path, 'changed');
  makeDraft(changed, 'ternopil-changed', tomorrow);
  await sign(changed, 'simulated-author', 'author');
  await sign(changed, 'simulated-approver', 'approver');
  rewrite(changed, 'fare_products.txt', /,12\.00,/, ',13.00,');
  await expect(say('activate', changed, '--date', tomorrow)).rejects.toThrow(/APPROVAL_ROLE_MISSING/);
  // Somebody puts it there all the same: the engine leaves it out and goes on.
  cpSync(changed, join(cityDir, 'tariff', 'changed'), { recursive: true });
  await live.refresh();
  expect(versions()).not.toContain('ternopil-changed');
  rmSync(join(cityDir, 'tariff', 'changed'), { recursive: true });
});

test('a draft, a taken folder and a broken package are refused before anything is written', async () => {
  const other = join(folder.path, 'x', 'tomorrow');
  makeDraft(other, 'ternopil-other', tomorrow);
  await sign(other, 'simulated-author', 'author');
  await sign(other, 'simulated-approver', 'approver');
  await expect(say('activate', other, '--date', tomorrow)).rejects.toMatchObject({
    code: 'TARIFF_FOLDER_TAKEN',
  });
  rewrite(other, 'tariff.yaml', /status: \S+/, 'status: draft');
  await expect(sign(other, 'simulated-author', 'author')).rejects.toMatchObject({ code: 'TARIFF_IS_DRAFT' });
  rewrite(other, 'tariff.yaml', /currency: \S+/, 'currency: 7');
  await expect(sign(other, 'simulated-author', 'author')).rejects.toMatchObject({ code: 'TARIFF_INVALID' });
});

/** A day's bundle with these packages at hand, as a file. */
async function exported(...names: string[]): Promise<{ bundle: string; lines: string[] }> {
  const files = [];
  for (const name of names) {
    const read = await readPackageFiles(join(cityDir, 'tariff', name));
    if ('files' in read) files.push(read.files);
  }
  const lines: string[] = [];
  const days = { fromDay: '2025-10-14', untilDay: '2025-10-15', zone: 'Europe/Kyiv', dayStart: '04:00' };
  await exportFacts(
    engine.admin as never,
    { ...days, packages: files },
    async (line) => void lines.push(line),
  );
  const bundle = join(folder.path, 'bundle.ndjson');
  writeFileSync(bundle, `${lines.join('\n')}\n`);
  return { bundle, lines };
}

test('what was exported proves itself without a database', async () => {
  const { bundle, lines } = await exported('2018-11-01', '2021-10-01', '2024-08-01', 'tomorrow');
  const whole = await say('approvals', '--facts', bundle);
  expect([whole.code, whole.stdout.match(/: holds$/gm)?.length]).toEqual([0, 4]);
  writeFileSync(
    bundle,
    `${lines.join('\n').replace('\\"role\\\\\\"', '\\"rule\\\\\\"').replaceAll('ternopil\\\\\\"', 'lviv\\\\\\"')}\n`,
  );
  const edited = await say('approvals', '--facts', bundle);
  expect(edited.code).toBe(1);
  expect(edited.stdout).toContain('APPROVAL_FORGED');
});

test('it takes two to withdraw, before the date; then it never prices, here and on a fresh database', async () => {
  await sign(draft, 'simulated-author', 'author', '--withdraw');
  await expect(say('withdraw', draft)).rejects.toThrow(/APPROVAL_ROLE_MISSING/);
  await sign(draft, 'simulated-approver', 'approver', '--withdraw');
  expect((await say('withdraw', draft)).code).toBe(0);
  const other = createPostgresFareStore(engine.pool, live.facts);
  await live.refresh();
  expect(versions()).toEqual(SHIPPED);
  await expect(other.pricing(async (tx) => tx.claimInbox(1))).resolves.toEqual([]);
  const listed = await listApprovals(engine.admin as never);
  expect(listed.map(({ act, statements }) => [act, statements.length])).toEqual([
    ...[
      ['activate', 2],
      ['activate', 2],
      ['activate', 2],
      ['activate', 2],
    ],
    ['withdraw', 2],
  ]);
  const { rows } = await engine.admin.query(
    "SELECT count(*)::int AS n FROM fare.audit_leaf WHERE kind = 'tariff-withdrawal'",
  );
  expect(rows).toEqual([{ n: 1 }]);
  live = await open();
  expect(versions()).toEqual(SHIPPED);
  clock.setWall(Date.now() + 10 * 86_400_000);
  live = await open();
  expect(versions()).toEqual(SHIPPED);
});

test('an export tells of the withdrawal: it proves itself, and nothing in it is priced by the package', async () => {
  for (const last of [['tomorrow'], []]) {
    const { bundle, lines } = await exported('2018-11-01', '2021-10-01', '2024-08-01', ...last);
    const told = await say('approvals', '--facts', bundle);
    expect([told.code, told.stdout.match(/withdraw: .*: holds$/gm)?.length]).toEqual([0, 1]);
    const read = parseFactBundle(lines);
    const priced = read.ok ? read.bundle.tariffs.packages.map((p) => p.tariff.version_id) : read.problem;
    expect(priced).toEqual(SHIPPED);
  }
});
