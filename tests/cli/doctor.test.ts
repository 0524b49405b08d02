import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { OperatorError } from '#platform/errors.ts';
import { run } from '../../cli/commands/doctor.ts';
import type { Finding } from '../../cli/doctor/examine.ts';
import { type Machine, thisMachine } from '../../cli/doctor/machine.ts';

const healthy: Machine = {
  platform: 'linux',
  arch: 'x64',
  nodeVersion: '24.21.0',
  cores: 2,
  memoryTotalBytes: 8 * 2 ** 30,
  memoryFreeBytes: 4 * 2 ** 30,
  diskFreeBytes: async () => 50 * 2 ** 30,
  program: async (name) => `/usr/bin/${name}`,
  exists: async () => true,
  postgresVersion: async () => 'postgres (PostgreSQL) 18.4',
  loadSmartcard: async () => {},
  portFree: async () => true,
  checkBroker: async () => undefined,
  checkDatabase: async () => false,
  missingPackages: async () => [],
};

async function examine(
  machine: Machine,
): Promise<{ code: number; fit: boolean; of: (id: string) => Finding | undefined }> {
  const stdout = new PassThrough();
  const io = { stdin: new PassThrough(), stdout, stderr: new PassThrough(), env: {}, cwd: '/' };
  const code = await run(['--json'], io, machine);
  const { fit, findings } = JSON.parse(String(stdout.read())) as { fit: boolean; findings: Finding[] };
  return { code, fit, of: (id) => findings.find((finding) => finding.id === id) };
}

describe('the doctor', () => {
  test('finds this machine fit: the tests themselves run a database here', async () => {
    const { code, of } = await examine(thisMachine(process.env));
    expect(code).toBe(0);
    expect(of('postgres')).toMatchObject({ ok: true, found: expect.stringMatching(/PostgreSQL\) 18\./) });
  });

  test('says what a database that is named lacks, and what to type', async () => {
    const behind = new OperatorError({ code: 'X', happened: 'It is behind.', kept: '', todo: 'Raise it.' });
    const ill = await examine({ ...healthy, checkDatabase: () => Promise.reject(behind) });
    expect(ill.of('database')).toMatchObject({ ok: false, found: 'It is behind.', todo: 'Raise it.' });
    const away = await examine({ ...healthy, checkDatabase: () => Promise.reject(new Error('refused')) });
    expect(away.of('database')).toMatchObject({ ok: false, found: 'database: refused' });
    expect(away.fit).toBe(true);
  });

  test('a machine without cards is fit; the lack has a price and a line to type', async () => {
    const fails = async (): Promise<never> =>
      Promise.reject(new Error("Cannot find package 'smartcard'\nmore"));
    const machine: Machine = {
      ...healthy,
      loadSmartcard: fails,
      program: async () => undefined,
      exists: async () => false,
      missingPackages: async () => ['pcscd', 'vsmartcard-vpcd'],
    };
    const { code, fit, of } = await examine(machine);
    expect({ code, fit }).toEqual({ code: 0, fit: true });
    expect(of('smartcard')).toMatchObject({
      ok: false,
      needed: false,
      found: "the npm module smartcard does not load: Cannot find package 'smartcard'",
      costs: expect.stringContaining('the simulated city is not touched'),
      todo: 'sudo apt-get update && sudo apt-get install --no-install-recommends pcscd vsmartcard-vpcd && npm ci',
    });
    for (const id of ['pcscd', 'vpcd', 'chromium'])
      expect(of(id)).toMatchObject({ ok: false, needed: false });
  });

  test.each<[string, Partial<Machine>]>([
    ['postgres', { postgresVersion: () => Promise.reject(new Error('missing')) }],
    ['node', { nodeVersion: '20.20.0' }],
    ['node', { platform: 'darwin' }],
    ['disk', { diskFreeBytes: async () => 2 ** 30 - 1 }],
    ['disk', { diskFreeBytes: () => Promise.reject(new Error('EACCES')) }],
    ['memory', { memoryTotalBytes: 2 ** 30 - 1 }],
    ['loopback', { portFree: async () => false }],
  ])('without %s the city cannot start: %o', async (id, ill) => {
    const { code, fit, of } = await examine({ ...healthy, ...ill });
    expect({ code, fit }).toEqual({ code: 1, fit: false });
    expect(of(id)).toMatchObject({
      ok: false,
      needed: true,
      costs: expect.any(String),
      todo: expect.any(String),
    });
  });

  test('a taken port is no illness, but is told with what to type', async () => {
    const { fit, of } = await examine({ ...healthy, portFree: async (port) => port !== 8080 });
    expect(fit).toBe(true);
    expect(of('ports')).toMatchObject({
      ok: false,
      found: 'taken on 127.0.0.1: 8080',
      todo: expect.stringContaining('--port 0'),
    });
  });

  test('exactly 1 GiB of memory and of disk is enough', async () => {
    const machine = { ...healthy, memoryTotalBytes: 2 ** 30, diskFreeBytes: async () => 2 ** 30 };
    expect((await examine(machine)).fit).toBe(true);
  });

  test('says it in words for people', async () => {
    const stdout = new PassThrough();
    const io = { stdin: new PassThrough(), stdout, stderr: new PassThrough(), env: {}, cwd: '/' };
    await run([], io, { ...healthy, exists: async () => false });
    const text = String(stdout.read());
    expect(text).toContain('– vpcd       no vsmartcard-vpcd');
    expect(text).toContain('Fit: kvytok city can start.');
  });

  test('a broker that is named is measured; what it lacks has a price and a way out, and keeps no city from starting', async () => {
    const finding = { limit: 'queue', found: 1020, needed: 4096, todo: 'raise its queue' } as const;
    const small = await examine({ ...healthy, checkBroker: async () => [finding] });
    expect(small.fit).toBe(true);
    expect(small.of('broker')).toMatchObject({
      ok: false,
      found: 'queue: 1020 of 4096',
      todo: 'raise its queue',
    });
    expect((await examine({ ...healthy, checkBroker: async () => [] })).of('broker')).toMatchObject({
      ok: true,
    });
    for (const check of [null, 'unreachable'] as const)
      expect((await examine({ ...healthy, checkBroker: async () => check })).of('broker')).toMatchObject({
        ok: false,
      });
  });
});
