import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startEmbeddedPostgres } from '#platform/embedded-postgres.ts';
import { createLogger } from '#platform/logger.ts';
import { runKvytok } from '../support/run-kvytok.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = tempFolder('serve');
afterAll(() => folder.remove());

describe('kvytok serve', () => {
  it('starts a role from the environment and stops it on a signal', async () => {
    const identities = join(folder.path, 'identities.json');
    writeFileSync(identities, '{"v":1,"clients":[]}');
    const run = runKvytok(['serve', 'broker'], {
      KVYTOK_BROKER_LISTEN: '127.0.0.1:0',
      KVYTOK_BROKER_IDENTITIES: identities,
    });
    await run.printed('broker ready at mqtt://127.0.0.1:');
    const figures = /figures at (\S+)\/metrics/.exec(run.stdout())?.[1];
    expect((await fetch(`${figures}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${figures}/metrics`)).text()).toContain('kvytok_broker_connections 0');
    run.process.kill('SIGTERM');
    expect(await run.ended).toBe(0);
  });

  it('names every problem of the environment at once, and no value', async () => {
    const run = runKvytok(['serve', 'ingest'], {
      KVYTOK_MQTT_URL: 'http://secret-in-a-wrong-place',
      KVYTOK_POSTGRESS_URL: 'postgres://user:secret@nowhere/x',
    });
    expect(await run.ended).toBe(1);
    for (const name of [
      'KVYTOK_POSTGRES_URL',
      'KVYTOK_MQTT_URL',
      'KVYTOK_INGEST_KEY_FILE',
      'KVYTOK_CITY_DIR',
      'KVYTOK_POSTGRESS_URL',
    ])
      expect(run.stderr()).toContain(name);
    expect(run.stderr()).not.toContain('secret-in');
    expect(run.stderr()).not.toContain('user:secret');
  });

  it.each([
    [[], 'which roles?'],
    [['beacons'], 'not part of this version'],
    [['fleet'], 'there is no role'],
  ])('refuses %j by name', async (roles, message) => {
    const run = runKvytok(['serve', ...roles]);
    expect(await run.ended).toBe(64);
    expect(run.stderr()).toContain(message);
  });
});

describe('kvytok migrate', () => {
  it('makes roles and schemas on a server, and finds nothing missing the second time', async () => {
    // A server of its own: the roles, and so their passwords, belong to a whole server.
    const server = await startEmbeddedPostgres({
      dataDir: folder.path,
      log: createLogger({ component: 'test', level: 'warn' }),
    });
    const secrets = join(folder.path, 'database.json');
    const env = { KVYTOK_ADMIN_POSTGRES_URL: server.adminUrl };
    try {
      const first = runKvytok(['migrate', '--secrets', secrets], env);
      expect(await first.ended, first.stderr()).toBe(0);
      expect(first.stdout()).toContain('ran fare/001');
      expect(first.stdout()).toContain('ran ingest/001');
      const second = runKvytok(['migrate', '--secrets', secrets], env);
      expect(await second.ended, second.stderr()).toBe(0);
      expect(second.stdout()).toContain('Nothing was missing.');
    } finally {
      await server.stop();
    }
  });

  it('refuses to start without the admin address or a file for the passwords', async () => {
    const without = runKvytok(['migrate', '--secrets', join(folder.path, 'x.json')]);
    expect(await without.ended).toBe(1);
    expect(without.stderr()).toContain('KVYTOK_ADMIN_POSTGRES_URL');
    const unnamed = runKvytok(['migrate'], { KVYTOK_ADMIN_POSTGRES_URL: 'postgres://x@127.0.0.1/x' });
    expect(await unnamed.ended).toBe(64);
    expect(unnamed.stderr()).toContain('--secrets');
  });
});
