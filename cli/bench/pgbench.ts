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

/** Its tables on a server, filled. */
export interface Pgbench {
  readonly version: string;
  /** Transactions a second of a run. */
  run(seconds: number): Promise<number>;
}

export interface PgbenchOptions {
  /** Superuser's address; a database `pgbench` is made there. */
  readonly adminUrl: string;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const DATABASE = 'pgbench';

/** Runs it once with scale 10 and 8 clients; `undefined` where there is no pgbench. */
export async function runPgbench({
  seconds,
  ...where
}: PgbenchOptions & { readonly seconds: number }): Promise<PgbenchResult | undefined> {
  const peer = await preparePgbench(where);
  return peer && { version: peer.version, transactionsPerSecond: await peer.run(seconds) };
}

/** Fills its tables at scale 10, for runs with 8 clients; `undefined` where there is no pgbench. */
export async function preparePgbench(options: PgbenchOptions): Promise<Pgbench | undefined> {
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
  return {
    version: version.trim(),
    async run(seconds) {
      const { stdout } = await call(['-c', '8', '-j', '2', '-T', String(seconds)]);
      const tps = /^tps = ([0-9.]+)/m.exec(stdout);
      if (!tps) throw new Error(`pgbench printed no rate: ${stdout.slice(0, 200)}`);
      return Number(tps[1]);
    },
  };
}

function findPgbench(path: string): string | undefined {
  return path
    .split(delimiter)
    .map((folder) => join(folder, 'pgbench'))
    .find((file) => existsSync(file));
}
