/** The machine as the doctor sees it; a port, so that a test can be ill at will. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { createLogger } from '#platform/logger.ts';
import { clientConfig } from '#platform/postgres.ts';
import { findPostgresBinaries } from '#platform/postgres-binaries.ts';
import { readSecretFile } from '#platform/secret-files.ts';
import { requireTransactionOrder } from '../../fare-engine/adapters/transaction-order.ts';
import { probeBrokerAt } from '../../ingest/adapters/probe-broker.ts';
import type { BrokerCheck } from '../../ingest/broker-check.ts';
import { BROKER_NEEDS } from '../../ingest/config.ts';

export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly nodeVersion: string;
  readonly cores: number;
  readonly memoryTotalBytes: number;
  readonly memoryFreeBytes: number;
  /** Free bytes where the data would lie. */
  diskFreeBytes(path: string): Promise<number>;
  /** Full path of a program, if it is on the PATH. */
  program(name: string): Promise<string | undefined>;
  exists(path: string): Promise<boolean>;
  /** What `postgres --version` of the npm package prints; throws when it is missing or does not run. */
  postgresVersion(): Promise<string>;
  /** Loads the PC/SC module; throws when it is missing or does not load. */
  loadSmartcard(): Promise<void>;
  /** Whether a loopback port can be listened on. */
  portFree(port: number): Promise<boolean>;
  /** What the broker named by the environment lacks; undefined when none is named. */
  checkBroker(): Promise<BrokerCheck | 'unreachable' | undefined>;
  /** Throws when the database named by the environment is away or not fit; false when none is named. */
  checkDatabase(): Promise<boolean>;
  /** Names of debian-packages.txt that are missing; undefined where there is no dpkg. */
  missingPackages(): Promise<string[] | undefined>;
}

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');

/** This very machine. */
export function thisMachine(env: Readonly<Record<string, string | undefined>>): Machine {
  return {
    platform: process.platform,
    arch: process.arch,
    nodeVersion: process.versions.node,
    cores: availableParallelism(),
    memoryTotalBytes: totalmem(),
    memoryFreeBytes: freemem(),
    diskFreeBytes: async (path) => {
      const { bavail, bsize } = await statfs(await nearestExisting(resolve(path)));
      return bavail * bsize;
    },
    program: (name) => findProgram(name, env['PATH'] ?? ''),
    exists,
    postgresVersion: async () => {
      const { stdout } = await run(findPostgresBinaries().postgres, ['--version'], {
        timeout: 60_000,
        env: {},
      });
      return stdout.trim();
    },
    loadSmartcard: async () => void (await import('smartcard' as string)),
    portFree,
    checkBroker: () => checkBroker(env),
    checkDatabase: () => checkDatabase(env['KVYTOK_DOCTOR_POSTGRES_URL']),
    missingPackages,
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function nearestExisting(path: string): Promise<string> {
  return (await exists(path)) || path === dirname(path) ? path : nearestExisting(dirname(path));
}

async function findProgram(name: string, path: string): Promise<string | undefined> {
  // Service programs live in sbin, which is not on everyone's PATH.
  for (const folder of [...path.split(delimiter), '/usr/sbin', '/sbin']) {
    const candidate = join(folder, name);
    const runs = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder !== '' && runs) return candidate;
  }
  return undefined;
}

async function portFree(port: number): Promise<boolean> {
  const { promise, resolve: answer } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => answer(false));
  server.listen(port, '127.0.0.1', () => server.close(() => answer(true)));
  return promise;
}

/** How long a broker may take to answer at all. */
const BROKER_MS_MAX = 10_000;

async function checkBroker(
  env: Readonly<Record<string, string | undefined>>,
): Promise<BrokerCheck | 'unreachable' | undefined> {
  const {
    KVYTOK_MQTT_URL: url,
    KVYTOK_DOCTOR_CLIENT_ID: clientId,
    KVYTOK_DOCTOR_MQTT_SECRET_FILE: file,
  } = env;
  if (url === undefined || clientId === undefined || file === undefined) return undefined;
  const log = createLogger({ component: 'doctor', level: 'silent' });
  return probeBrokerAt({ url, clientId, secret: readSecretFile(file), log }, BROKER_NEEDS, BROKER_MS_MAX);
}

async function checkDatabase(url: string | undefined): Promise<boolean> {
  if (url === undefined) return false;
  const client = new pg.Client(clientConfig({ url, applicationName: 'kvytok-doctor' }));
  client.on('error', () => {});
  try {
    await client.connect();
    await requireTransactionOrder(client);
  } finally {
    await client.end().catch(() => {});
  }
  return true;
}

async function missingPackages(): Promise<string[] | undefined> {
  const list = await readFile(join(ROOT, 'scripts/debian-packages.txt'), 'utf8');
  const names = list
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((name) => name !== '');
  if ((await findProgram('dpkg-query', process.env['PATH'] ?? '')) === undefined) return undefined;
  const states = await Promise.all(
    names.map((name) =>
      // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholder
      run('dpkg-query', ['-W', '-f=${db:Status-Status}', name]).then(
        ({ stdout }) => stdout === 'installed',
        () => false,
      ),
    ),
  );
  return names.filter((_name, index) => !states[index]);
}
