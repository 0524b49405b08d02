/** What a rider and a validator know of a debt, asked of the database. */
import type pg from 'pg';
import { debtReference } from '#contracts/debt-reference.ts';
import { token } from './a-record.ts';

/** The latest word of the deny list on a card, with its reason; `never` = it was never named. */
export async function wordOn(admin: pg.Pool, n: number): Promise<string> {
  const { rows } = await admin.query<{ word: string }>(
    `SELECT action || ' ' || coalesce(reason, '') AS word FROM fare.deny_entry WHERE token_id = $1
     ORDER BY known_from_ms DESC LIMIT 1`,
    [token(n)],
  );
  return rows[0]?.word.trim() ?? 'never';
}

/** What `fare.debt_page` gives, as far as tests look. */
export interface DebtPage {
  readonly debts: { amountMinor: string; state: string; days: { fareDay: string; amountMinor: string }[] }[];
  readonly rides: {
    tap: { tap_id: string; rider_minor: number };
    explanation: { steps: unknown[] } | null;
  }[];
  readonly denied: string | null;
  readonly asking: boolean;
  readonly payment: { events: { kind: string; payUrl: string | null }[] } | null;
}

/** What the portal reads of a reference. */
export async function debtPage(portal: pg.Pool, n: number): Promise<DebtPage | null> {
  const { rows } = await portal.query<{ page: DebtPage | null }>('SELECT fare.debt_page($1) AS page', [
    debtReference(token(n)),
  ]);
  return rows[0]?.page ?? null;
}
