import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootstrapDatabase } from '#platform/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/embedded-postgres.ts';
import { createLogger } from '#platform/logger.ts';
import { migrate } from '#platform/migrate.ts';
import { CHILD_ENV } from '../../simulators/faults/child-process.ts';
import { secretOf } from '../broker/harness.ts';
import { tempFolder } from '../support/temp-folder.ts';
import type { TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { type City, INGEST_KEYS, recordsOf, startCity, type TestDevice } from './harness.ts';
import { createJournal, type Journal } from './journal.ts';

const CHILD = fileURLToPath(new URL('./ingest-child.ts', import.meta.url));
const folder = tempFolder('ingest');
const children = new Set<ChildProcess>();

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  folder.remove();
});

/** Starts ingest as a process; resolves when it listens. It may die at the probe before that. */
async function startChild(city: City, probe = ''): Promise<{ child: ChildProcess; ended: Promise<unknown> }> {
  const keyFile = join(folder.path, 'ingest.pem');
  const secretFile = join(folder.path, 'secret');
  writeFileSync(keyFile, INGEST_KEYS.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(secretFile, `${secretOf('ingest')}\n`, { mode: 0o600 });
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CHILD, probe], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...CHILD_ENV,
      KVYTOK_POSTGRES_URL: city.database.url('ingest_runtime'),
      KVYTOK_MQTT_URL: city.broker.broker.url,
      KVYTOK_INGEST_MQTT_SECRET_FILE: secretFile,
      KVYTOK_INGEST_KEY_FILE: keyFile,
      KVYTOK_INGEST_KEY_ID: 'c001',
      KVYTOK_CITY_DIR: join(import.meta.dirname, '../../cities/ternopil'),
    },
  });
  children.add(child);
  const ended = once(child, 'exit').then((how) => {
    children.delete(child);
    return how;
  });
  await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, 'data'), ended]);
  return { child, ended };
}

/** Every record of the journal in batches of five, each offered until its receipt has come. */
function offerAll(journal: Journal, device: TestDevice): Promise<unknown> {
  const offers: Promise<unknown>[] = [];
  for (let from = 1; from <= journal.records.length; from += 5) {
    const to = Math.min(from + 4, journal.records.length);
    offers.push(device.offer(journal.batch(from, to), to));
  }
  return Promise.all(offers);
}

async function expectExactlyOnce(city: City, journal: Journal): Promise<void> {
  const texts = journal.records.map(String);
  expect(await recordsOf(city, journal.deviceId)).toEqual({ records: texts, inbox: texts });
}

describe('ingest is killed while batches flow, and started again', () => {
  const rounds = ['ingest.before-commit', 'ingest.after-commit', 'ingest.after-receipt'].flatMap((point) =>
    [1, 3].map((nth) => `${point}:${nth}`),
  );
  let city: City;
  beforeAll(async () => {
    city = await startCity(rounds.map((_, i) => `val-${i}`));
  });
  afterAll(() => city?.stop());

  it.each(rounds.map((probe, i) => [probe, `val-${i}`] as const))('at %s', async (probe, deviceId) => {
    const journal = createJournal(deviceId);
    journal.addTaps(39);
    await city.register(journal);
    const device = await city.connectDevice(journal);
    const doomed = await startChild(city, probe);
    const offered = offerAll(journal, device);
    expect(await doomed.ended).toEqual([null, 'SIGKILL']);
    const healed = await startChild(city);
    await offered;
    await expectExactlyOnce(city, journal);
    for (const { ranges } of device.receipts) {
      for (const range of ranges)
        expect([range.status, range.head]).toEqual(['accepted', journal.hash(range.toSeq)]);
    }
    healed.child.kill('SIGTERM');
    expect(await healed.ended).toEqual([0, null]);
    const [row] = await city.query('SELECT * FROM ingest.published_device WHERE device_id = $1', [deviceId]);
    expect(row).toMatchObject({ records: '40', gaps: '0', unlinked: '0', forks: '0' });
    await device.stop();
  });
});

describe('the database goes away while batches flow, and comes back', () => {
  const dataFolder = tempFolder('ingest-pg');
  const log = createLogger({ component: 'postgres', level: 'silent' });
  let server: EmbeddedPostgres;
  let city: City;

  const start = (port?: number): Promise<EmbeddedPostgres> =>
    startEmbeddedPostgres({ dataDir: dataFolder.path, log, ...(port === undefined ? {} : { port }) });

  /** A server of our own, which may be stopped. */
  async function openOwn(): Promise<TestDatabase> {
    server = await start();
    const secretsFile = join(dataFolder.path, 'roles.json');
    const database = await bootstrapDatabase({ adminUrl: server.adminUrl, database: 'kvytok', secretsFile });
    const adminUrl = new URL(server.adminUrl);
    adminUrl.pathname = '/kvytok';
    return {
      adminUrl: adminUrl.href,
      migratorUrl: database.migratorUrl,
      name: 'kvytok',
      url: (role) => database.url(role),
      migrate: (sets) => migrate({ url: database.migratorUrl, sets, log }),
      close: async () => {
        await server.stop();
        dataFolder.remove();
      },
    };
  }

  beforeAll(async () => {
    city = await startCity(['val-1', 'val-2', 'val-3'], openOwn);
  });
  afterAll(() => city?.stop());

  it.each<[string, string, () => Promise<void>]>([
    ['stopped', 'val-1', () => server.stop()],
    ['killed', 'val-2', async () => void process.kill(server.pid, 'SIGKILL')],
  ])('%s', async (_name, deviceId, takeAway) => {
    const journal = createJournal(deviceId);
    journal.addTaps(199);
    await city.register(journal);
    const ingest = await city.startIngest({ limits: { groupBatchesMax: 2, lingerMs: 2 } });
    const device = await city.connectDevice(journal);
    const offered = offerAll(journal, device);
    await device.offer(journal.batch(1, 5), 5);
    const port = server.port;
    await takeAway();
    await device.publish(journal.batch(1, 5));
    await until(() => ingest.counts().unreceipted > 0, {
      what: 'a batch that the absent database did not take',
    });
    const { commits } = ingest.counts();
    await device.publish(journal.batch(1, 5));
    expect(ingest.counts().commits).toBe(commits);
    server = await start(port);
    await offered;
    await ingest.stop();
    const texts = journal.records.map(String);
    const looking = new pg.Client({ connectionString: city.database.adminUrl });
    await looking.connect();
    try {
      for (const table of ['ingest.record', 'fare.record_inbox']) {
        const { rows } = await looking.query(
          `SELECT record FROM ${table} WHERE device_id = $1 ORDER BY seq`,
          [deviceId],
        );
        expect(rows.map((row) => row.record)).toEqual(texts);
      }
    } finally {
      await looking.end();
    }
    expect(ingest.counts().unreceipted).toBeGreaterThan(0);
  });

  it('is told at the start when there is none', async () => {
    const port = server.port;
    await server.stop();
    await expect(city.startIngest()).rejects.toThrow();
    server = await start(port);
  });
});
