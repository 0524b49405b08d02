/**
 * A role that comes up while its database is away or still recovering (after a power cut both come up at once) waits
 * for it, rather than ending and leaving the waiting to whoever supervises it.
 */
import pg from 'pg';
import { backoffMs } from './backoff.ts';
import { OperatorError } from './errors.ts';
import type { Logger } from './logger.ts';
import { CONNECT_TIMED_OUT, clientConfig } from './postgres.ts';

export interface DatabaseWait {
  readonly url: string;
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Resolves after the time, or when it was told to stop; `false` = stop waiting. */
  readonly wait: (ms: number) => Promise<boolean>;
  /** Chance for the waits between tries, 0 ≤ x < 1. */
  readonly chance: () => number;
  /** How long the database may be away; two minutes by default. */
  readonly waitMsMax?: number;
}

const WAIT_MS_MAX = 120_000;
const BETWEEN = { firstMs: 200, maxMs: 2000 };
/** For one try, which a stop cannot end; who was too slow is asked again. */
const TRY_MS_MAX = 10_000;

// The transaction was rolled back for the sake of another one, or took too long: the rows are sound, unless it is so each time.
const PASSING_STATES = new Set(['40001', '40P01', '23505', '25P03', '57014']);

/**
 * What the driver says, without a code, of a connection that broke, of one that did not come about in time, and of a pool whose
 * connections were all in use for too long: a machine that stands still for some seconds brings about each of them.
 */
const PASSING_WORDS = ['Connection terminated', CONNECT_TIMED_OUT, 'timeout exceeded when trying to connect'];

/** The server is stopping, starting, full, or has no room for one more: whatever it is asked, now it would not do it. */
const AWAY_STATES = new Set(['57P01', '57P02', '57P03', '53100', '53300']);
/** The way to it is broken. Of the many other codes of this form some are our own mistakes: 08P01 is a message that has no form. */
const AWAY_CODE =
  /^(08(?!P01)...|E(CONN(REFUSED|RESET|ABORTED)|PIPE|TIMEDOUT|HOST(UNREACH|DOWN)|NET(UNREACH|DOWN)|NOTFOUND|AI_AGAIN))$/;

/** Whether an error speaks of the database's state (away, stopping, recovering, full, slow) and not of what was asked. */
export function isPassing(failure: unknown): boolean {
  if (isAway(failure)) return true;
  const { code = '' } = causeOf(failure);
  return PASSING_STATES.has(code) || ['08', '53', 'E'].some((sort) => code.startsWith(sort));
}

/** Whether the database was not there for what was asked: however often that is so, it says nothing about what was asked. */
export function isAway(failure: unknown): boolean {
  const { code, message } = causeOf(failure);
  if (code === undefined) return PASSING_WORDS.some((words) => message.includes(words));
  return AWAY_STATES.has(code) || AWAY_CODE.test(code);
}

function causeOf(failure: unknown): { readonly code: string | undefined; readonly message: string } {
  const { code, message } = ((failure as Error).cause ?? failure) as { code?: unknown; message?: unknown };
  return { code: typeof code === 'string' ? code : undefined, message: String(message) };
}

/**
 * Returns when the database answers, or refuses for a reason that time does not heal (a wrong password, a missing
 * database): whoever asks next then hears that reason. Also when waiting was given up.
 * @throws OperatorError DATABASE_AWAY when it stays away too long.
 */
export async function awaitDatabase(options: DatabaseWait): Promise<void> {
  const beganMs = options.nowMs();
  for (let failures = 1; ; failures++) {
    const failure = await refusalOf(options.url);
    if (failure === null || !isPassing(failure)) return;
    const err = (failure as Error).message || String((failure as { code?: unknown }).code);
    const awayMs = options.nowMs() - beganMs;
    if (awayMs >= (options.waitMsMax ?? WAIT_MS_MAX)) throw away(err, awayMs, failure);
    if (failures === 1) options.log.warn({ err }, 'postgres.awaited');
    if (!(await options.wait(backoffMs(BETWEEN, failures, options.chance()) + 50))) return;
  }
}

async function refusalOf(url: string): Promise<unknown> {
  const client = new pg.Client(
    clientConfig({ url, applicationName: 'kvytok-await', statementTimeoutMs: TRY_MS_MAX }),
  );
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return null;
  } catch (error) {
    return error;
  } finally {
    await client.end().catch(() => {});
  }
}

function away(err: string, awayMs: number, cause: unknown): OperatorError {
  return new OperatorError({
    code: 'DATABASE_AWAY',
    happened: `The database did not answer for ${Math.round(awayMs / 1000)} s: ${err}.`,
    kept: 'Nothing was begun; validators keep what they record until it is back.',
    todo: 'Start PostgreSQL, or mend KVYTOK_POSTGRES_URL, and start this role again.',
    cause,
  });
}
