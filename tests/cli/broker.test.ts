import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeIdentities } from '../broker/clients.ts';
import { serverProcess } from '../broker/port/server-process.ts';
import { clientKit, closed, SUITE_CLIENTS } from '../broker/port/under-test.ts';
import { freePort } from '../support/free-port.ts';
import { runKvytok } from '../support/run-kvytok.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const folder = tempFolder('broker-config');
const cleanups: (() => unknown)[] = [];
afterAll(async () => {
  for (const clean of cleanups.reverse()) await clean(); // a test that fails leaves no server behind
  folder.remove();
});
const identities = join(folder.path, 'identities.json');

describe('kvytok broker config', () => {
  it('configures a real mosquitto and follows the identities: a revoked client loses its connection', async () => {
    writeIdentities(identities, SUITE_CLIENTS);
    const port = await freePort();
    const out = join(folder.path, 'mosquitto');
    const asRoot = process.getuid?.() === 0 ? ['--user', 'root'] : [];
    const run = runKvytok([
      ...['broker', 'config', '--for', 'mosquitto', '--identities', identities, '--out', out],
      ...['--listen', `127.0.0.1:${port}`, '--follow', ...asRoot],
    ]);
    cleanups.push(() => run.process.kill('SIGKILL'));
    await run.printed('start it with: mosquitto -c');
    expect(readdirSync(out).sort()).toEqual(['access', 'mosquitto.conf', 'passwords']);
    for (const name of ['access', 'passwords']) expect(statSync(join(out, name)).mode & 0o777).toBe(0o640);
    const server = serverProcess('mosquitto', ['-c', join(out, 'mosquitto.conf')], port);
    cleanups.push(server.kill);
    await server.restart();
    const kit = clientKit(`mqtt://127.0.0.1:${port}`);
    const device = await kit.connect('val-1');
    // A damaged file changes nothing; what follows it is taken.
    writeFileSync(identities, '{"v":1,');
    await until(() => run.stderr().includes('broker.identities.refused'));
    expect(device.connected).toBe(true);
    const dropped = closed(device);
    writeIdentities(
      identities,
      SUITE_CLIENTS.filter(({ clientId }) => clientId !== 'val-1'),
    );
    await dropped;
    await expect(kit.connect('val-1')).rejects.toThrow();
    await (await kit.connect('val-2')).publishAsync('kvytok/v1/val-2/health', '{}', { qos: 1 });
    await kit.endAll();
    run.process.kill('SIGTERM');
    expect(await run.ended).toBe(0);
  });

  it.each([
    [['broker'], 'kvytok broker config'],
    [['broker', 'config', '--for', 'rabbit'], '--for takes one of'],
    [['broker', 'config', '--for', 'mosquitto'], '--identities FILE is needed'],
    [['broker', 'config', '--for', 'mosquitto', '--identities', 'x'], '--out DIR is needed'],
    [
      ['broker', 'config', '--for', 'mosquitto', '--identities', 'x', '--out', 'y', '--user', 'a\nb'],
      'a sign no path or name has',
    ],
  ])('refuses %j by name', async (args, message) => {
    const run = runKvytok(args);
    expect(await run.ended).toBe(64);
    expect(run.stderr()).toContain(message);
  });

  it('says what an identities file lacks', async () => {
    const bare = { v: 1, clients: [{ clientId: 'old-1', role: 'device', secretSha256: '0'.repeat(64) }] };
    writeFileSync(identities, JSON.stringify(bare));
    const run = runKvytok([
      'broker',
      'config',
      '--for',
      'mosquitto',
      '--identities',
      identities,
      '--out',
      folder.path,
    ]);
    expect(await run.ended).toBe(1);
    expect(run.stderr()).toContain('BROKER_CONFIG_IMPOSSIBLE');
    expect(run.stderr()).toContain('old-1');
  });
});
