import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCity } from '#platform/city-data.ts';
import { openAuditDatabase } from '../../cli/audit-database.ts';
import { skipWithoutPcsc } from '../support/pcsc-here.ts';
import { type KvytokRun, runKvytok } from '../support/run-kvytok.ts';
import { tempFolder } from '../support/temp-folder.ts';

const skip = skipWithoutPcsc('kvytok tap through pcscd');
const folder = tempFolder('tap');
const dataFolder = join(folder.path, 'data');
let city: KvytokRun;
const { stdin, stdout, stderr } = process;
const IO = { stdin, stdout, stderr, env: {}, cwd: folder.path };
/** Validators that had a vehicle in the books when the city said that it was ready. */
let placed: number | null;

/** The city with an hour for a second touch: two of a machine that is held up are minutes apart, and one ride all the same. */
function patientCity(): string {
  const dir = join(folder.path, 'city');
  cpSync(join(import.meta.dirname, '../../cities/ternopil'), dir, { recursive: true });
  const rewrite = (file: string, name: string): void => {
    const text = readFileSync(join(dir, file), 'utf8');
    expect(text).toContain(`${name}: 120`);
    writeFileSync(join(dir, file), text.replace(`${name}: 120`, `${name}: 3600`));
  };
  rewrite('city.yaml', 'passBackS');
  for (const version of readdirSync(join(dir, 'tariff')))
    rewrite(`tariff/${version}/tap-policy.yaml`, 'passback_s');
  return dir;
}

async function tap(...args: string[]): Promise<{ code: number | NodeJS.Signals; out: string; err: string }> {
  const run = runKvytok(['tap', '--data', dataFolder, ...args]);
  const code = await run.ended;
  return { code, out: run.stdout(), err: run.stderr() };
}

describe.skipIf(skip)('a card on the whole way: vpcd, pcscd, validator, MQTT, PostgreSQL, ledger', () => {
  beforeAll(async () => {
    // In real time: at ten times it two touches of a slow machine would be an hour apart.
    const where = ['--city', patientCity(), '--data', dataFolder];
    city = runKvytok(['city', '--port', '0', '--mqtt-port', '0', '--speed', '1', ...where]);
    await city.printed('Ready in');
    const { pool } = openAuditDatabase(dataFolder, IO);
    try {
      placed = (await pool.query('SELECT DISTINCT device_id FROM fare.device_assignment')).rowCount;
    } finally {
      await pool.end();
    }
  });
  afterAll(async () => {
    city?.process.kill('SIGTERM');
    await city?.ended;
    folder.remove();
  });

  it('says that it is ready when every validator has its vehicle in the books', () => {
    expect(placed).toBe(loadCity(join(folder.path, 'city')).devices.length);
  });

  it('a social card pays 12 hryvnias, and the tap can be explained afterwards', async () => {
    const { code, out, err } = await tap('--medium', 'social');
    expect(code, err).toBe(0);
    expect(out).toContain('✓ Прийнято');
    expect(out).toMatch(/rider → revenue:tet\s+12,00\s₴/);
    const tapId = /val-desk-1\.[0-9a-f]{32}\.\d+/.exec(out)?.[0] ?? '';
    const explain = runKvytok(['explain', tapId, '--data', dataFolder, '--lang', 'en', '--json']);
    expect(await explain.ended, explain.stderr()).toBe(0);
    expect(JSON.parse(explain.stdout())).toMatchObject({ tapId });
  });

  it('a wallet card pays 14, and a second touch is the same ride', async () => {
    const first = await tap('--medium', 'wallet', '--lang', 'en');
    expect(first.out).toMatch(/rider → revenue:tet\s+₴14\.00/);
    const second = await tap('--medium', 'wallet', '--lang', 'en');
    expect(second.code, second.err).toBe(0);
    expect(second.out).toContain('the same ride');
    expect(second.out).toContain('no amount moved');
  });

  it('a bank card pays 15, and one whose signed data were altered is refused', async () => {
    const paid = await tap('--medium', 'bank', '--card', 'mastercard', '--lang', 'en');
    expect(paid.code, paid.out + paid.err).toBe(0);
    expect(paid.out).toMatch(/rider → revenue:tet\s+₴15\.00/);
    const altered = await tap('--medium', 'bank', '--card', 'wrong-static-data', '--lang', 'en');
    expect(altered.out).toContain('✕ Refused');
  });
});

describe('kvytok tap', () => {
  it('says that no city runs, and how to start one', async () => {
    const { code, err } = await (async () => {
      const run = runKvytok(['tap', '--medium', 'social', '--data', join(folder.path, 'nowhere')]);
      return { code: await run.ended, err: run.stderr() };
    })();
    expect(code).toBe(1);
    expect(err).toContain('CITY_NOT_RUNNING');
    expect(err).toContain('npm start');
  });

  it.each([
    [[], '--medium takes social, wallet or bank'],
    [['--medium', 'gold'], '--medium takes social, wallet or bank'],
    [['--medium', 'social', '--lang', 'fr'], '--lang takes'],
    [['--medium', 'bank', '--card', 'gold'], '--card takes with bank: visa, mastercard, amex'],
  ])('refuses %j by name', async (args, message) => {
    const { code, err } = await tap(...args);
    expect(code).toBe(64);
    expect(err).toContain(message);
  });
});
