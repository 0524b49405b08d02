/**
 * Connections to PostgreSQL. int8 is read as bigint (money and counters are exact), on these pools only.
 */
import pg from 'pg';
import type { Logger } from './logger.ts';

export interface PoolOptions {
  readonly url: string;
  /** Shown in pg_stat_activity, e.g. `kvytok-ingest`. */
  readonly applicationName: string;
  /** Connections at most. */
  readonly max: number;
  /** The server ends a statement after this time; 0 = never. 30 s by default. */
  readonly statementTimeoutMs?: number;
  /** Looks at each new connection before anybody gets it; what it throws refuses the connection. */
  readonly verify?: (client: pg.ClientBase) => Promise<void>;
  /** Told when an idle connection breaks; the pool opens a new one by itself. */
  readonly log?: Logger;
}

const INT8 = 20;
const INT8_ARRAY = 1016;
const STATEMENT_TIMEOUT_MS = 30_000;
const CONNECT_MS_MIN = 10_000;

const bigintTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === INT8 && format !== 'binary') return (text: string) => BigInt(text);
    if (oid === INT8_ARRAY && format !== 'binary') return parseBigintArray;
    return pg.types.getTypeParser(oid, format);
  },
} as pg.CustomTypesConfig;

function parseBigintArray(text: string): (bigint | null)[] {
  const inner = text.slice(1, -1);
  if (inner === '') return [];
  return inner.split(',').map((item) => (item === 'NULL' ? null : BigInt(item)));
}

/**
 * How long a connection is waited for, a pool's that is in use too: as long as an answer may take. A machine that stands still
 * does so while somebody connects, too, and who has a connection may keep it for the length of a statement.
 */
function connectMsMax(statementMs: number): number {
  return statementMs === 0 ? STATEMENT_TIMEOUT_MS : Math.max(CONNECT_MS_MIN, statementMs);
}

/** Settings for one connection outside a pool (LISTEN, migrations), with the same types as {@link createPool}. */
export function clientConfig(options: Omit<PoolOptions, 'max' | 'log' | 'verify'>): pg.ClientConfig {
  const statementMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  return {
    connectionString: options.url,
    application_name: options.applicationName,
    statement_timeout: statementMs,
    idle_in_transaction_session_timeout: 60_000,
    connectionTimeoutMillis: connectMsMax(statementMs),
    keepAlive: true,
    types: bigintTypes,
  };
}

/** What the driver says of a connection that did not come about in time; there is no code. */
export const CONNECT_TIMED_OUT = 'timeout expired';
const CONNECT_TRIES = 3;

/**
 * A connection outside a pool, made. A server that is held up just then, or a process of ours, is no reason to give up a start:
 * only a refusal is, or silence so many times.
 */
export async function openClient(
  options: Omit<PoolOptions, 'max' | 'log' | 'verify'>,
  waitMsMax?: number,
): Promise<pg.Client> {
  const config = clientConfig(options);
  if (waitMsMax !== undefined) config.connectionTimeoutMillis = waitMsMax;
  for (let tries = 1; ; tries++) {
    const client = new pg.Client(config);
    // What breaks it later is told by the query that meets it.
    client.on('error', () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (tries === CONNECT_TRIES || (error as Error).message !== CONNECT_TIMED_OUT) throw error;
    }
  }
}

/** Makes a pool. Nothing connects before the first query. End it with `pool.end()`. */
export function createPool(options: PoolOptions): pg.Pool {
  const { verify } = options;
  const pool = new pg.Pool({
    ...clientConfig(options),
    max: options.max,
    idleTimeoutMillis: 30_000,
    ...(verify && { verify: (client, done) => void verify(client).then(() => done(), done) }),
  });
  // Without a listener a server restart would end the process; the next query reports the trouble anyway.
  pool.on('error', (err) => {
    if (!pool.ending) options.log?.warn({ err: err.message }, 'postgres.connection-lost');
  });
  // The pool takes its own listener off before the borrower can put one on; a server that stops just then must not
  // end the process either.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/**
 * Runs `work` in one transaction: COMMIT when it returns, ROLLBACK when it throws (the error is thrown on). When the
 * connection breaks during COMMIT nobody knows the outcome: the error is thrown and the caller must be idempotent.
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      broken ??= rollbackError;
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken ?? false);
  }
}
