/**
 * Clock evidence over PostgreSQL. The transaction holds the gate of facts alone, as commands do: a tap that moves from
 * one day to another does so between pricing transactions. What is loaded follows the taps concerned, never the
 * history: each sync and each tap is looked up by its place in boot and journal.
 */
import type pg from 'pg';
import { inTransaction } from '#platform/postgres.ts';
import { derivedAccountId } from '../facts/account-of.ts';
import type { Close } from '../facts/facts.ts';
import { calendarInstant } from '../facts/fare-at.ts';
import { LOAD_TAPS } from '../prove-times.ts';
import type { ClockStore, ClockTransaction, MovedTap, TapInHand } from '../work-clock.ts';
import { FACTS_GATE, TAPS_OF_SYNC } from './fare-statements.ts';

const CLAIM = `
  DELETE FROM fare.clock_queue WHERE queue_id = ANY (ARRAY(
    SELECT queue_id FROM fare.clock_queue ORDER BY queue_id LIMIT $1 FOR UPDATE SKIP LOCKED))
  RETURNING sort, ref`;

/** The UTC date of an instant, as far as taps can have one: an office may say "from ever" and "for ever". */
const dateOf = (instantMs: string): string => `
  (to_timestamp(least(greatest(${instantMs}, ${calendarInstant(Number.NEGATIVE_INFINITY)}),
     ${calendarInstant(Number.POSITIVE_INFINITY)}) / 1000.0) AT TIME ZONE 'UTC')::date`;

/** $1 taps, $2 syncs, $3 corrections. */
const CONCERNED = `
  SELECT unnest($1::text[]) AS tap_id
  UNION
  SELECT x.tap_id FROM fare.clock_sync s CROSS JOIN LATERAL (${TAPS_OF_SYNC}) AS x
   WHERE s.record_id = ANY ($2::text[])
  UNION
  SELECT t.tap_id FROM fare.clock_correction c
    JOIN fare.tap t ON t.device_id = c.device_id
     AND t.fare_day BETWEEN ${dateOf('c.valid_from_ms')} - 2 AND ${dateOf('c.valid_until_ms')} + 2
     AND t.fare_at_ms >= c.valid_from_ms AND t.fare_at_ms < c.valid_until_ms
     AND (c.epoch IS NULL OR c.epoch = t.epoch)
     AND (c.from_seq IS NULL OR c.from_seq <= t.seq) AND (c.to_seq IS NULL OR t.seq <= c.to_seq)
   WHERE c.correction_id = ANY ($3::uuid[])`;

const CLOSES = `
  SELECT fare_day::text AS "fareDay", known_from_ms::float8 AS "knownFromMs" FROM fare.close ORDER BY fare_day`;

/**
 * $1 moved taps, $2 ids of taps that are back to their own time, $3 account-days, $4 the mediums' own accounts (JSON). A
 * tap that moves out of its medium's link falls to the medium's own account, which perhaps nobody has made so far.
 */
const WRITE = `
WITH moved AS (
  INSERT INTO fare.tap_time AS m (tap_id, token_id, device_id, fare_day, fare_at_ms, uncertainty_ms, flags,
    known_from_ms)
  SELECT "tapId", "tokenId", "deviceId", "fareDay", "fareAtMs", "uncertaintyMs", flags, "knownFromMs"
  FROM json_to_recordset($1) AS r ("tapId" text, "tokenId" text, "deviceId" text, "fareDay" date, "fareAtMs" bigint,
    "uncertaintyMs" bigint, flags text[], "knownFromMs" bigint)
  ON CONFLICT (tap_id) DO UPDATE SET fare_day = excluded.fare_day, fare_at_ms = excluded.fare_at_ms,
    uncertainty_ms = excluded.uncertainty_ms, flags = excluded.flags, known_from_ms = excluded.known_from_ms),
back AS (
  DELETE FROM fare.tap_time WHERE tap_id = ANY ($2::text[])),
own AS (
  INSERT INTO fare.account AS a (account_id, derived_token_id, version)
  SELECT DISTINCT "accountId", "tokenId", 0::bigint
  FROM json_to_recordset($4) AS r ("accountId" text, "tokenId" text)
  ON CONFLICT (account_id) DO UPDATE SET derived_token_id = excluded.derived_token_id
    WHERE a.derived_token_id IS NULL)
INSERT INTO fare.account_day_queue (account_id, fare_day, reason)
SELECT "accountId", "fareDay", 'tap-time' FROM json_to_recordset($3) AS r ("accountId" text, "fareDay" date)`;

/** Makes the store on the pool of the role `fare_runtime`. */
export function createPostgresClockStore(pool: pg.Pool): ClockStore {
  return {
    settling: async (nothing, work) => {
      const waiting = await pool.query('SELECT FROM fare.clock_queue LIMIT 1');
      if (waiting.rowCount === 0) return nothing;
      return inTransaction(pool, async (client) => {
        await client.query('SELECT pg_advisory_xact_lock($1)', [FACTS_GATE]);
        return work(transaction(client));
      });
    },
  };
}

function transaction(client: pg.PoolClient): ClockTransaction {
  return {
    claim: async (rowsMax) => {
      const { rows } = await client.query<{ sort: string; ref: string }>(CLAIM, [rowsMax]);
      const refs = (sort: string): string[] => rows.flatMap((row) => (row.sort === sort ? [row.ref] : []));
      const concerned = await client.query<{ tap_id: string }>(CONCERNED, [
        refs('tap'),
        refs('sync'),
        refs('correction'),
      ]);
      const taps = await client.query<TapInHand>(LOAD_TAPS, [concerned.rows.map((row) => row.tap_id)]);
      const closes = await client.query<Close>(CLOSES);
      return { claimed: rows.length, taps: taps.rows, closes: closes.rows };
    },
    write: async (moved, enqueue) => {
      await client.query(WRITE, [
        JSON.stringify(moved.flatMap(timeRow)),
        moved.filter(({ time }) => time === null).map(({ tap }) => tap.tapId),
        JSON.stringify(enqueue),
        JSON.stringify(moved.map(({ tap }) => ownAccountRow(tap.tokenId))),
      ]);
    },
  };
}

function ownAccountRow(tokenId: string): object {
  return { accountId: derivedAccountId(tokenId), tokenId };
}

function timeRow({ tap, time }: MovedTap): object[] {
  if (time === null) return [];
  const { tapId, tokenId, deviceId } = tap;
  return [{ tapId, tokenId, deviceId, ...time }];
}
