/** From a city without officers to signed tariffs, as docs/OPERATIONS.md says it; and what is refused on the way. */
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { UsageError } from '../../cli/command.ts';
import * as tariff from '../../cli/commands/tariff.ts';
import { placesOf, readApproval, readOfficers } from '../../fare-engine/adapters/approval-files.ts';
import { judgePackages } from '../../fare-engine/tariff-life/judge-packages.ts';
import { loadTariffFolder, loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { CITY_DIR } from '../fare-engine/support/running-engine.ts';
import { runCommand } from '../support/command-io.ts';
import { PACKAGE } from '../support/tariff.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = tempFolder('tariff-officers');
afterAll(() => folder.remove());
const city = join(folder.path, 'city');
const keys = join(folder.path, 'keys');
for (const name of ['city.yaml', 'devices', 'gtfs', 'card-media.yaml'])
  cpSync(join(CITY_DIR, name), join(city, name), { recursive: true });
const PACKAGES = ['2025-01-01', '2026-01-01'];
const dirs = PACKAGES.map((name) => join(city, 'tariff', name));
for (const [i, dir] of dirs.entries()) {
  mkdirSync(dir, { recursive: true });
  for (const [name, text] of Object.entries(PACKAGE))
    writeFileSync(
      join(dir, name),
      name === 'tariff.yaml'
        ? text.replace('test-1', `test-${i}`).replace('valid_from: 2026-01-01', `valid_from: ${PACKAGES[i]}`)
        : text.trimStart(),
    );
}
const run = (...args: string[]) => runCommand(tariff, args, '', folder.path);
const officers = (...args: string[]) => run('officers', ...args, '--city', city);

it('a city without officers says so; a folder that is no city is refused', async () => {
  expect((await officers('list')).stdout).toMatch(/^Nobody may sign for tariffs: .*officers\.yaml/);
  const nowhere = join(folder.path, 'nowhere');
  await expect(run('officers', 'list', '--city', nowhere)).rejects.toMatchObject({
    code: 'CITY_DATA_INVALID',
  });
});

it('two people, two keys, two packages: every one of them prices', async () => {
  expect(readOfficers(placesOf(city).officersFile).byId.size).toBe(0);
  const person = (id: string, name: string, role: string) =>
    officers('add', id, '--person', name, '--role', role, '--key', join(keys, `${id}.pem`));
  expect((await person('anna', 'Анна Коваль', 'author')).code).toBe(0);
  expect((await person('bohdan', 'Богдан Мельник', 'approver')).code).toBe(0);
  expect(statSync(join(keys, 'anna.pem')).mode & 0o777).toBe(0o600);
  const text = readFileSync(join(city, 'officers.yaml'), 'utf8');
  expect(text).toMatch(/^# Who may sign[\s\S]*lead_hours: 72/);
  expect(text).not.toContain('PRIVATE');
  expect((await officers('list')).stdout).toMatch(/^anna: анна коваль, author, .*\nbohdan: /);

  const why = 'first start of this city';
  for (const [id, role] of [
    ['anna', 'author'],
    ['bohdan', 'approver'],
  ] as const) {
    const how = ['--as', id, '--role', role, '--key', join(keys, `${id}.pem`), '--reason', why];
    expect((await run('sign', ...dirs, ...how)).stdout.match(/signed to activate/g)).toHaveLength(2);
  }
  for (const [i, dir] of dirs.entries())
    expect((await run('activate', dir, '--date', PACKAGES[i] as string)).code).toBe(0);

  const loaded = await loadTariffTimeline(join(city, 'tariff'));
  if (!loaded.ok) throw new Error('the tariffs have errors');
  const { dir, officersFile } = placesOf(city);
  const judged = judgePackages(
    loaded.timeline.packages,
    { activated: new Set(), withdrawn: new Set() },
    {
      city: 'ternopil',
      officers: readOfficers(officersFile),
      statements: (hash, act) => readApproval(dir, hash, act),
    },
    Date.now(),
  );
  expect([judged.allowed.length, judged.refused]).toEqual([2, []]);
});

it('remarks stay, a key made elsewhere is taken by its public half, and one is revoked', async () => {
  const file = join(city, 'officers.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('lead_hours: 72', 'lead_hours: 48 # by order 7'));
  const elsewhere = join(folder.path, 'vira.pem');
  writeFileSync(
    elsewhere,
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
  );
  const both = ['--role', 'author', '--role', 'approver'];
  await officers(
    'add',
    'vira',
    '--person',
    'Віра',
    ...both,
    '--public-key',
    elsewhere,
    '--until',
    '2027-01-01T00:00:00Z',
  );
  await officers('revoke', 'vira', '--from', '2026-12-01T00:00:00+02:00');
  const text = readFileSync(file, 'utf8');
  expect(text).toContain('lead_hours: 48 # by order 7');
  expect(text).not.toContain('PRIVATE');
  expect(readOfficers(file).byId.get('vira')).toMatchObject({
    roles: ['author', 'approver'],
    revokedFromMs: Date.parse('2026-12-01T00:00:00+02:00'),
  });
});

it('one key is no second person’s, and a statement that could not count is told to whoever signs it', async () => {
  const anna = ['--key', join(keys, 'anna.pem')];
  const add = (id: string, person: string) =>
    officers('add', id, '--person', person, '--role', 'approver', ...anna);
  await expect(add('zoe', 'Зоя')).rejects.toMatchObject({ code: 'OFFICER_KEY_TAKEN' });
  expect((await add('anna-2', ' Анна  КОВАЛЬ')).code).toBe(0);
  const waiting = () => readdirSync(join(placesOf(city).dir, 'signatures'));
  const before = waiting();
  const [dir] = dirs as [string];
  for (const [id, role, code] of [
    ['anna', 'approver', 'APPROVAL_ROLE_FOREIGN'],
    ['bohdan', 'approver', 'APPROVAL_FORGED'],
    ['nobody', 'author', 'APPROVAL_OFFICER_UNKNOWN'],
  ])
    await expect(run('sign', dir, '--as', `${id}`, '--role', `${role}`, ...anna)).rejects.toThrow(code);
  expect(waiting()).toEqual(before);
});

it('what lies beside two good signatures stops nothing, is named, and goes no further', async () => {
  const { dir } = placesOf(city);
  const [first] = dirs as [string];
  const loaded = await loadTariffFolder(first);
  if (!loaded.ok) throw new Error('the package has errors');
  const { hash } = loaded.package;
  for (let i = 0; i < 20; i++) writeFileSync(join(dir, 'signatures', `${hash}.activate.a${i}.json`), '{}\n');
  const done = await run('activate', first, '--date', PACKAGES[0] as string);
  expect([done.code, done.stderr.match(/does not count: APPROVAL_MALFORMED/g)?.length]).toEqual([0, 20]);
  expect(readApproval(dir, hash, 'activate')).toHaveLength(2);
});

it('who was revoked stays revoked: a later date is refused, an earlier one is taken', async () => {
  const file = join(city, 'officers.yaml');
  const revokedMs = () => readOfficers(file).byId.get('vira')?.revokedFromMs;
  const before = revokedMs();
  for (const from of ['2026-12-01T00:00:00.001+02:00', 'never'])
    await expect(officers('revoke', 'vira', '--from', from)).rejects.toThrow('is revoked from 2026-11-30T22');
  expect(revokedMs()).toBe(before);
  expect((await officers('revoke', 'vira', '--from', '2026-11-01T00:00:00Z')).code).toBe(0);
  expect(revokedMs()).toBe(Date.parse('2026-11-01T00:00:00Z'));
});

it('nobody is added twice, no key is made among the city’s files or in a checkout, and nothing half is written', async () => {
  const before = readFileSync(join(city, 'officers.yaml'), 'utf8');
  const who = ['--person', 'X', '--role', 'author'];
  await expect(officers('add', 'anna', ...who, '--key', join(keys, 'x.pem'))).rejects.toMatchObject({
    code: 'OFFICER_KNOWN',
  });
  mkdirSync(join(folder.path, 'checkout', '.git'), { recursive: true });
  for (const place of [
    join(city, 'x.pem'),
    join(city, 'secrets', 'x.pem'),
    join(folder.path, 'checkout', 'a', 'x.pem'),
  ]) {
    await expect(officers('add', 'x', ...who, '--key', place)).rejects.toMatchObject({
      code: 'OFFICER_KEY_IN_CITY',
    });
    expect(existsSync(place)).toBe(false);
  }
  const key = ['--key', join(keys, 'x.pem')];
  for (const args of [
    ['add', 'x', ...who],
    ['add', 'x', ...who, ...key, '--public-key', 'y'],
    ['add', 'X y', ...who, ...key],
    ['add', 'x', ...who, '--public-key', join(keys, 'nowhere.pem')],
    ['add', 'x', '--person', 'X', '--role', 'king', ...key],
    ['add', 'x', ...who, ...key, '--from', 'yesterday'],
    ['add', 'x', ...who, ...key, '--until', 'never'],
    ['add', 'x', ...who, ...key, '--from', '2026-02-01T00:00:00Z', '--until', '2026-01-01T00:00:00Z'],
    ['revoke', 'nobody'],
    ['dismiss', 'anna'],
    [],
  ])
    await expect(officers(...args)).rejects.toThrow(UsageError);
  await expect(run('officers', 'list')).rejects.toThrow(UsageError);
  expect(readFileSync(join(city, 'officers.yaml'), 'utf8')).toBe(before);
  // Nor is a key left behind of somebody who was not added.
  expect(existsSync(join(keys, 'x.pem'))).toBe(false);
});
