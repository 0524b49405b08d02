/**
 * Keeps the city's sums: moves the line of `fare.sum_fold` on, and adds what transactions between the old and the new line wrote.
 * A step is one transaction and bounded; one engine makes it (an advisory lock), and the line is moved only from where the
 * step began, so nothing is added twice whoever dies and whoever believes to lead (0159).
 */
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Clock } from '#platform/clock.ts';
import { inTransaction } from '#platform/postgres.ts';
import type { FareEngineLimits } from '../config.ts';
import type { Task } from '../worker.ts';
import { createLeaderLock } from './leader-lock.ts';

/** Advisory lock of the one that keeps sums. */
const FOLDER_LOCK = 0x6b76_7375;
/** Rests after a step that has more behind it, in lengths of that step: while rows wait to be priced, and while none do. */
const REST = { busy: 9, calm: 0.25 };
/** Between two words to the server that a step is to end: one that comes between two statements is not heard. */
const CANCEL_EVERY_MS = 100;

export interface SumFolder {
  /**
   * Takes in what some `leavesMax` leaves of the audit log stand for, and the rest of the last one's transaction. Returns whether more
   * may be behind it; `false` where another leads.
   */
  turn(leavesMax: number): Promise<boolean>;
  /** Whether more than so many rows wait to be priced. */
  postingWaits(rows: number): Promise<boolean>;
  /**
   * Ends the step under way, which is undone as a whole, and makes no other. The step that takes in what was there before an upgrade may
   * last for minutes, and whoever stops an engine does not wait for it.
   */
  interrupt(): Promise<void>;
  stop(): Promise<void>;
}

/** Who may end a step: hears which process of the server makes it. */
interface StepWatch {
  readonly signal: AbortSignal;
  readonly madeBy: (pid: number) => void;
}

/** Makes a folder; nothing is asked of the database before the first turn. */
export function createSumFolder(pool: pg.Pool): SumFolder {
  const lock = createLeaderLock(pool, FOLDER_LOCK);
  const leaving = new AbortController();
  let pid: number | null = null;
  const watch: StepWatch = {
    signal: leaving.signal,
    madeBy: (server) => {
      pid = server;
    },
  };
  return {
    async turn(leavesMax) {
      if (leaving.signal.aborted || !(await lock.held())) return false;
      await pool.query('SELECT fare.summarize_new_pages()');
      try {
        return await foldSums(pool, leavesMax, watch);
      } catch (error) {
        if (leaving.signal.aborted) return false;
        throw error;
      } finally {
        pid = null;
      }
    },
    async postingWaits(rows) {
      const { rows: found } = await pool.query('SELECT FROM fare.record_inbox OFFSET $1 LIMIT 1', [rows]);
      return found.length > 0;
    },
    async interrupt() {
      leaving.abort();
      while (pid !== null) {
        // A database that is away has ended the step by itself.
        await pool.query('SELECT pg_cancel_backend($1)', [pid]).catch(() => {});
        await delay(CANCEL_EVERY_MS);
      }
    },
    stop: () => lock.release(),
  };
}

/** No later statement is ended by time: a transaction cannot be parted, and the one that gave old taps their number is as large as they are. */
const SPAN = `
  SELECT pg_backend_pid() AS pid, f.until_xact::text AS "from", fare.fold_until($1)::text AS until,
         pg_snapshot_xmin(pg_current_snapshot())::text AS lowest, set_config('statement_timeout', '0', true)
  FROM fare.sum_fold f`;

interface Span {
  readonly pid: number;
  readonly from: string;
  readonly until: string;
  readonly lowest: string;
}

const TOTALS = `
  INSERT INTO fare.folded_total AS k SELECT * FROM fare.total_parts($1, $2)
  ON CONFLICT (dimension, key, currency) DO UPDATE SET decisions = k.decisions + excluded.decisions,
    rides = k.rides + excluded.rides, claim_rides = k.claim_rides + excluded.claim_rides,
    gross_minor = k.gross_minor + excluded.gross_minor, rider_minor = k.rider_minor + excluded.rider_minor,
    concession_minor = k.concession_minor + excluded.concession_minor`;

const BUDGETS = `
  INSERT INTO fare.folded_budget AS k SELECT * FROM fare.budget_parts($1, $2)
  ON CONFLICT (funding_id, carrier_id, concession_id, currency) DO UPDATE SET decisions = k.decisions + excluded.decisions,
    claim_rides = k.claim_rides + excluded.claim_rides, amount_minor = k.amount_minor + excluded.amount_minor`;

/** Days that were closed meanwhile join what is final: the rows of open days alone stand apart, however old the city is. */
const BALANCES = `
  WITH closed AS (SELECT coalesce(max(fare_day), '-infinity') AS until FROM fare.close),
  ended AS (
    DELETE FROM fare.folded_balance b USING closed WHERE b.fare_day <= closed.until
    RETURNING b.account_id, b.currency, b.debit_minor, b.credit_minor)
  INSERT INTO fare.folded_balance AS k
  SELECT account_id, currency, fare_day, sum(debit_minor)::bigint, sum(credit_minor)::bigint
  FROM (SELECT account_id, currency, NULL::date AS fare_day, debit_minor, credit_minor FROM ended
        UNION ALL
        SELECT account_id, currency, CASE WHEN fare_day > closed.until THEN fare_day END, debit_minor, credit_minor
          FROM fare.balance_parts($1, $2) CROSS JOIN closed) AS part
  GROUP BY 1, 2, 3
  ON CONFLICT (account_id, currency, fare_day) DO UPDATE SET debit_minor = k.debit_minor + excluded.debit_minor,
    credit_minor = k.credit_minor + excluded.credit_minor`;

/** Of each account, in one order whoever folds. */
const ACCOUNTS = `
  INSERT INTO fare.folded_account AS k SELECT * FROM fare.account_parts($1, $2) ORDER BY account_id, currency
  ON CONFLICT (account_id, currency) DO UPDATE SET debit_minor = k.debit_minor + excluded.debit_minor,
    credit_minor = k.credit_minor + excluded.credit_minor`;

const LINE = `
  UPDATE fare.sum_fold f SET until_xact = $2, taps = f.taps + n.taps, decided_taps = f.decided_taps + n.decided_taps,
    commands_refused = f.commands_refused + n.commands_refused
  FROM (SELECT fare.tap_part($1, $2) AS taps, fare.decided_tap_part($1, $2) AS decided_taps,
               fare.refusal_part($1, $2) AS commands_refused) AS n
  WHERE f.until_xact = $1 AND ($3 OR n.taps + n.decided_taps + n.commands_refused > 0)`;

/** In the order of a step, so that one that is under way meanwhile is waited for. A total of no decision is not shown. */
const ANEW = [
  `UPDATE fare.folded_total SET decisions = 0, rides = 0, claim_rides = 0, gross_minor = 0, rider_minor = 0, concession_minor = 0`,
  'UPDATE fare.folded_budget SET decisions = 0, claim_rides = 0, amount_minor = 0',
  'DELETE FROM fare.folded_balance',
  'DELETE FROM fare.folded_account',
];
const LINE_ANEW = `
  UPDATE fare.sum_fold SET until_xact = 0, taps = 0, decided_taps = 0, commands_refused = 0 WHERE until_xact = $1`;
const MOVED = 'the sums were moved on by another';

/**
 * One step. Transactions below the new line have ended when it is chosen, so every later statement finds the same
 * rows of them. Where they wrote nothing, nothing is written: a city at rest stays at rest. Returns whether more may follow.
 *
 * A line above every transaction that runs is of another server, whose rows were copied into this one: what is written here would
 * never be counted, so the sums begin anew. Nothing else brings it there: the step that moved it has a number above it.
 */
export function foldSums(pool: pg.Pool, leavesMax: number, watch?: StepWatch): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<Span>(SPAN, [leavesMax]);
    const { pid, from, until, lowest } = rows[0] as Span;
    watch?.madeBy(pid);
    if (BigInt(lowest) < BigInt(from)) {
      for (const statement of ANEW) await client.query(statement);
      if ((await client.query(LINE_ANEW, [from])).rowCount === 0) throw new Error(MOVED);
      return true;
    }
    if (BigInt(until) <= BigInt(from)) return false;
    let changed = 0;
    for (const statement of [TOTALS, BUDGETS, BALANCES, ACCOUNTS]) {
      watch?.signal.throwIfAborted();
      changed += (await client.query(statement, [from, until])).rowCount ?? 0;
    }
    watch?.signal.throwIfAborted();
    const more = until !== lowest;
    const moved = await client.query(LINE, [from, until, changed > 0 || more]);
    // Somebody else moved the line meanwhile: these sums are theirs, and this step is undone.
    if (moved.rowCount === 0 && (changed > 0 || more)) throw new Error(MOVED);
    return more;
  });
}

/**
 * The folder as a task of a worker of its own. After a step it rests nine times as long as that took while more than a portion of
 * rows waits to be priced: while buses catch up, keeping sums takes a tenth of one connection's time from those who post. In calm
 * hours it rests a quarter: what an upgrade has left it is taken in within hours, not days.
 */
export function foldTask(
  folder: Pick<SumFolder, 'turn' | 'postingWaits'>,
  limits: Pick<FareEngineLimits, 'foldEveryMs' | 'foldLeavesMax' | 'inboxRowsMax'>,
  clock: Pick<Clock, 'monotonicMs'>,
): Task {
  let dueMs = Number.NEGATIVE_INFINITY;
  return {
    name: 'sums',
    rowsMax: limits.foldLeavesMax,
    turn: async (leavesMax) => {
      const beganMs = clock.monotonicMs();
      if (beganMs < dueMs) return 0;
      const more = await folder.turn(leavesMax);
      const endedMs = clock.monotonicMs();
      const calm = more && !(await folder.postingWaits(limits.inboxRowsMax));
      const restMs = (calm ? REST.calm : REST.busy) * (endedMs - beganMs);
      dueMs = endedMs + Math.max(more ? 0 : limits.foldEveryMs, restMs);
      return 0;
    },
  };
}
