import pg from 'pg';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { keepPostgresRunning, type SupervisedPostgres } from '#platform/supervised-postgres.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

// Each of three recoveries syncs what there is: on a disk that stalls that alone takes its time.
vi.setConfig({ testTimeout: 400_000 });

const folder = tempFolder('supervised');
const log = createLogger({ component: 'test', level: 'silent' });
let server: SupervisedPostgres | undefined;

afterEach(async () => {
  await server?.stop();
});
afterAll(() => folder.remove());

async function ask(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server?.adminUrl });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('the supervised PostgreSQL', () => {
  it('comes back on its port after kill -9 with all that was committed, as often as it is killed', async () => {
    server = await keepPostgresRunning({ dataDir: folder.path, log });
    await ask('CREATE TABLE kept (n int)');
    for (const n of [1, 2, 3]) {
      await ask(`INSERT INTO kept VALUES (${n})`);
      process.kill(server.pid(), 'SIGKILL');
      // So long a start may take.
      await until(() => (server?.restarts() ?? 0) >= n, { what: 'a restart', withinMs: 120_000 });
    }
    expect(await ask('SELECT n FROM kept ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('stays down once it is stopped', async () => {
    server = await keepPostgresRunning({ dataDir: folder.path, log });
    const pid = server.pid();
    await server.stop();
    expect(server.restarts()).toBe(0);
    expect(() => process.kill(pid, 0)).toThrow();
  });
});
