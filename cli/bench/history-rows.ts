/** A past for the accounts that a database has, and what the server reads: to see that a tap's work does not grow with it. */
import type pg from 'pg';
import { INITIAL_STATE } from '#pricing/model.ts';
import { stateText } from '#pricing/state-text.ts';

const OLD = `
  WITH old AS MATERIALIZED (
    SELECT a.account_id, a.derived_token_id AS token_id, d AS ago, $1::date - d AS fare_day,
           'val-' || d % 200 || '.old.' || row_number() OVER () AS tap_id, $2::bigint - d * 86400000::bigint AS at_ms
    FROM fare.account a CROSS JOIN generate_series($3::int, $4::int) AS d WHERE a.derived_token_id IS NOT NULL),
  tapped AS (
    INSERT INTO fare.tap (tap_id, device_id, epoch, seq, record_sha256, token_id, medium_kind, direction, companions, fare_day,
      fare_at_ms, uncertainty_ms, flags, received_at_ms)
    SELECT tap_id || '.' || ago, 'val-' || ago % 200, 'old', ago, '\\x00', token_id, 'wallet', 'in', 0, fare_day, at_ms, 0, '{}', at_ms
    FROM old),
  priced AS (
    INSERT INTO fare.account_day (account_id, fare_day, state_in, state_out, account_version)
    SELECT account_id, fare_day, $5, $5, 1 FROM old),
  decided AS (
    INSERT INTO fare.decision (tap_id, revision, account_id, account_version, fare_day, kind, currency, gross_minor, rider_minor,
      transfer_minor, concession_minor, pass_minor, cap_minor, loss_minor, claim_ride, steps, line_sha256, posted_revision,
      decided_at_ms)
    SELECT tap_id || '.' || ago, 1, account_id, 1, fare_day, 'ride', 'UAH', 1000, 1000, 0, 0, 0, 0, 0, false, '[]', '\\x00', 1, at_ms
    FROM old)
  INSERT INTO fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, tap_id, revision, posted_at_ms, fare_day)
  SELECT tap_id || '.' || ago || '#1.rider', 'rider:' || account_id, 'revenue:old', 1000, 'UAH', tap_id || '.' || ago, 1, at_ms, fare_day
  FROM old`;

const DAYS_AT_ONCE = 60;

/** Lays a ride of every account on each of some days before a fare day: from `fromAgo` to `untilAgo` days before it. */
export async function layHistory(
  admin: pg.Pool,
  fareDay: string,
  { fromAgo, untilAgo }: { readonly fromAgo: number; readonly untilAgo: number },
): Promise<void> {
  const startMs = Date.parse(`${fareDay}T08:00:00Z`);
  // A past in one transaction would not fit into memory while it is laid.
  for (let from = fromAgo; from <= untilAgo; from += DAYS_AT_ONCE) {
    const until = Math.min(untilAgo, from + DAYS_AT_ONCE - 1);
    await admin.query(OLD, [fareDay, startMs, from, until, stateText(INITIAL_STATE)]);
  }
  await admin.query('VACUUM ANALYZE fare.tap, fare.account_day, fare.decision, fare.posting');
}

/** Rows and blocks that the server has read of the fare engine's tables so far. */
export interface ReadSoFar {
  readonly rows: number;
  readonly blocks: number;
}

/** Counts of sessions that have ended are in it; of others those that they have told, and of the one that asks. */
export async function readSoFar(admin: pg.Pool): Promise<ReadSoFar> {
  // What the asking connection has read before would else be told within the next seconds, as if it had been read then.
  await admin.query('SELECT pg_stat_force_next_flush()');
  const { rows } = await admin.query<ReadSoFar>(
    `SELECT (SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables WHERE schemaname = 'fare')::float8 AS rows,
       (SELECT sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0))
          FROM pg_statio_user_tables WHERE schemaname = 'fare')::float8 AS blocks`,
  );
  return rows[0] as ReadSoFar;
}
