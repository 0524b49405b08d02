/**
 * Debts of bank cards as the page meets them: three functions of the fare engine, and no table. Whoever has taken over the
 * portal reads no list of debts, and pays none.
 */
import type { Pool } from 'pg';
import type { Debts, DebtView, OwedCharge } from '../ports.ts';
import { explanationRow, tapRow } from './postgres-views.ts';

type Raw = Record<string, unknown>;

export function createPostgresDebts(pool: Pool): Debts {
  const truth = async (sql: string, values: unknown[]): Promise<boolean> =>
    (await pool.query<{ yes: boolean }>(sql, values)).rows[0]?.yes === true;
  return {
    find: async (reference) => {
      const { rows } = await pool.query<{ page: Raw | null }>('SELECT fare.debt_page($1) AS page', [
        reference,
      ]);
      const page = rows[0]?.page ?? null;
      return page === null ? null : viewOf(page);
    },
    ask: (kind, reference, language, nowMs) =>
      truth('SELECT fare.ask_debt_desk($1, $2, $3, $4) AS yes', [
        ...[kind, reference.slice(0, 15), language, nowMs],
      ]),
    hear: ({ id, key, state, amountMinor, currency }, nowMs) =>
      truth('SELECT fare.hear_payment_call($1, $2, $3, $4, $5, $6) AS yes', [
        ...[id, key, state, amountMinor, currency, nowMs],
      ]),
  };
}

function viewOf(page: Raw): DebtView {
  const payment = page['payment'] as DebtView['payment'];
  return {
    debts: page['debts'] as OwedCharge[],
    rides: (page['rides'] as Raw[]).map(({ tap, explanation }) => ({
      tap: tapRow(tap as Raw),
      explanations: explanation === null ? [] : [explanationRow(explanation as Raw)],
    })),
    asking: page['asking'] === true,
    denied: (page['denied'] as string | null) ?? null,
    onValidators: page['onValidators'] === true,
    payment: payment ?? null,
  };
}
