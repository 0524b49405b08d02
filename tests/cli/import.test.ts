/** `kvytok import` on real PostgreSQL: all or nothing, once, and a period beside the system before. */
import { randomUUID } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../cli/commands/import.ts';
import { emptyImportStage, openImportStage } from '../../fare-engine/adapters/import-store.ts';
import type { ImportFile, ImportRow } from '../../fare-engine/import/import-files.ts';
import { createPricer } from '../../fare-engine/main.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { trialBalance } from '../../fare-engine/trial-balance.ts';
import { cardTokenId } from '../../simulators/cards/issue-card.ts';
import { tapRow, token } from '../fare-engine/support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from '../fare-engine/support/engine-database.ts';
import { command } from '../fare-engine/support/submit.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const CITIES = fileURLToPath(new URL('../../cities', import.meta.url));
const folder = tempFolder('import');
const cityDir = join(folder.path, 'city');
const TOKEN_KEY = Buffer.alloc(32, 7);
const NUMBER = '00112233445566778899aabbccddeeff';
const NOON = Date.parse('2025-10-14T12:00:00+03:00');
const FILES_READ = (['accounts.csv', 'media.csv', 'passes.csv'] as const).map((file) => ({
  ...{ file, rows: 1, sha256: '' },
}));
let engine: EngineDatabase;

beforeAll(async () => {
  mkdirSync(cityDir);
  copyFileSync(join(CITIES, 'ternopil/city.yaml'), join(cityDir, 'city.yaml'));
  cpSync(join(CITIES, 'ternopil/devices'), join(cityDir, 'devices'), { recursive: true });
  cpSync(join(CITIES, 'lviv-like/tariff'), join(cityDir, 'tariff'), { recursive: true });
  writeFileSync(join(folder.path, 'token-key'), TOKEN_KEY.toString('hex'));
  engine = await openEngineDatabase();
});
afterAll(async () => {
  await engine?.close();
  folder.remove();
});

async function kvytokImport(...args: string[]): Promise<{ code: number; said: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const role = args[0] === 'compare' ? 'auditor_runtime' : 'fare_runtime';
  const env = { KVYTOK_POSTGRES_URL: engine.database.url(role), KVYTOK_CITY_DIR: cityDir };
  const code = await run(args, { stdin: new PassThrough(), stdout, stderr, env, cwd: folder.path });
  stdout.end();
  return { code, said: await text(stdout) };
}

const FILES = {
  'accounts.csv': '\uFEFFaccount_id\r\np-1\r\np-2\r\n',
  'media.csv': `account_id;token_id;medium_number;valid_from\np-1;${token(1)};;2025-10-14\np-2;;${NUMBER};2025-10-14\n`,
  'balances.csv': 'account_id;amount\np-1;125,50\np-2;-17,00\n',
  'passes.csv':
    'pass_id,account_id,fare_product_id,valid_from,prepaid\npass-1,p-1,pass-30,2025-10-13 09:00,600.00\n',
  'entitlements.csv': `entitlement_id,account_id,concession_id,valid_from,valid_until,evidence_sha256\nent-2,p-2,student,2025-09-01,2026-07-01,${'cd'.repeat(32)}\nent-1,p-1,pensioner,2025-09-01,,${'ef'.repeat(32)}\n`,
  'quotas.csv': 'account_id,concession_id,period_from,rides\np-1,pensioner,2025-10-01,59\n',
  'denials.csv': `token_id,reason,scope,valid_from\n${token(90)},lost,,2025-10-01\n${token(91)},debt,paid,2025-10-01\n`,
};
function files(name: string, change: Partial<Record<keyof typeof FILES, string>> = {}): string {
  const dir = join(folder.path, name);
  mkdirSync(dir, { recursive: true });
  for (const [file, content] of Object.entries({ ...FILES, ...change }))
    writeFileSync(join(dir, file), content);
  return dir;
}
const options = (id: string) => ['--id', id, '--system', 'old', '--token-key', 'token-key'];
const apply = (dir: string, id: string) => kvytokImport('apply', dir, ...options(id), '--by', 'the office');
const count = async (table: string) =>
  (await engine.admin.query(`SELECT count(*)::int AS n FROM fare.${table}`)).rows[0].n as number;
const counts = () =>
  Promise.all(
    [
      ...['media_link', 'posting', 'pass_holding', 'entitlement', 'deny_entry', 'audit_leaf'],
      ...['import_row', 'import_leaf'],
    ].map(count),
  );

test('with one bad row nothing is written, and every one is named', async () => {
  const before = await counts();
  const dir = files('bad', {
    'accounts.csv': 'account_id\np-1\np-1\n',
    'media.csv': `account_id,token_id,valid_from,valid_until\np-1,${token(1)},2025-10-14,\np-1,${token(1)},2025-10-15,\n`,
    'balances.csv': 'account_id,amount\np-9,1\n',
    'passes.csv':
      'pass_id,account_id,fare_product_id,valid_from\na,p-1,pass-30,2025-10-13\na,p-1,pass-30,2025-10-14\n',
    'entitlements.csv': FILES['entitlements.csv'].replaceAll('p-2', 'p-1'),
    'quotas.csv': `${FILES['quotas.csv']}p-1,pensioner,2025-10-01,3\n`,
    'denials.csv': `${FILES['denials.csv']}${token(90)},fraud,all,2025-10-02\n`,
  });
  const { code, said } = await apply(dir, 'bad');
  expect(code).toBe(65);
  expect(said.match(/^[a-z]+\.csv:\d+ \w+|\[\w+\]$/gm)).toEqual([
    'balances.csv:2 account_id',
    '[IMPORT_REFERENCE]',
    'accounts.csv:3 account_id',
    '[IMPORT_TWICE]',
    'passes.csv:3 pass_id',
    '[IMPORT_TWICE]',
    'quotas.csv:3 concession_id',
    '[IMPORT_TWICE]',
    'denials.csv:4 token_id',
    '[IMPORT_TWICE]',
    'media.csv:3 token_id',
    '[IMPORT_TWICE]',
  ]);
  const forms = files('forms', {
    'accounts.csv': 'account\np-1\n',
    'media.csv': 'account_id,token_id,valid_from,account_id\n',
    'balances.csv': 'account_id,amount\np-1\n',
    'passes.csv': 'pass_id,account_id,fare_product_id,valid_from\n"a,b\n',
    'entitlements.csv': '',
  });
  const bad = await kvytokImport('check', forms, ...options('forms'));
  expect(bad.said).toMatch(/accounts.csv:1 account_id: the column is missing/);
  expect(bad.said).toMatch(/media.csv:1 account_id: the column occurs twice/);
  expect(bad.said).toMatch(/balances.csv:2: 1 values, the header has 2/);
  expect(bad.said).toMatch(/passes.csv:\d+: not CSV/);
  expect(bad.said).toMatch(/entitlements.csv:1: the file is empty/);
  writeFileSync(join(forms, 'accounts.csv'), Buffer.from('account_id\np-\xff\n', 'latin1'));
  expect((await kvytokImport('check', forms, ...options('forms'))).said).toContain(
    'accounts.csv:2: not UTF-8',
  );
  expect(await counts()).toEqual(before);
});

test('a table whose name is none of an import is a problem, so that its rows are not left behind in silence', async () => {
  const dir = files('misspelt');
  for (const name of ['balance.csv', 'Passes.CSV', 'quotas.csv.txt']) writeFileSync(join(dir, name), 'a\n');
  for (const name of ['notes.md', '.balances.csv.swp']) writeFileSync(join(dir, name), 'a\n');
  mkdirSync(join(dir, 'parallel.csv'), { recursive: true });
  const { code, said } = await kvytokImport('check', dir, ...options('misspelt'));
  expect(code).toBe(65);
  expect(said.match(/^.*: no file of an import has this name.*\[IMPORT_FILE\]$/gm)).toEqual(
    ['"Passes.CSV"', '"balance.csv"', '"quotas.csv.txt"'].map((name) =>
      expect.stringContaining(`${name}:1: `),
    ),
  );
});

test('a check counts and writes nothing; apply writes all of it, and rides of before are priced anew', async () => {
  const timeline = await loadTariffTimeline(join(cityDir, 'tariff'));
  if (!timeline.ok) throw new Error('tariffs');
  const pricer = createPricer(timeline.timeline, calendar);
  const drain = () => engine.drain({ deps: engine.deps(pricer) });
  const student = cardTokenId(Buffer.from(NUMBER, 'hex'), TOKEN_KEY);
  const ride = (seq: number, card: string) =>
    tapRow({
      device: 'val-5',
      seq,
      atMs: NOON + seq * 1000,
      token: card,
      routeId: 'A1',
      vehicleId: `b${seq}`,
    });
  await engine.deliver([ride(1, token(1)), ride(2, student), ride(3, token(77))]);
  await drain();
  const dir = files('good');
  const before = await counts();
  const checked = await kvytokImport('check', dir, ...options('first'));
  expect([checked.code, await counts()]).toEqual([0, before]);
  expect(checked.said).toMatch(/media.csv +2 rows: 2 new, 0 known/);
  expect(checked.said).toMatch(/balances.csv +new in UAH: paid in advance ₴125.50, owed ₴17.00/);
  expect(await apply(dir, 'first')).toMatchObject({
    code: 0,
    said: expect.stringContaining('Applied: all of it'),
  });
  await drain();
  const { rows } = await engine.admin.query(
    `SELECT account_id, rider_minor::int AS rider FROM fare.latest_decision WHERE tap_id LIKE 'val-5.%' ORDER BY tap_id`,
  );
  expect(rows.slice(0, 2)).toEqual([
    { account_id: 'p-1', rider: 0 },
    { account_id: 'p-2', rider: 850 },
  ]);
  const { accounts, problems } = await trialBalance(engine.admin, { againstLog: true });
  expect(problems).toEqual([]);
  const opening = accounts.find(({ account }) => account === 'opening:old');
  expect([opening?.postedDebitMinor, opening?.postedCreditMinor]).toEqual([12_550n + 60_000n, 1_700n]);
  expect((await reconcile(engine.admin)).problems).toEqual([]);
  const kept = await engine.admin.query(
    "SELECT encode(evidence_sha256, 'hex') AS hash FROM fare.entitlement WHERE entitlement_id = 'ent-2'",
  );
  expect(kept.rows).toEqual([{ hash: 'cd'.repeat(32) }]);
  const denied = await engine.admin.query(
    'SELECT token_id, action, reason, scope FROM fare.deny_entry ORDER BY token_id',
  );
  expect(denied.rows.map((row) => Object.values(row).join(' '))).toEqual([
    `${token(90)} deny lost all`,
    `${token(91)} deny debt paid`,
  ]);
  expect(await count('deny_queue')).toBe(2);
  const leaf = await engine.admin.query(`SELECT bytes FROM fare.audit_leaf WHERE bytes LIKE '%"files":%'`);
  expect(JSON.parse(leaf.rows[0].bytes)).toMatchObject({
    kind: 'import',
    submittedBy: 'the office',
    inputs: {
      importId: 'first',
      system: 'old',
      files: expect.arrayContaining([
        { file: 'passes.csv', rows: 1, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      ]),
    },
  });
  const named = await engine.admin.query(
    `SELECT fact->>'entitlementId' AS id, fact->>'concessionId' AS concession
     FROM fare.audit_leaf CROSS JOIN LATERAL json_array_elements(bytes::json->'inputs'->'facts') AS f (fact)
     WHERE bytes LIKE '%"facts":%' AND fact->>'entitlementId' IS NOT NULL ORDER BY 1`,
  );
  expect(named.rows).toEqual([
    { id: 'ent-1', concession: 'pensioner' },
    { id: 'ent-2', concession: 'student' },
    { id: expect.stringMatching(/^quota-/), concession: 'used:pensioner:59:0' },
  ]);
  expect(await counts()).toMatchObject({ 6: 0, 7: 0 });
});

test('nothing waits while an import reads and looks, and what becomes known meanwhile is looked at again', async () => {
  const client = await engine.pool.connect();
  const stage = await openImportStage(client, engine.clock);
  if (stage === undefined) throw new Error('the stage is taken');
  try {
    const nobodys = {
      currency: null,
      evidenceSha256: null,
      reason: null,
      scope: null,
      untilMs: null,
      fromMs: 0,
    };
    const row = (file: ImportFile, more: Partial<ImportRow>): ImportRow => ({
      ...{ ...nobodys, file, line: 2, id: null, accountId: 'p-7', ref: null, amountMinor: null, ...more },
    });
    await stage.add([
      row('accounts.csv', { fromMs: null }),
      row('media.csv', { ref: token(70) }),
      row('passes.csv', { id: 'pass-7', ref: 'pass-30' }),
    ]);
    const problems: string[] = [];
    const look = () => stage.look('old', ({ file }) => problems.push(file));
    await look();
    // What the sequencer of the audit log and settlements wait for, and what pricing does.
    const held = await engine.admin.query(
      `SELECT backend_xid IS NULL AND state = 'idle' AS free FROM pg_stat_activity WHERE query LIKE '%enable_nestloop%'
       AND datname = current_database() AND pid <> pg_backend_pid()`,
    );
    expect(held.rows).toEqual([{ free: true }]);
    await expect(kvytokImport('check', files('good'), ...options('x'))).rejects.toMatchObject({
      code: 'IMPORT_RUNNING',
    });
    const before = await counts();
    const write = (importId: string) =>
      stage.write({
        ...{ commandId: randomUUID(), importId, system: 'old', by: 'w' },
        files: FILES_READ,
        inputSha256: 'aa',
      });
    const sale = {
      fareProductId: 'pass-30',
      validFromMs: 0,
      amountMinor: '0',
      currency: 'UAH',
      source: 'till',
    };
    await command(engine, 'sell-pass', { passId: 'pass-7', accountId: 'p-8', ...sale });
    expect(await write('i-1')).toBe('changed');
    await command(engine, 'link-medium', { tokenId: token(70), accountId: 'p-8', validFromMs: 0 });
    expect(await write('i-2')).toBe('changed');
    await look();
    expect(problems.sort()).toEqual(['media.csv', 'passes.csv']);
    // The commands' own facts and leaves, and nothing of the import.
    expect((await counts()).map((n, i) => n - (before[i] as number)).slice(0, 6)).toEqual([1, 0, 1, 0, 0, 2]);
  } finally {
    client.release(true);
  }
  // Its rows are left, as when a process dies; the next start of an engine takes them away.
  await until(async () => {
    await emptyImportStage(engine.pool);
    return (await count('import_row')) === 0;
  });
});

test('the same files again change nothing; other bytes under the id are refused; what contradicts is named', async () => {
  const before = await counts();
  expect((await apply(files('good'), 'first')).said).toContain('Applied before with these very files');
  const other = files('other', { 'balances.csv': 'account_id,amount\np-1,126.00\n' });
  await expect(apply(other, 'first')).rejects.toMatchObject({ code: 'IMPORT_ID_REUSED' });
  const again = await apply(files('good'), 'second');
  expect(again.said).toMatch(/media.csv +2 rows: 0 new, 2 known/);
  await command(engine, 'link-medium', { tokenId: token(8), accountId: 'p-8', validFromMs: 0 });
  const contradicting = files('contradicting', {
    'media.csv': `account_id,token_id,valid_from\np-1,${token(8)},2025-10-14\n`,
    'balances.csv': 'account_id,amount\np-1,126.00\n',
    'passes.csv': FILES['passes.csv'].replace('2025-10-13', '2025-10-12'),
    'entitlements.csv': FILES['entitlements.csv'].replace('2026-07-01', '2027-07-01'),
    'quotas.csv': FILES['quotas.csv'].replace(',59', ',58'),
    'denials.csv': FILES['denials.csv'].replace('lost', 'fraud'),
  });
  const { code, said } = await apply(contradicting, 'third');
  expect(code).toBe(65);
  expect(said.match(/^\w+\.csv:2 \w+.*IMPORT_CONTRADICTS/gm)?.map((line) => line.split(':')[0])).toEqual([
    'media.csv',
    'balances.csv',
    'passes.csv',
    'entitlements.csv',
    'quotas.csv',
    'denials.csv',
  ]);
  for (const none of [folder.path, join(contradicting, 'accounts.csv'), join(folder.path, 'nowhere')])
    await expect(kvytokImport('check', none, ...options('none')), none).rejects.toMatchObject({
      code: 'IMPORT_FOLDER_EMPTY',
    });
  // The link of the test, and the leaves of it and of the second import, which had nothing new.
  const after = await counts();
  expect(after.map((n, i) => n - (before[i] as number))).toEqual([1, 0, 0, 0, 0, 2, 0, 0]);
});

test('the samples of docs/IMPORT.md are good', async () => {
  const sample = fileURLToPath(new URL('../../docs/import-sample', import.meta.url));
  const { code, said } = await kvytokImport('check', sample, ...options('sample'));
  expect([code, said.match(/ \d+ known/g)?.length]).toEqual([0, 8]);
  const days = ['--from', '2025-12-01T00:00', '--until', '2026-01-01T00:00'];
  const compared = await kvytokImport('compare', join(sample, 'parallel/old-charges.csv'), ...days);
  expect(compared).toMatchObject({ code: 1, said: expect.stringMatching(/missing here +2 rides/) });
});

test('a period of parallel running is compared ride by ride', async () => {
  const at = (seconds: number) => new Date(NOON + seconds * 1000).toISOString();
  const old = [
    'token_id,medium_number,at,amount,ref',
    `${token(1)},,${at(31)},0.00,o-1`,
    `,${NUMBER},${at(2)},17.00,o-2`,
    `${token(78)},,${at(3)},17.00,o-3`,
    `${token(1)},,2025-10-20 12:00,17.00,o-4`,
  ];
  writeFileSync(join(folder.path, 'old.csv'), `${old.join('\n')}\n`);
  const period = ['--from', '2025-10-14T00:00', '--until', '2025-10-15T00:00', '--token-key', 'token-key'];
  const { code, said } = await kvytokImport(
    'compare',
    'old.csv',
    ...period,
    '--out',
    'differences.csv',
    '--json',
  );
  expect(code).toBe(1);
  expect(JSON.parse(said).outside).toBe(1);
  expect(JSON.parse(said).totals).toEqual({
    same: { rides: 1, thereMinor: '0', hereMinor: '0' },
    'other-price': { rides: 1, thereMinor: '1700', hereMinor: '850' },
    'missing-there': { rides: 1, thereMinor: '0', hereMinor: '1700' },
    'missing-here': { rides: 1, thereMinor: '1700', hereMinor: '0' },
  });
  const lines = readFileSync(join(folder.path, 'differences.csv'), 'utf8').trim().split('\n');
  expect(lines.map((line) => line.split(',')[0]).sort()).toEqual([
    'difference',
    'missing-here',
    'missing-there',
    'other-price',
  ]);
  expect((await kvytokImport('compare', 'old.csv', ...period, '--tolerance', '29')).said).toMatch(
    /missing here +2 rides.*\nNot compared: 1 charges of the file/,
  );
  await expect(
    kvytokImport('compare', 'old.csv', ...period, '--out', 'no/such/folder.csv'),
  ).rejects.toMatchObject({
    code: 'IMPORT_COMPARE_UNWRITABLE',
  });
  writeFileSync(join(folder.path, 'old.csv'), `token_id,at,amount\nx,yesterday,free\n`);
  const bad = await kvytokImport('compare', 'old.csv', ...period);
  expect([bad.code, bad.said.match(/old\.csv:2 \w+/g)]).toEqual([
    65,
    ['old.csv:2 token_id', 'old.csv:2 at', 'old.csv:2 amount'],
  ]);
});
