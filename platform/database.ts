/**
 * Makes the database, its roles and schemas, and keeps the roles' passwords. Every step may be repeated: a start that
 * was interrupted anywhere is finished by the next.
 *
 * Owners cannot log in and hold the schemas; the migrator acts as an owner only while a migration runs; runtime roles
 * get what migrations grant them and nothing else. Nothing runs as superuser after this file is done.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { lockAloud, type OnWait } from './advisory-lock.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { OperatorError } from './errors.ts';
import { openClient } from './postgres.ts';

/** Roles under which services run. */
export const RUNTIME_ROLES = [
  'ingest_runtime',
  'fare_runtime',
  'portal_runtime',
  'office_runtime',
  'auditor_runtime',
  'backup_runtime',
  'enrolment_runtime',
  'broker_runtime',
] as const;
export type RuntimeRole = (typeof RUNTIME_ROLES)[number];

const MIGRATOR = 'kvytok_migrator';
/** May copy the whole cluster and its write-ahead log, and change nothing but its own watermark. */
const COPIES: RuntimeRole = 'backup_runtime';
/** Schema → owner. */
const SCHEMAS = { fare: 'fare_owner', ingest: 'ingest_owner', portal: 'portal_owner' } as const;
/** Roles belong to the whole server, advisory locks to a database: all who bootstrap a server meet in this one. */
const MEETING_DATABASE = 'postgres';
// Held there while one process bootstraps.
const ADVISORY_LOCK = 0x6b767962;

export interface BootstrapOptions {
  /** Address of a superuser, used here only. */
  readonly adminUrl: string;
  /** Name of the database to make, usually `kvytok`. */
  readonly database: string;
  /** JSON with the roles' passwords, mode 0600; made on the first start. */
  readonly secretsFile: string;
  /** Another process bootstraps this server, and this one waits for it. */
  readonly onWait?: OnWait;
  /** From when on that is said. */
  readonly sayAfterMs?: number;
}

export interface Database {
  /** Address for {@link migrate}. */
  readonly migratorUrl: string;
  /** Address for a service under its runtime role. */
  url(role: RuntimeRole): string;
}

type Passwords = Record<string, string>;

/**
 * Makes what is missing and hands out addresses.
 * @throws OperatorError SECRETS_UNREADABLE when the secrets file is damaged.
 */
export async function bootstrapDatabase(options: BootstrapOptions): Promise<Database> {
  const gate = await openMeeting(options.adminUrl);
  let admin: pg.Client | undefined;
  let passwords: Passwords;
  try {
    await lockAloud(gate, ADVISORY_LOCK, options.onWait, options.sayAfterMs);
    admin = await openBootstrap(options.adminUrl);
    // Under the lock: two first starts at once must not each make passwords of their own.
    passwords = readOrMakePasswords(options.secretsFile);
    await makeRoles(admin, passwords);
    await makeDatabase(admin, options.database);
    await makeSchemas(urlOf(options.adminUrl, options.database));
  } finally {
    try {
      await admin?.end();
    } finally {
      // Last, and whatever became of the other: with it the lock goes to whoever waits.
      await gate.end();
    }
  }
  const urlFor = (role: string): string =>
    urlOf(options.adminUrl, options.database, role, passwords[role] as string);
  return { migratorUrl: urlFor(MIGRATOR), url: urlFor };
}

/** Without a limit on its statements: they wait for whoever bootstraps just now, and a new database is as slow as the disk. */
function openBootstrap(url: string): Promise<pg.Client> {
  return openClient({ url, applicationName: 'kvytok-bootstrap', statementTimeoutMs: 0 });
}

/** Where the server has no such database, or lets nobody into it, those of one database meet at least. */
async function openMeeting(adminUrl: string): Promise<pg.Client> {
  try {
    return await openBootstrap(urlOf(adminUrl, MEETING_DATABASE));
  } catch (error) {
    if (!NO_MEETING.has((error as { code?: unknown }).code)) throw error;
    return openBootstrap(adminUrl);
  }
}

/** No such database, no right to connect, no line for it in pg_hba.conf, one that takes no connections, or no more of them. */
const NO_MEETING: ReadonlySet<unknown> = new Set(['3D000', '42501', '28000', '55000', '53300']);

async function makeRoles(admin: pg.Client, passwords: Passwords): Promise<void> {
  const { rows } = await admin.query<{ rolname: string }>('SELECT rolname FROM pg_roles');
  const present = new Set(rows.map((row) => row.rolname));
  const logins = [MIGRATOR, ...RUNTIME_ROLES];
  const owners = Object.values(SCHEMAS);
  const statements: string[] = [];
  for (const role of [...owners, ...logins]) {
    if (!present.has(role)) statements.push(`CREATE ROLE ${role}`);
  }
  for (const role of owners)
    statements.push(`ALTER ROLE ${role} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE`);
  for (const role of logins) {
    // The verifier goes over, not the password: no server log can ever show it.
    const verifier = scramVerifier(passwords[role] as string);
    const replication = role === COPIES ? 'REPLICATION' : 'NOREPLICATION';
    statements.push(
      `ALTER ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE ${replication} PASSWORD '${verifier}'`,
    );
  }
  for (const owner of owners)
    statements.push(`GRANT ${owner} TO ${MIGRATOR} WITH INHERIT FALSE, SET TRUE, ADMIN FALSE`);
  await admin.query(`BEGIN; ${statements.join('; ')}; COMMIT`);
}

async function makeDatabase(admin: pg.Client, database: string): Promise<void> {
  const name = pg.escapeIdentifier(database);
  const { rowCount } = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
  if (rowCount === 0) await admin.query(`CREATE DATABASE ${name}`);
  const roles = [MIGRATOR, ...RUNTIME_ROLES].join(', ');
  await admin.query(
    `BEGIN; REVOKE ALL ON DATABASE ${name} FROM PUBLIC; GRANT CONNECT ON DATABASE ${name} TO ${roles}; COMMIT`,
  );
}

async function makeSchemas(adminUrl: string): Promise<void> {
  const client = await openBootstrap(adminUrl);
  try {
    const statements = Object.entries({ ...SCHEMAS, platform: MIGRATOR }).map(
      ([schema, owner]) => `CREATE SCHEMA IF NOT EXISTS ${schema} AUTHORIZATION ${owner}`,
    );
    await client.query('SET client_min_messages = warning');
    await client.query(`BEGIN; ${statements.join('; ')}; REVOKE ALL ON SCHEMA public FROM PUBLIC; COMMIT`);
  } finally {
    await client.end();
  }
}

function readOrMakePasswords(file: string): Passwords {
  const known = existsSync(file) ? readPasswords(file) : {};
  const missing = [MIGRATOR, ...RUNTIME_ROLES].filter((role) => known[role] === undefined);
  if (missing.length === 0) return known;
  const passwords = { ...known };
  for (const role of missing) passwords[role] = randomBytes(24).toString('base64url');
  writeFileAtomic(file, `${JSON.stringify({ v: 1, passwords }, null, 2)}\n`);
  return passwords;
}

function readPasswords(file: string): Passwords {
  try {
    const parsed = JSON.parse(readFileSync(file, 'utf8')) as { v?: unknown; passwords?: unknown };
    if (parsed.v !== 1 || typeof parsed.passwords !== 'object' || parsed.passwords === null)
      throw new Error('not a secrets file of version 1');
    const entries = Object.entries(parsed.passwords);
    if (entries.some(([, password]) => typeof password !== 'string'))
      throw new Error('a password is not text');
    return Object.fromEntries(entries) as Passwords;
  } catch (error) {
    throw new OperatorError({
      code: 'SECRETS_UNREADABLE',
      happened: `The file with the database passwords, ${file}, cannot be read: ${(error as Error).message}.`,
      kept: 'The file and the database were left as they are.',
      todo: 'Restore the file from a backup, or delete it: new passwords are then made and set at the next start.',
      cause: error,
    });
  }
}

/** SCRAM-SHA-256 verifier as PostgreSQL stores it (RFC 5802, RFC 7677). */
export function scramVerifier(password: string): string {
  const iterations = 4096;
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const key = (label: string): Buffer => createHmac('sha256', salted).update(label).digest();
  const storedKey = createHash('sha256').update(key('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${key('Server Key').toString('base64')}`;
}

function urlOf(base: string, database: string, user?: string, password?: string): string {
  const url = new URL(base);
  url.pathname = `/${encodeURIComponent(database)}`;
  if (user !== undefined) url.username = user;
  if (password !== undefined) url.password = password;
  return url.href;
}
