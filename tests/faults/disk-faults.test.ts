/** Disks that fail: full, refusing to sync, or with a flipped bit. What was confirmed stays; what cannot be is not confirmed. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import { keepPostgresRunning, type SupervisedPostgres } from '#platform/supervised-postgres.ts';
import { createInProcessCardReader } from '../../edge-agent/adapters/in-process-card-reader.ts';
import { startEdge } from '../../edge-agent/main.ts';
import { cardOf, createTestCity, enrol } from '../edge-agent/support/edge-city.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });

const isRoot = process.getuid?.() === 0;
const log = createLogger({ component: 'disk', level: 'silent' });
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A small file system of its own; only root can mount one. */
function smallDisk(megabytes: number): string {
  const folder = tempFolder('disk');
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0711`, 'tmpfs', folder.path]);
  closers.push(() => {
    execFileSync('umount', ['-l', folder.path]);
    folder.remove();
  });
  return folder.path;
}

/** Fills a disk to its last block; the function gives the room back. */
function fillUp(disk: string): () => void {
  const file = join(disk, 'filler');
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(file, Buffer.alloc(bavail * bsize));
  return () => rmSync(file);
}

interface Numbers {
  readonly server: SupervisedPostgres;
  /** Inserts the next numbers until the server refuses or it is told to end; answers how many were confirmed in all. */
  insert(rows: number): Promise<number>;
  /** Highest number and count that the server has now. */
  held(): Promise<{ count: number; highest: number }>;
  query(sql: string): Promise<unknown>;
  /** As `query`, until it is taken: a server in the midst of its end may still have answered `held`. */
  takes(sql: string): Promise<void>;
}

/** A database that counts. */
async function openNumbers(dataDir: string): Promise<Numbers> {
  const server = await keepPostgresRunning({ dataDir, log, settings: { max_wal_size: '64MB' } });
  closers.push(() => server.stop());
  const withClient = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ connectionString: server.adminUrl });
    client.on('error', () => {});
    await client.connect();
    return work(client).finally(() => client.end().catch(() => {}));
  };
  const query = (sql: string) => withClient((client) => client.query(sql));
  let confirmed = 0;
  await withClient((client) => client.query('CREATE TABLE number (n int PRIMARY KEY, filling text)'));
  return {
    server,
    insert: async (rows) => {
      await withClient(async (client) => {
        for (let i = 0; i < rows; i++) {
          await client.query('INSERT INTO number VALUES ($1, $2)', [confirmed + 1, 'x'.repeat(2000)]);
          confirmed += 1;
        }
      }).catch(() => {});
      return confirmed;
    },
    held: () =>
      withClient(async (client) => {
        const { rows } = await client.query<{ count: string; highest: number }>(
          'SELECT count(*) AS count, coalesce(max(n), 0) AS highest FROM number',
        );
        return { count: Number(rows[0]?.count), highest: rows[0]?.highest ?? 0 };
      }),
    query,
    takes: async (sql) => void (await until(() => query(sql), { withinMs: 60_000, what: sql })),
  };
}

/** What was confirmed is there, without a gap; at most one more that was committed and could not be confirmed. */
function expectNothingLost(held: { count: number; highest: number }, confirmed: number): void {
  expect(held.count).toBe(held.highest);
  expect([confirmed, confirmed + 1]).toContain(held.highest);
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(pid);
      } catch {
        return false; // gone meanwhile
      }
    })
    .map(Number);
}

describe('the database', () => {
  it.skipIf(!isRoot)('whose syncs fail stops itself, comes back, and has all it confirmed', async () => {
    const folder = tempFolder('eio');
    closers.push(() => folder.remove());
    const numbers = await openNumbers(folder.path);
    expect(await numbers.insert(50)).toBe(50);
    const postmaster = numbers.server.pid();
    const pids = [postmaster, ...childrenOf(postmaster)];
    const inject = ['-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:error=EIO'];
    const tracer: ChildProcess = spawn('strace', [
      '-f',
      '-o',
      '/dev/null',
      ...inject,
      ...pids.flatMap((pid) => ['-p', String(pid)]),
    ]);
    closers.push(() => tracer.kill('SIGKILL'));
    const [attached] = await once(tracer.stderr as NodeJS.ReadableStream, 'data');
    expect(String(attached)).toContain('attached');
    const confirmed = await numbers.insert(1000);
    expect(confirmed).toBeLessThan(1050);
    const detached = once(tracer, 'exit');
    tracer.kill('SIGINT');
    await detached;
    // Every process of the server was ended by the panic; the postmaster begins anew and recovers.
    const held = await until(() => numbers.held(), { withinMs: 60_000 });
    expectNothingLost(held, confirmed);
    await numbers.takes("INSERT INTO number VALUES (1000000, 'it works again') ON CONFLICT DO NOTHING");
  });

  it.skipIf(!isRoot)(
    'on a full disk refuses, and goes on with all it confirmed when there is room',
    async () => {
      const disk = smallDisk(220);
      const numbers = await openNumbers(disk);
      expect(await numbers.insert(100)).toBe(100);
      const empty = fillUp(disk);
      const confirmed = await numbers.insert(20_000);
      expect(confirmed).toBeLessThan(20_100);
      empty();
      const held = await until(() => numbers.held(), { withinMs: 60_000 });
      expectNothingLost(held, confirmed);
      await numbers.takes('DELETE FROM number WHERE n > 100');
      await numbers.takes("INSERT INTO number VALUES (200, 'there is room again') ON CONFLICT DO NOTHING");
    },
  );

  it('finds a flipped bit by its checksum and hands out nothing of that page', async () => {
    const folder = tempFolder('flip');
    closers.push(() => folder.remove());
    const numbers = await openNumbers(folder.path);
    await numbers.insert(20);
    const { rows } = (await numbers.query("SELECT pg_relation_filepath('number') AS path")) as {
      rows: { path: string }[];
    };
    await numbers.query('CHECKPOINT');
    const file = join(numbers.server.place, rows[0]?.path ?? '');
    await numbers.server.stop();
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(5000) ^ 0x10, 5000);
    writeFileSync(file, bytes);
    const server = await keepPostgresRunning({ dataDir: folder.path, log });
    closers.push(() => server.stop());
    const client = new pg.Client({ connectionString: server.adminUrl });
    await client.connect();
    await expect(client.query('SELECT sum(length(filling)) FROM number')).rejects.toMatchObject({
      code: 'XX001',
    });
    await client.end();
  });
});

describe('a validator', () => {
  it.skipIf(!isRoot)(
    'on a full disk is red, never green without a record, and works again with room',
    async () => {
      const disk = smallDisk(2);
      const city = createTestCity();
      const dir = join(disk, 'val-1');
      mkdirSync(dir, { recursive: true });
      const device = enrol(dir, city, { mqttUrl: 'mqtt://127.0.0.1:1', passBackS: 0 });
      const reader = createInProcessCardReader(device.dir);
      const edge = await startEdge(
        { deviceDir: device.dir, screenPort: null },
        { clock: systemClock, log, reader },
      );
      closers.push(() => edge.stop());
      const answers: { sign: string; id: string | null }[] = [];
      edge.agent.onAnswer((view, id) => answers.push({ sign: view.sign, id }));
      await reader.present(cardOf(city, 1));
      const empty = fillUp(disk);
      for (let n = 2; answers.at(-1)?.sign === 'accepted' && n < 2000; n++)
        await reader.present(cardOf(city, n));
      expect(answers.at(-1)).toEqual({ sign: 'refused', id: null });
      expect(edge.agent.state()).toBe('out-of-order');
      const greens = answers.filter(({ sign }) => sign === 'accepted');
      // The number of records is that of the greens and the first of the epoch: no green without one.
      expect(edge.agent.health().journal.unreceipted).toBe(greens.length + 1);
      empty();
      await until(async () => {
        await reader.present(cardOf(city, 5000));
        return answers.at(-1)?.sign === 'accepted';
      });
    },
  );
});
