import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '#platform/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/embedded-postgres.ts';
import { createLogger } from '#platform/logger.ts';
import { binariesFor, canTraverse, findPostgresBinaries } from '#platform/postgres-binaries.ts';
import { chooseServerUser, serverProcesses } from '#platform/postgres-cluster.ts';
import { freePort } from '../support/free-port.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const isRoot = userInfo().uid === 0;
// Some containers forbid root to mount.
const canMount = isRoot && spawnSync('unshare', ['--mount', 'true']).status === 0;
const lines: string[] = [];
const log = createLogger({ component: 'test', level: 'info', write: (line) => lines.push(line) });
const folder = tempFolder('embedded');
const cleanups: (() => unknown)[] = [];
let number = 0;

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
  lines.length = 0;
});
afterAll(() => folder.remove());

function newDataDir(): string {
  const path = join(folder.path, `data-${++number}`);
  mkdirSync(path, { mode: 0o711 });
  return path;
}

async function start(dataDir: string, more: { port?: number } = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, log, ...more });
  cleanups.push(() => server.stop());
  return server;
}

/** Of a cluster that was made and stopped: to make one takes longer than most tests, so they begin with copies. */
let pattern: string | undefined;

async function dataDirWithCluster(): Promise<string> {
  if (pattern === undefined) {
    const dataDir = newDataDir();
    await (await startEmbeddedPostgres({ dataDir, log })).stop();
    pattern = dataDir;
  }
  const copy = newDataDir();
  // A cluster that lies elsewhere, since its user cannot reach these folders, is not in what is copied.
  if (existsSync(join(pattern, 'pg'))) execFileSync('cp', ['-a', `${pattern}/.`, copy]);
  return copy;
}

async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    const result = await client.query(sql);
    return (Array.isArray(result) ? result.at(-1) : result).rows;
  } finally {
    await client.end();
  }
}

interface Program {
  readonly child: ChildProcess;
  readonly said: { pid: number; adminUrl: string; port: number; error?: string };
}

const CHECKOUT = join(import.meta.dirname, '../..');
const PROGRAM = 'tests/platform/programs/start-postgres.ts';

/** The launcher's program under this Node; `root` is where the checkout is seen. */
function programIn(root: string, dataDir: string): string[] {
  const node = join(root, relative(CHECKOUT, process.execPath));
  return [node, '--disable-warning=ExperimentalWarning', join(root, PROGRAM), dataDir];
}

/**
 * The same for another user, who need not be able to reach a checkout in a private folder: in a mount namespace of its
 * own the checkout is also seen in a place that everybody may pass through. It vanishes with the process.
 */
function programOf(user: { uid: number; gid: number }, dataDir: string): string[] {
  const seenAt = join(folder.path, `checkout-${++number}`);
  mkdirSync(seenAt, { mode: 0o755 });
  const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  const asUser = ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  return [
    'unshare',
    '--mount',
    'sh',
    '-c',
    script,
    'sh',
    CHECKOUT,
    seenAt,
    ...asUser,
    ...programIn(seenAt, dataDir),
  ];
}

/** The same launcher in a process of its own, optionally of another user. */
async function startInProcess(dataDir: string, user?: { uid: number; gid: number }): Promise<Program> {
  const [file, ...args] = user === undefined ? programIn(CHECKOUT, dataDir) : programOf(user, dataDir);
  const child = spawn(file as string, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  cleanups.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.stdin?.write('stop\n');
    await gone;
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the launcher ended with ${code} and said nothing`);
  });
  ended.catch(() => {}); // It ends in any case, usually after its line.
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
  return { child, said: JSON.parse(line) };
}

async function kill9(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

describe('the embedded PostgreSQL', () => {
  test('is a real PostgreSQL 18 that keeps its data, fsyncs, has checksums, and listens on loopback alone', async () => {
    const dataDir = newDataDir();
    const first = await start(dataDir);
    await ask(first.adminUrl, 'CREATE TABLE kept AS SELECT 42 AS n');
    const settings = await ask(
      first.adminUrl,
      `SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('fsync') AS fsync,
       current_setting('data_checksums') AS checksums, current_setting('listen_addresses') AS listens,
       current_setting('unix_socket_directories') AS sockets, current_setting('password_encryption') AS auth`,
    );
    expect(settings).toEqual([
      { major: 18, fsync: 'on', checksums: 'on', listens: '127.0.0.1', sockets: '', auth: 'scram-sha-256' },
    ]);
    await first.stop();
    await first.stop();
    const second = await start(dataDir);
    expect(await ask(second.adminUrl, 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
  });

  test('wants the password', async () => {
    const server = await start(await dataDirWithCluster());
    const url = new URL(server.adminUrl);
    url.password = 'guess';
    await expect(ask(url.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  });

  test('gets nothing of our environment but the language', async () => {
    process.env['KVYTOK_TEST_MARK'] = 'zebra';
    cleanups.push(() => void delete process.env['KVYTOK_TEST_MARK']);
    const server = await start(await dataDirWithCluster());
    const environment = readFileSync(`/proc/${server.pid}/environ`, 'utf8')
      .split('\0')
      .filter(Boolean)
      .sort();
    expect(environment.filter((entry) => !/^(LANG|LC_\w+|PG\w+)=/.test(entry))).toEqual([]);
  });

  test('a given port that is taken is told, and nothing is left running', async () => {
    const dataDir = await dataDirWithCluster();
    const port = await freePort();
    const squatter = createServer().listen(port, '127.0.0.1');
    await once(squatter, 'listening');
    cleanups.push(() => void squatter.close());
    await expect(start(dataDir, { port })).rejects.toMatchObject({ code: 'POSTGRES_PORT_IN_USE' });
    expect(serverProcesses(join(dataDir, 'pg'))).toEqual([]);
  });

  test('a half-made cluster of an interrupted start is healed', async () => {
    const dataDir = newDataDir();
    mkdirSync(join(dataDir, 'pg.being-made/data/base'), { recursive: true });
    mkdirSync(join(dataDir, 'pg'));
    writeFileSync(join(dataDir, 'pg/something'), 'foreign');
    const server = await start(dataDir);
    expect(await ask(server.adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(existsSync(join(dataDir, 'pg.being-made'))).toBe(false);
  });

  test('data of another PostgreSQL is left alone', async () => {
    const dataDir = newDataDir();
    mkdirSync(join(dataDir, 'pg'));
    writeFileSync(join(dataDir, 'pg/PG_VERSION'), '17\n');
    await expect(start(dataDir)).rejects.toMatchObject({ code: 'POSTGRES_OTHER_VERSION' });
    expect(readFileSync(join(dataDir, 'pg/PG_VERSION'), 'utf8')).toBe('17\n');
  });

  test('a damaged cluster is told with the end of the server’s own log', async () => {
    const dataDir = await dataDirWithCluster();
    rmSync(join(dataDir, 'pg/global/pg_control'));
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'POSTGRES_NOT_STARTED',
      happened: expect.stringContaining('pg_control'),
    });
  });
});

describe('after a kill -9', () => {
  test('of the server, the next start recovers every committed row', async () => {
    const dataDir = await dataDirWithCluster();
    const first = await start(dataDir);
    await ask(first.adminUrl, 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n');
    process.kill(first.pid, 'SIGKILL');
    await until(() => lines.some((line) => line.includes('postgres.died')), {
      what: 'the launcher to notice',
    });
    const second = await start(dataDir);
    expect(await ask(second.adminUrl, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 1000 }]);
  });

  test('of its parent, the server left behind is stopped and another takes over without loss', async () => {
    const dataDir = await dataDirWithCluster();
    const { child, said } = await startInProcess(dataDir);
    await ask(said.adminUrl, 'CREATE TABLE kept AS SELECT 7 AS n');
    await kill9(child);
    expect(serverProcesses(join(dataDir, 'pg'))).toContain(said.pid);
    const server = await start(dataDir);
    expect(server.pid).not.toBe(said.pid);
    expect(await ask(server.adminUrl, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
    expect(lines.join('')).toContain('postgres.leftover');
    expect(serverProcesses(join(dataDir, 'pg'))).not.toContain(said.pid);
  });

  test('a pid file whose number now belongs to a stranger neither stops the start nor hurts the stranger', async () => {
    const dataDir = await dataDirWithCluster();
    const stranger = spawn('sleep', ['3600'], { stdio: 'ignore' });
    cleanups.push(() => void stranger.kill('SIGKILL'));
    await once(stranger, 'spawn');
    writeFileSync(
      join(dataDir, 'pg/postmaster.pid'),
      `${stranger.pid}\n${dataDir}/pg\n0\n5432\n\n127.0.0.1\n`,
    );
    const server = await start(dataDir);
    expect(await ask(server.adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(stranger.exitCode).toBeNull();
    expect(stranger.signalCode).toBeNull();
  });

  test('a bootstrap that lost a role’s rights half-way is finished by the next, also where `postgres` takes no connections', async () => {
    const dataDir = await dataDirWithCluster();
    const { adminUrl } = await start(dataDir);
    const options = { adminUrl, database: 'kvytok', secretsFile: join(dataDir, 'roles.json') };
    const first = await bootstrapDatabase(options);
    await ask(adminUrl, 'REVOKE fare_owner FROM kvytok_migrator; ALTER ROLE fare_runtime NOLOGIN');
    await bootstrapDatabase(options);
    await ask(first.migratorUrl, 'BEGIN; SET LOCAL ROLE fare_owner; ROLLBACK; SELECT 1');
    expect(await ask(first.url('fare_runtime'), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    // Those who bootstrap meet in `postgres`, and where that takes no connections in the database that they come from.
    const theirs = Object.assign(new URL(adminUrl), { pathname: '/kvytok' }).href;
    await ask(theirs, 'ALTER DATABASE postgres ALLOW_CONNECTIONS false');
    expect((await bootstrapDatabase({ ...options, adminUrl: theirs })).migratorUrl).toBe(first.migratorUrl);
  });

  test('when the file with the passwords is lost, new ones are made and set', async () => {
    const dataDir = await dataDirWithCluster();
    const { adminUrl } = await start(dataDir);
    const options = { adminUrl, database: 'kvytok', secretsFile: join(dataDir, 'roles.json') };
    const old = await bootstrapDatabase(options);
    rmSync(options.secretsFile);
    const renewed = await bootstrapDatabase(options);
    expect(await ask(renewed.url('fare_runtime'), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await expect(ask(old.url('fare_runtime'), 'SELECT 1')).rejects.toThrow(/password/);
  });
});

describe.skipIf(!isRoot)('started by root', () => {
  test('the server runs under another, existing user who owns its folder', async () => {
    const dataDir = newDataDir();
    const server = await start(dataDir);
    const user = chooseServerUser(join(dataDir, 'pg'));
    expect(user.uid).not.toBe(0);
    expect(statSync(`/proc/${server.pid}`).uid).toBe(user.uid);
    expect(statSync(join(dataDir, 'pg')).uid).toBe(user.uid);
    expect(statSync(dataDir).uid).toBe(0);
  });

  test('without a user postgres, nobody runs it; without either it is told', () => {
    const passwd = 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n';
    expect(chooseServerUser('/nonexistent', passwd)).toEqual({ name: 'nobody', uid: 65534, gid: 65534 });
    expect(() => chooseServerUser('/nonexistent', 'root:x:0:0::/root:/bin/sh\n')).toThrow(
      expect.objectContaining({ code: 'POSTGRES_NO_USER' }),
    );
  });

  test('a data folder closed to that user keeps a note of where the cluster lies instead', async () => {
    const closed = newDataDir();
    chmodSync(closed, 0o700);
    const dataDir = join(closed, 'data');
    mkdirSync(dataDir);
    const machineFolders = { cache: join(folder.path, 'cache'), data: join(folder.path, 'machine') };
    const open = async (): Promise<EmbeddedPostgres> =>
      startEmbeddedPostgres({ dataDir, log, machineFolders });
    const first = await open();
    await ask(first.adminUrl, 'CREATE TABLE kept AS SELECT 3 AS n');
    await expect(open()).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' });
    await first.stop();
    const note = readFileSync(join(dataDir, 'postgres-location'), 'utf8').trim();
    expect(note.startsWith(machineFolders.data)).toBe(true);
    expect(lines.filter((line) => line.includes('postgres.data-outside'))).toHaveLength(1);
    const second = await open();
    cleanups.push(() => second.stop());
    expect(await ask(second.adminUrl, 'SELECT n FROM kept')).toEqual([{ n: 3 }]);
  });

  test('binaries that user cannot reach are copied once, for root alone to change, and mended when damaged', async () => {
    const closed = newDataDir();
    chmodSync(closed, 0o700);
    const user = { name: 'nobody', uid: 65534, gid: 65534 };
    const real = findPostgresBinaries();
    expect(canTraverse(join(closed, 'x'), user)).toBe(false);
    // The real files under a path that the user cannot pass.
    cpSync(real.root, join(closed, 'native'), { recursive: true, verbatimSymlinks: true });
    const hidden = { ...real, root: join(closed, 'native'), postgres: join(closed, 'native/bin/postgres') };
    const cache = join(folder.path, 'cache-2');
    const first = binariesFor(user, hidden, cache);
    expect(first.copied).toBe(true);
    expect(canTraverse(first.binaries.postgres, user)).toBe(true);
    expect(statSync(first.binaries.root)).toMatchObject({ uid: 0 });
    expect(statSync(first.binaries.postgres).mode & 0o777).toBe(0o755);
    expect(binariesFor(user, hidden, cache).copied).toBe(false);
    writeFileSync(first.binaries.postgres, '');
    expect(binariesFor(user, hidden, cache).copied).toBe(true);
    expect(statSync(first.binaries.postgres).size).toBe(statSync(real.postgres).size);
  });

  test('an ordinary user starts and stops it too, and root then goes on with that user’s folder', async () => {
    const owner = { uid: 65534, gid: 65534 };
    const dataDir = newDataDir();
    chownSync(dataDir, owner.uid, owner.gid);
    const { child, said } = await startInProcess(dataDir, owner);
    expect(said.error).toBeUndefined();
    expect(statSync(`/proc/${said.pid}`).uid).toBe(owner.uid);
    await ask(said.adminUrl, 'CREATE TABLE kept AS SELECT 5 AS n');
    const gone = once(child, 'exit');
    child.stdin?.write('stop\n');
    await gone;
    const server = await start(dataDir);
    expect(statSync(`/proc/${server.pid}`).uid).toBe(owner.uid);
    expect(await ask(server.adminUrl, 'SELECT n FROM kept')).toEqual([{ n: 5 }]);
  });

  test.skipIf(!canMount)(
    'a full disk is told, leaves nothing half-made, and with more space the next start works',
    async () => {
      const dataDir = newDataDir();
      const program = join(import.meta.dirname, 'programs/start-postgres.ts');
      const start = `echo stop | "${process.execPath}" --disable-warning=ExperimentalWarning "${program}" "${dataDir}"`;
      // A mount of its own namespace: it vanishes with the shell.
      const script = `mount -t tmpfs -o size=16m,mode=711 tmpfs "${dataDir}" && { ${start}; ls "${dataDir}"; mount -o remount,size=300m "${dataDir}"; ${start}; }`;
      const child = spawn('unshare', ['--mount', 'sh', '-c', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      cleanups.push(() => void child.kill('SIGKILL'));
      const stdout = await text(child.stdout);
      const answers = stdout.split('\n').filter((line) => line.startsWith('{'));
      expect(answers[0]).toContain('DISK_FULL');
      expect(stdout.split('\n')).not.toContain('pg');
      expect(JSON.parse(answers[1] ?? '{}')).toMatchObject({ pid: expect.any(Number) });
    },
  );

  test('a user without a name is told why it does not work', async () => {
    const owner = { uid: 54321, gid: 54321 };
    const dataDir = newDataDir();
    chownSync(dataDir, owner.uid, owner.gid);
    const { said } = await startInProcess(dataDir, owner);
    expect(said.error).toContain('POSTGRES_NOT_MADE');
    expect(said.error).toContain('/etc/passwd');
  });
});
