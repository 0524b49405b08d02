/** What waits at the bank desk for a person, or for an acquirer that is silent, as the auditor sees it. */
import { onOneSnapshot, type ReaderPool, rowsOf } from './database-reader.ts';

export interface BankTrouble {
  /**
   * `refused`: the acquirer would not take the request, and is not asked until somebody says so. `silent`: it has not answered
   * for some time, and is asked by itself. `misfit`: a bank took back what fits no payment. `malformed`: what the acquirer said of
   * a chargeback cannot be read.
   */
  readonly trouble: 'refused' | 'silent' | 'misfit' | 'malformed';
  /** The payment's id; of a misfit `<acquirer>.<number>`; of what is malformed `<acquirer>.<hash of its bytes>`. */
  readonly id: string;
  /** What was asked: `authorise`, `clear`, `refund`; of what a bank took back `chargeback`. */
  readonly kind: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  /** How the acquirer refused it, how often it was silent, why it fits nothing and which clearing the acquirer named; of what cannot be read its number and what is wrong. */
  readonly detail: string;
  readonly sinceMs: number;
}

/** Tries without an answer from which on a payment is shown: about a minute. */
const SILENT_TRIES = 6;

/** The oldest first, `rowsMax` at most. */
export function showBankTroubles(pool: ReaderPool, rowsMax: number): Promise<BankTrouble[]> {
  return onOneSnapshot(pool, async (client) =>
    rowsOf<BankTrouble>(
      client,
      `SELECT trouble, id, kind, amount_minor AS "amountMinor", currency, detail, since_ms::float8 AS "sinceMs" FROM (
         SELECT CASE last.kind WHEN 'refused' THEN 'refused' ELSE 'silent' END AS trouble, p.payment_id AS id,
                split_part(last.key, '.', 2) AS kind, p.amount_minor, p.currency,
                CASE last.kind WHEN 'refused' THEN coalesce(last.code, '') ELSE w.tries + w.refusals || ' tries' END AS detail,
                last.at_ms AS since_ms
           FROM fare.bank_work w JOIN fare.bank_payment p USING (payment_id)
          CROSS JOIN LATERAL (SELECT * FROM fare.bank_event e WHERE e.payment_id = p.payment_id
            ORDER BY e.n DESC LIMIT 1) AS last
          WHERE last.kind = 'refused' OR w.tries + w.refusals >= ${SILENT_TRIES}
         UNION ALL
         SELECT 'misfit', acquirer_id || '.' || n, 'chargeback', amount_minor, currency, problem || ' ' || reference, at_ms
           FROM fare.bank_chargeback c WHERE problem IS NOT NULL AND NOT EXISTS (
             SELECT FROM fare.bank_chargeback_move m WHERE m.acquirer_id = c.acquirer_id AND m.n = c.n)
         UNION ALL
         SELECT 'malformed', acquirer_id || '.' || sha256, 'chargeback', 0, '', coalesce('number ' || n || ': ', '') || problem, at_ms
           FROM fare.bank_malformed_chargeback c WHERE NOT EXISTS (
             SELECT FROM fare.bank_malformed_end e WHERE e.acquirer_id = c.acquirer_id AND e.sha256 = c.sha256)) AS found
       ORDER BY since_ms, id LIMIT $1`,
      [rowsMax],
    ),
  );
}
