/**
 * The folder of a PostgreSQL cluster: whose it is, where it may lie, how it is made, and how what a killed process
 * left behind is cleared away. PostgreSQL refuses to run as root, so root hands the cluster to another existing user.
 */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { syncFolder, writeFileAtomic } from './atomic-file.ts';
import { OperatorError } from './errors.ts';
import type { Logger } from './logger.ts';
import { canTraverse, makePublicFolder, type PostgresBinaries, type UnixUser } from './postgres-binaries.ts';

export const ADMIN_ROLE = 'kvytok_admin';
const MAJOR_VERSION = '18';
const INITDB_MS_MAX = 120_000;
const LOCATION_FILE = 'postgres-location';
const ADMIN_FILE = 'postgres-admin-password';

const run = promisify(execFile);

/** The only environment the server's programs get. */
export const SERVER_ENV = { LANG: 'C', LC_ALL: 'C' };

/** Who will run the server: ourselves, or as root the cluster's owner, else `postgres`, else `nobody`. */
export function chooseServerUser(
  clusterPath: string,
  passwd = readFileSync('/etc/passwd', 'utf8'),
): UnixUser {
  const users = passwd.split('\n').map((line) => line.split(':'));
  const find = (test: (fields: string[]) => boolean): UnixUser | undefined => {
    const fields = users.find(test);
    return fields && { name: fields[0] ?? '', uid: Number(fields[2]), gid: Number(fields[3]) };
  };
  const uid = process.getuid?.() ?? -1;
  if (uid !== 0) {
    const self = find((fields) => fields[2] === String(uid));
    return self ?? { name: String(uid), uid, gid: process.getgid?.() ?? -1 };
  }
  const owner = existsSync(clusterPath) ? statSync(clusterPath).uid : 0;
  const user =
    (owner === 0 ? undefined : find((fields) => fields[2] === String(owner))) ??
    find((fields) => fields[0] === 'postgres') ??
    find((fields) => fields[0] === 'nobody');
  if (user !== undefined) return user;
  throw new OperatorError({
    code: 'POSTGRES_NO_USER',
    happened:
      'PostgreSQL does not run as root, and this machine has neither a user postgres nor a user nobody.',
    kept: 'Nothing was changed.',
    todo: 'Start Kvytok as an ordinary user, or set KVYTOK_POSTGRES_URL to a PostgreSQL of your own.',
  });
}

/**
 * Where the cluster lies: `<data folder>/pg`, or, when the server's user cannot reach that (a checkout under /root, a
 * private temporary folder), a folder of the machine; the data folder then keeps a note of it.
 */
export function locateCluster(dataDir: string, machineFolder: string, log: Logger): string {
  const inside = join(dataDir, 'pg');
  const note = join(dataDir, LOCATION_FILE);
  if (existsSync(note)) return readFileSync(note, 'utf8').trim();
  if (existsSync(inside) || canTraverse(inside, chooseServerUser(inside))) return inside;
  const key = createHash('sha256').update(realpathSync(dataDir)).digest('hex').slice(0, 16);
  const outside = join(machineFolder, `${key}-${randomBytes(4).toString('hex')}`, 'pg');
  makePublicFolder(dirname(outside));
  writeFileAtomic(note, `${outside}\n`, { mode: 0o644 });
  const { name } = chooseServerUser(outside);
  log.info(
    { user: name, place: outside },
    'postgres.data-outside the data folder is closed to the database user',
  );
  return outside;
}

/** The superuser's password, made on the first call; only this launcher and the bootstrap use it. */
export function adminPassword(dataDir: string): string {
  const file = join(dataDir, ADMIN_FILE);
  if (!existsSync(file)) writeFileAtomic(file, `${randomBytes(24).toString('base64url')}\n`);
  return readFileSync(file, 'utf8').trim();
}

/**
 * Makes the cluster unless it is there. initdb works in a sibling folder that gets the final name in one step, so a
 * half-made cluster is never taken for a whole one.
 */
export async function ensureCluster(
  cluster: string,
  binaries: PostgresBinaries,
  user: UnixUser,
  password: string,
): Promise<'made' | 'found'> {
  const versionFile = join(cluster, 'PG_VERSION');
  if (existsSync(versionFile)) {
    checkVersion(cluster, readFileSync(versionFile, 'utf8').trim());
    return 'found';
  }
  if (existsSync(cluster)) setAside(cluster);
  const staging = `${cluster}.being-made`;
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { mode: 0o700 });
  const passwordFile = join(staging, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (process.getuid?.() === 0)
    for (const path of [staging, passwordFile]) chownSync(path, user.uid, user.gid);
  await runInitdb(binaries, user, join(staging, 'data'), passwordFile);
  renameSync(join(staging, 'data'), cluster);
  syncFolder(dirname(cluster));
  rmSync(staging, { recursive: true, force: true });
  return 'made';
}

async function runInitdb(
  binaries: PostgresBinaries,
  user: UnixUser,
  folder: string,
  passwordFile: string,
): Promise<void> {
  // The builtin provider sorts by code point, has right upper and lower case, and needs no locale of the machine.
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = ['--auth=scram-sha-256', `--username=${ADMIN_ROLE}`, `--pwfile=${passwordFile}`];
  try {
    await run(binaries.initdb, [`--pgdata=${folder}`, '--data-checksums', ...locale, ...access], {
      env: SERVER_ENV,
      cwd: '/',
      timeout: INITDB_MS_MAX,
      ...asUser(user),
    });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const place = dirname(dirname(folder));
    if (isDiskFull(place, `${stderr} ${message}`)) throw diskFull(place, error);
    throw new OperatorError({
      code: 'POSTGRES_NOT_MADE',
      happened: `The database folder could not be made: ${(stderr?.trim() || message).split('\n').slice(-4).join(' / ')}.`,
      kept: 'Nothing was there before, and nothing half-made is used.',
      todo: 'Mend the cause named above (often a full disk, or a user without a name in /etc/passwd) and start again.',
      cause: error,
    });
  }
}

/** A cluster and its first write-ahead log; initdb takes back what it wrote, so its words are looked at too. */
const CLUSTER_BYTES = 64 * 1024 * 1024;

function isDiskFull(folder: string, words: string): boolean {
  if (words.includes('No space left on device')) return true;
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize < CLUSTER_BYTES;
}

function diskFull(folder: string, cause: unknown): OperatorError {
  return new OperatorError({
    code: 'DISK_FULL',
    happened: `The disk of ${folder} is full: a database folder needs about ${CLUSTER_BYTES / 1024 / 1024} MiB.`,
    kept: 'Nothing was there before, and nothing half-made is used.',
    todo: 'Free some space, or name another folder with --data, and start again.',
    cause,
  });
}

/** uid and gid for a child process, when it is another user's. */
export function asUser(user: UnixUser): { uid?: number; gid?: number } {
  return process.getuid?.() === user.uid ? {} : { uid: user.uid, gid: user.gid };
}

function checkVersion(cluster: string, version: string): void {
  if (version === MAJOR_VERSION) return;
  throw new OperatorError({
    code: 'POSTGRES_OTHER_VERSION',
    happened: `The data in ${cluster} was made by PostgreSQL ${version}; this Kvytok brings ${MAJOR_VERSION}.`,
    kept: 'The data was left as it is.',
    todo: `Start the Kvytok that made it, or move the data over with PostgreSQL's own pg_upgrade.`,
  });
}

/** A folder without PG_VERSION holds no cluster; what is in it is kept under another name. */
function setAside(cluster: string): void {
  if (readdirSync(cluster).length === 0) rmdirSync(cluster);
  else renameSync(cluster, `${cluster}.not-a-cluster.${randomBytes(4).toString('hex')}`);
}

/**
 * Ends what a killed parent left: a postmaster and its backends still working in this folder. Call it only under the
 * data folder's lock, when nobody else can be using the cluster. Afterwards a stale postmaster.pid is removed, also
 * when its number now belongs to a stranger's process, which is left alone.
 */
export async function clearLeftovers(cluster: string, log: Logger, waitMsMax = 20_000): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const postmaster = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
  let left = serverProcesses(cluster);
  if (left.length > 0)
    log.warn({ pids: left }, 'postgres.leftover a server of an earlier run is being stopped');
  if (left.includes(postmaster)) signal([postmaster], 'SIGINT');
  const started = performance.now();
  let urged = false;
  while (left.length > 0) {
    const waitedMs = performance.now() - started;
    if (waitedMs > waitMsMax / 2 && !urged) {
      signal(left, 'SIGQUIT');
      urged = true;
    }
    if (waitedMs > waitMsMax) throw stillRunning(cluster, left);
    await delay(20);
    left = serverProcesses(cluster);
  }
  rmSync(pidFile, { force: true });
}

/** Pids of PostgreSQL processes whose working folder is this cluster. */
export function serverProcesses(cluster: string): number[] {
  const real = realpathSync(cluster);
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => isServerProcess(pid, real)).map(Number);
}

function isServerProcess(pid: string, cluster: string): boolean {
  try {
    const exe = basename(readlinkSync(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, '');
    return exe === 'postgres' && readlinkSync(`/proc/${pid}/cwd`) === cluster;
  } catch {
    return false; // it has ended, or it is another user's
  }
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // it has ended meanwhile
    }
  }
}

function stillRunning(cluster: string, pids: readonly number[]): OperatorError {
  return new OperatorError({
    code: 'POSTGRES_LEFTOVER',
    happened: `A PostgreSQL of an earlier run still works in ${cluster} (process ${pids.join(', ')}) and does not stop.`,
    kept: 'It was asked to stop, not killed; the data was left alone.',
    todo: `Look at these processes, end them, and start again.`,
  });
}
