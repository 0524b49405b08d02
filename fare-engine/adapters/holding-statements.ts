/** Passes and carnets in the database: as commands meet them, and what is written when they are given back. */
import type pg from 'pg';
import type { SubmittedCommand } from '../commands.ts';
import type { HeldPass } from '../holdings/give-back.ts';
import { handedOver } from '../holdings/handed-over-query.ts';
import type { HoldingBooks, ReturnFact } from '../holdings/return-command.ts';
import { PASS_LIABILITY } from '../ledger/chart-of-accounts.ts';

/** $1 ids of passes. Rides are those of its holder's decisions that name it. */
const HELD = `
  SELECT h.pass_id AS "passId", h.account_id AS "accountId", h.fare_product_id AS "fareProductId",
    h.valid_from_ms::float8 AS "validFromMs", coalesce(p.amount_minor, 0)::text AS "paidMinor",
    coalesce(p.currency, '') AS currency,
    EXISTS (SELECT FROM fare.pass_return r WHERE r.pass_id = h.pass_id) AS returned,
    u.rides::int AS rides, u.first_ms::float8 AS "firstUseMs", ${handedOver('h', 'p')} AS "handedOver",
    EXISTS (SELECT FROM fare.account_day_queue q WHERE q.account_id = h.account_id)
      OR EXISTS (SELECT FROM fare.stuck s WHERE s.sort = 'account-day' AND s.body->>'accountId' = h.account_id) AS waiting
  FROM fare.pass_holding h
  LEFT JOIN fare.posting p ON p.posting_id = 'pass:' || h.pass_id AND p.credit_account = '${PASS_LIABILITY}'
  CROSS JOIN LATERAL (
    SELECT count(*) AS rides, min(t.fare_at_ms) AS first_ms
    FROM fare.decision d JOIN fare.timed_tap t USING (tap_id)
    WHERE d.account_id = h.account_id AND d.pass_minor <> 0
      AND NOT EXISTS (SELECT FROM fare.decision n WHERE n.tap_id = d.tap_id AND n.revision > d.revision)
      AND EXISTS (SELECT FROM json_array_elements(d.steps) AS s (item)
                   WHERE item->>'kind' = 'pass' AND item->'params'->>'pass' = h.pass_id)) AS u
  WHERE h.pass_id = ANY ($1::text[])`;

type HeldRow = Omit<HeldPass, 'paidMinor'> & { paidMinor: string; waiting: boolean };

/** The books where a command gives a pass back and tariffs are at hand; else nothing is asked. */
export async function loadHoldingBooks(
  client: pg.PoolClient,
  commands: readonly SubmittedCommand[],
  tariffs: HoldingBooks['tariffs'] | undefined,
): Promise<HoldingBooks | undefined> {
  const passIds = commands.flatMap(({ kind, payload }) => {
    const passId = (payload as Record<string, unknown> | null)?.['passId'];
    return kind === 'return-holding' && typeof passId === 'string' ? [passId] : [];
  });
  if (tariffs === undefined || passIds.length === 0) return undefined;
  const { rows } = await client.query<HeldRow>(HELD, [passIds]);
  return {
    tariffs,
    held: new Map(
      rows.map(({ waiting: _, ...row }) => [row.passId, { ...row, paidMinor: BigInt(row.paidMinor) }]),
    ),
    waiting: new Set(rows.filter(({ waiting }) => waiting).map(({ accountId }) => accountId)),
  };
}

const INSERT_RETURNS = `
  INSERT INTO fare.pass_return (pass_id, valid_until_ms, refund_minor, fee_minor, used_minor, currency, paid_to, reason,
    said_by, known_from_ms)
  SELECT "passId", "validUntilMs", "refundMinor", "feeMinor", "usedMinor", currency, "paidTo", reason, "saidBy",
    "knownFromMs"
  FROM json_to_recordset($1) AS r ("passId" text, "validUntilMs" bigint, "refundMinor" bigint, "feeMinor" bigint,
    "usedMinor" bigint, currency text, "paidTo" text, reason text, "saidBy" text, "knownFromMs" bigint)`;

/** Stores what was given back; its postings are written with those of the other commands. */
export async function writeReturns(client: pg.PoolClient, returns: readonly ReturnFact[]): Promise<void> {
  if (returns.length > 0) await client.query(INSERT_RETURNS, [JSON.stringify(returns)]);
}
