/** `kvytok pass sell` beside the tariff's price: what differs is said, and sold all the same. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as pass from '../../cli/commands/pass.ts';
import { token } from '../fare-engine/support/a-record.ts';
import { answered } from '../fare-engine/support/answered.ts';
import { type EngineDatabase, openEngineDatabase } from '../fare-engine/support/engine-database.ts';
import { command } from '../fare-engine/support/submit.ts';
import { runCommand } from '../support/command-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

const CITY = join(import.meta.dirname, '../../cities/chortkiv-like');
const FROM = '2025-10-14T00:00:00+03:00';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
  const right = { entitlementId: 'e-1', concessionId: 'pensioner', validFromMs: 0 };
  await command(engine, 'grant-entitlement', { ...right, accountId: 'anna' });
  const ended = { ...right, entitlementId: 'e-2', accountId: 'boris' };
  await command(engine, 'grant-entitlement', ended);
  await command(engine, 'link-medium', { tokenId: token(1), accountId: 'viktor', validFromMs: 0 });
  await command(engine, 'revoke-entitlement', { entitlementId: 'e-2', validUntilMs: Date.parse(FROM) });
});
const folder = tempFolder('pass-price');
afterAll(async () => {
  await engine?.close();
  folder.remove();
});

let sales = 0;
/** What is said of a sale, after its id; it is always obeyed. */
async function told(
  account: string,
  amount: string,
  currency = 'UAH',
  roles = 2,
  city = CITY,
): Promise<string> {
  sales += 1;
  const id = `c-${sales}`;
  const office = engine.database.url('office_runtime');
  const env = {
    KVYTOK_CITY_DIR: city,
    KVYTOK_POSTGRES_URL: roles === 2 ? engine.database.url('auditor_runtime') : office,
    ...(roles === 2 && { KVYTOK_OFFICE_POSTGRES_URL: office }),
  };
  const money = ['--amount', amount, '--currency', currency, '--source', 'kiosk-7'];
  const args = ['sell', account, '--product', 'carnet-3', ...money, '--from', FROM, '--id', id];
  const sold = await answered(engine, () => runCommand(pass, args, '', '.', env));
  const answer = roles === 2 ? { obeyed: true } : 'waits';
  expect([sold.code, JSON.parse(sold.stdout).answer]).toEqual([0, answer]);
  expect(sold.stderr).toContain(`pass ${id}\n`);
  return sold.stderr.replace(`pass ${id}\n`, '');
}

test('the price of the tariff is sold without a word, and another amount or currency with one', async () => {
  expect(await told('viktor', '2700')).toBe('');
  expect(await told('viktor', '2000')).toMatch(
    /^Warning: the tariff chortkiv-like-2025 asks .*27\.00.* for carnet-3, not .*20\.00.*\. It is sold as it was said\.\n$/,
  );
  expect(await told('viktor', '2700', 'EUR')).toMatch(/not .*27\.00/);
});

test('the price of a category is that of an account with its right on the first day', async () => {
  expect(await told('anna', '0')).toBe('');
  expect(await told('anna', '2700')).toBe('');
  for (const account of ['boris', 'viktor'])
    expect(await told(account, '0')).toContain(
      'That is the price of pensioner, a right that this account does not have.',
    );
  expect(await told('anna', '0', 'UAH', 1)).toContain('a right that is not known here.');
});

test('a right is known by its category as well, as the engine takes it', async () => {
  const city = join(folder.path, 'other-ids');
  cpSync(CITY, city, { recursive: true });
  const file = join(city, 'tariff/2025-01-01/concessions.yaml');
  const rights = readFileSync(file, 'utf8');
  expect(rights).toContain('concession_id: pensioner\n');
  writeFileSync(file, rights.replaceAll('concession_id: pensioner\n', 'concession_id: pensioner-2025\n'));
  expect(await told('anna', '0', 'UAH', 2, city)).toBe('');
});

test('an account of which nobody spoke is said to be new, once', async () => {
  expect(await told('galyna', '2700')).toBe(
    'The account "galyna" is new here: so far it has no card, right, pass or ride.\n',
  );
  expect(await told('galyna', '2700')).toBe('');
});

test('the price of now and that of the first day are both good, and another is held against each', async () => {
  const city = join(folder.path, 'two-packages');
  cpSync(CITY, city, { recursive: true });
  const [old, next] = ['2025-01-01', '2026-01-01'].map((day) => join(city, 'tariff', day)) as [
    string,
    string,
  ];
  cpSync(old, next, { recursive: true });
  const edit = (file: string, from: string, to: string) => {
    const text = readFileSync(join(next, file), 'utf8');
    expect(text).toContain(from);
    writeFileSync(join(next, file), text.replaceAll(from, to));
  };
  edit('tariff.yaml', 'version_id: chortkiv-like-2025', 'version_id: chortkiv-like-2026');
  edit('tariff.yaml', 'valid_from: 2025-01-01', 'valid_from: 2026-01-01');
  edit('fare_products.txt', '27.00', '30.00');
  const said = (amount: string) => told('viktor', amount, 'UAH', 2, city);
  expect([await said('2700'), await said('3000')]).toEqual(['', '']);
  expect(await said('2800')).toMatch(
    /^Warning: the tariff chortkiv-like-2025 asks .*27\.00.*\nWarning: the tariff chortkiv-like-2026 asks .*30\.00.*\n$/,
  );
});
