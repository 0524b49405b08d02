import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awaitDatabase, isAway, isPassing } from '#platform/await-database.ts';
import { createLogger } from '#platform/logger.ts';
import { startTcpProxy } from '../../simulators/faults/tcp-proxy.ts';
import { freePort } from '../support/free-port.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';

const log = createLogger({ component: 'test', level: 'silent' });

/** Time moves by what is waited for, and by nothing else. */
function waiting(onWait: (waits: number) => Promise<boolean> | boolean) {
  let nowMs = 0;
  let waits = 0;
  return {
    log,
    nowMs: () => nowMs,
    chance: () => 0.5,
    wait: async (ms: number) => {
      nowMs += ms;
      waits += 1;
      return onWait(waits);
    },
    waits: () => waits,
  };
}

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

describe('waiting for the database', () => {
  it('goes on at once when it answers', async () => {
    const options = waiting(() => true);
    await awaitDatabase({ url: database.url('ingest_runtime'), ...options });
    expect(options.waits()).toBe(0);
  });

  it('goes on when it comes up while it is waited for', async () => {
    const url = new URL(database.url('ingest_runtime'));
    const target = { host: '127.0.0.1', port: Number(url.port) };
    const port = await freePort();
    url.port = String(port);
    let proxy: Awaited<ReturnType<typeof startTcpProxy>> | undefined;
    const options = waiting(async (waits) => {
      if (waits === 3) proxy = await startTcpProxy({ target, port });
      return true;
    });
    await awaitDatabase({ url: url.href, ...options });
    expect(options.waits()).toBe(3);
    await proxy?.stop();
  });

  it('stays away too long: says for how long, what was kept and what to do', async () => {
    const url = `postgres://nobody@127.0.0.1:${await freePort()}/kvytok`;
    const options = waiting(() => true);
    await expect(awaitDatabase({ url, ...options, waitMsMax: 10_000 })).rejects.toMatchObject({
      code: 'DATABASE_AWAY',
      happened: expect.stringMatching(/for 1\d s: .*ECONNREFUSED/),
      todo: expect.stringContaining('KVYTOK_POSTGRES_URL'),
    });
    expect(options.waits()).toBeGreaterThan(5);
  });

  it('leaves a refusal that time does not heal to whoever asks next', async () => {
    const url = new URL(database.url('ingest_runtime'));
    url.password = 'wrong';
    const options = waiting(() => true);
    await awaitDatabase({ url: url.href, ...options });
    expect(options.waits()).toBe(0);
  });

  it('ends when it is told to stop', async () => {
    const url = `postgres://nobody@127.0.0.1:${await freePort()}/kvytok`;
    const options = waiting(() => false);
    await awaitDatabase({ url, ...options });
    expect(options.waits()).toBe(1);
  });
});

describe('a passing failure', () => {
  it.each([
    ['the server recovers', { code: '57P03' }, true, true],
    ['nobody listens', { code: 'ECONNREFUSED' }, true, true],
    ['the disk is full', { code: '53100' }, true, true],
    ['the connection broke', new Error('Connection terminated unexpectedly'), true, true],
    ['it is wrapped', new Error('turn failed', { cause: { code: '40001' } }), true, false],
    ['the way to it broke', { code: '08006' }, true, true],
    ['a message that the server cannot read', { code: '08P01' }, true, false],
    ['it took too long', { code: '57014' }, true, false],
    ['a wrong password', { code: '28P01' }, false, false],
    ['a missing table', { code: '42P01' }, false, false],
    ['a bug', new TypeError('x is undefined'), false, false],
  ])('%s', (_what, failure, passing, away) => {
    expect([isPassing(failure), isAway(failure)]).toEqual([passing, away]);
  });

  it('is that of a driver which waits for a server that stands still, or for a connection that others hold', async () => {
    const url = new URL(database.url('ingest_runtime'));
    const proxy = await startTcpProxy({ target: { host: '127.0.0.1', port: Number(url.port) } });
    proxy.turn({ kind: 'half-open' });
    const pool = new pg.Pool({ connectionString: url.href, max: 1 });
    const held = await pool.connect();
    pool.options.connectionTimeoutMillis = 100;
    url.port = String(proxy.port);
    const away = { connectionString: url.href, connectionTimeoutMillis: 100 };
    const stalled = new pg.Pool(away);
    try {
      const tries = [new pg.Client(away).connect(), stalled.connect(), pool.connect()];
      const failures = (await Promise.allSettled(tries)) as PromiseRejectedResult[];
      expect(failures.map(({ reason }) => isPassing(reason))).toEqual([true, true, true]);
    } finally {
      held.release();
      await Promise.all([pool.end(), stalled.end(), proxy.stop()]);
    }
  });
});
