/**
 * The peer for everything that ends in PostgreSQL: `pgbench`'s TPC-B-like transactions on the same server, where the
 * program is installed.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

export interface PgbenchResult {
  readonly transactionsPerSecond: number;
  readonly version: string;
}

export interface PgbenchOptions {
  /** Superuser's address; a database `pgbench` is made there. */
  readonly adminUrl: string;
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const DATABASE = 'pgbench';

/** Runs it with scale 10 and 8 clients; `undefined` where there is no pgbench. */
export async function runPgbench(options: PgbenchOptions): Promise<PgbenchResult | undefined> {
  const program = findPgbench(options.env['PATH'] ?? '');
  if (program === undefined) return undefined;
  const admin = new pg.Client({ connectionString: options.adminUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${DATABASE}`);
  await admin.end();
  const address = new URL(options.adminUrl);
  const env = {
    PGHOST: address.hostname,
    PGPORT: address.port,
    PGUSER: decodeURIComponent(address.username),
    PGPASSWORD: decodeURIComponent(address.password),
    PGDATABASE: DATABASE,
  };
  const call = (args: string[]) => run(program, args, { env, signal: options.signal });
  const { stdout: version } = await call(['--version']);
  await call(['-i', '-q', '-s', '10']);
  const { stdout } = await call(['-c', '8', '-j', '2', '-T', String(options.seconds)]);
  const tps = /^tps = ([0-9.]+)/m.exec(stdout);
  if (!tps) throw new Error(`pgbench printed no rate: ${stdout.slice(0, 200)}`);
  return { transactionsPerSecond: Number(tps[1]), version: version.trim() };
}

function findPgbench(path: string): string | undefined {
  return path
    .split(delimiter)
    .map((folder) => join(folder, 'pgbench'))
    .find((file) => existsSync(file));
}
