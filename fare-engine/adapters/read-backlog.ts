/** What waits in the fare engine's queues, in one statement; bounded, because a scrape must not count a flood row by row. */
import type pg from 'pg';
import { NEVER_MS } from '../bank/payment.ts';
import type { Backlog } from '../vitals.ts';

/** Counts stop here: "this many or more". */
const COUNTED_MAX = 1_000_000;

/** Reads it. `nowMs` is city time. */
export async function readBacklog(pool: pg.Pool, nowMs: number): Promise<Backlog> {
  const { rows } = await pool.query<Record<keyof Backlog, bigint | null>>(
    `SELECT (SELECT count(*) FROM (SELECT FROM fare.record_inbox LIMIT ${COUNTED_MAX}) AS r) AS inbox,
            (SELECT count(*) FROM (SELECT FROM fare.account_day_queue LIMIT ${COUNTED_MAX}) AS q)
              + (SELECT count(*) FROM (SELECT FROM fare.clock_queue LIMIT ${COUNTED_MAX}) AS c)
              + (SELECT count(*) FROM (SELECT FROM fare.breakdown_queue LIMIT ${COUNTED_MAX}) AS b) AS queue,
            (SELECT count(*) FROM (SELECT FROM fare.shift_queue LIMIT ${COUNTED_MAX}) AS s) AS shifts,
            (SELECT count(*) FROM fare.command_inbox) AS commands,
            (SELECT count(*) FROM (SELECT FROM fare.audit_leaf AS l, fare.audit_tree AS t
              WHERE (l.xact, l.leaf_id) > (t.last_xact, t.last_leaf_id) LIMIT ${COUNTED_MAX}) AS n) AS leaves,
            (SELECT count(*) FROM fare.stuck) AS stuck,
            (SELECT count(*) FROM fare.bank_work WHERE due_ms >= ${NEVER_MS}) AS "bankRefused",
            (SELECT received_at_ms FROM fare.record_inbox ORDER BY inbox_id LIMIT 1) AS "oldestMs"`,
  );
  const row = rows[0];
  const oldest = row?.oldestMs ?? null;
  return {
    inbox: Number(row?.inbox ?? 0),
    queue: Number(row?.queue ?? 0),
    shifts: Number(row?.shifts ?? 0),
    commands: Number(row?.commands ?? 0),
    leaves: Number(row?.leaves ?? 0),
    stuck: Number(row?.stuck ?? 0),
    bankRefused: Number(row?.bankRefused ?? 0),
    oldestMs: oldest === null ? 0 : Math.max(0, nowMs - Number(oldest)),
  };
}
