/** `kvytok edge` as a person starts it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run, usage } from '../../cli/commands/edge.ts';
import { createTestCity, enrol } from '../edge-agent/support/edge-city.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const KVYTOK = fileURLToPath(new URL('../../bin/kvytok.mjs', import.meta.url));

let folder: ReturnType<typeof tempFolder>;
let deviceDir: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = tempFolder('edge-cli');
  deviceDir = enrol(join(folder.path, 'val-1'), createTestCity()).dir;
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  }
  folder.remove();
});

function io(env: Record<string, string> = {}) {
  const stdin = new PassThrough();
  return { stdin, stdout: new PassThrough(), stderr: new PassThrough(), env, cwd: folder.path };
}

function start(...args: string[]) {
  const child = spawn(process.execPath, [KVYTOK, 'edge', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    said.out += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said.err += chunk.toString('utf8');
  });
  return { child, said };
}

describe('kvytok edge', () => {
  it('starts without a reader and without a city, shows its screen, and stops cleanly on SIGTERM', async () => {
    const { child, said } = start('--device', deviceDir, '--screen-port', '0');
    await until(() => said.out.includes('\n'), { what: 'the ready line' });
    const ready = JSON.parse(said.out.split('\n')[0] as string) as { event: string; screenUrl: string };
    expect(ready).toMatchObject({ event: 'ready', deviceId: 'val-1' });
    const page = await (await fetch(ready.screenUrl)).text();
    expect(page).toContain('Прикладіть картку');
    const second = start('--device', deviceDir);
    const [code] = await once(second.child, 'close');
    expect(code).toBe(1);
    expect(second.said.err).toContain('DATA_FOLDER_IN_USE');
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  it("runs an inspector's device: its page, its options, a clean stop", async () => {
    const args = ['--inspector', '--device', deviceDir, '--screen-port', '0'];
    const { child, said } = start(...args, '--staff', '4711', '--vehicle', '101');
    await until(() => said.out.includes('\n'), { what: 'the ready line' });
    const ready = JSON.parse(said.out.split('\n')[0] as string) as { event: string; screenUrl: string };
    expect(ready).toMatchObject({ event: 'ready', deviceId: 'val-1' });
    const page = await (await fetch(ready.screenUrl)).text();
    expect(page).toContain('data-sign="ready"');
    const headers = { origin: new URL(ready.screenUrl).origin, 'content-type': 'application/json' };
    await fetch(`${ready.screenUrl}act`, { method: 'POST', headers, body: '{"do":"no-card"}' });
    await until(() => said.out.includes('"event":"check"'), { what: 'the check' });
    const check = JSON.parse(said.out.split('\n')[1] as string) as { sign: string; recordId: string };
    // Nobody to ask: the doubt is the passenger's.
    expect(check).toMatchObject({ sign: 'unclear', recordId: expect.stringContaining('val-1.') });
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
    await expect(run([...args, '--staff', 'Іван Франко'], io())).rejects.toThrow('--staff');
    await expect(run([...args, '--lang', 'fr'], io())).rejects.toThrow('--lang');
  });

  it('a missing folder is an error with a way out', async () => {
    await expect(run(['--device', join(folder.path, 'nowhere')], io())).rejects.toMatchObject({
      code: 'DEVICE_FOLDER_INVALID',
      happened: expect.stringContaining('device.json is missing'),
    });
  });

  it('wrong options and wrong environment are refused before anything starts', async () => {
    await expect(run([], io())).rejects.toThrow('--device');
    await expect(run(['--nonsense'], io())).rejects.toMatchObject({
      code: expect.stringContaining('ERR_PARSE_ARGS'),
    });
    const bad = { KVYTOK_EDGE_HEALTH_INTERVAL_MS: '1', KVYTOK_EDGE_SCREN_PORT: '0' };
    await expect(run(['--device', deviceDir], io(bad))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      happened: expect.stringMatching(/SCREN_PORT is not known.*SCREEN_PORT|HEALTH_INTERVAL_MS does not fit/),
    });
    await expect(run(['--device', deviceDir, '--screen-port', 'x'], io())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('its usage names every option', () => {
    for (const option of [
      '--inspector',
      '--staff',
      '--vehicle',
      '--device',
      '--screen-port',
      '--reader',
      '--mqtt-url',
      '--events',
    ])
      expect(usage).toContain(option);
  });
});
