/** What the ledger says of a day's money outside: at the acquirer, at the payment provider, in the tills. */
import { onOneSnapshot, type ReaderPool, rowsOf } from '../database-reader.ts';
import type { LedgerDay, LedgerMove, MoneyRules } from './reconcile-bank.ts';

interface MoveRow {
  readonly reference: string;
  readonly kind: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly ofDay: boolean;
}

/**
 * Reads them as the auditor. `fromMs` to `untilMs` is the day; `named` are the references that the files name: what they
 * speak of may have been posted on the day before.
 */
export function readMoneyDay(
  pool: ReaderPool,
  { providerId }: MoneyRules,
  { fromMs, untilMs, named }: { fromMs: number; untilMs: number; named: readonly string[] },
): Promise<LedgerDay> {
  return onOneSnapshot(pool, async (client) => {
    const span = [fromMs, untilMs];
    const clearing = await rowsOf<MoveRow>(
      client,
      `SELECT coalesce(e.reference, c.reference) AS reference, e.kind, p.amount_minor AS amount, p.currency,
         e.at_ms >= $1 AND e.at_ms < $2 AS "ofDay"
       FROM fare.bank_event e JOIN fare.bank_payment p USING (payment_id)
       LEFT JOIN fare.bank_event c ON c.payment_id = e.payment_id AND c.kind = 'cleared' AND e.kind = 'charged-back'
       WHERE e.kind IN ('cleared', 'refunded', 'charged-back') AND ((e.at_ms >= $1 AND e.at_ms < $2)
          OR e.reference = ANY ($3::text[]) OR c.reference = ANY ($3::text[]))`,
      [...span, named],
    );
    // A top-up, a pass, a debt: whoever paid at the provider, under the name that the provider knows.
    const provider = await rowsOf<MoveRow>(
      client,
      `SELECT reference, 'paid' AS kind, sum(amount)::bigint AS amount, currency, bool_or("ofDay") AS "ofDay"
       FROM (
         SELECT regexp_replace(p.posting_id, '^(credit|pass):', '') AS reference, p.amount_minor AS amount, p.currency,
                p.posted_at_ms >= $1 AND p.posted_at_ms < $2 AS "ofDay"
           FROM fare.posting p WHERE p.debit_account = $4 AND p.source ~ '^(credit|pass):'
            AND ((p.posted_at_ms >= $1 AND p.posted_at_ms < $2)
              OR p.posting_id = ANY (SELECT s || n FROM unnest($3::text[]) AS n, unnest('{credit:,pass:}'::text[]) AS s))
         UNION ALL
         SELECT e.reference, b.amount_minor, b.currency, e.at_ms >= $1 AND e.at_ms < $2
           FROM fare.bank_event e JOIN fare.bank_payment b USING (payment_id)
          WHERE e.kind = 'paid' AND ((e.at_ms >= $1 AND e.at_ms < $2) OR e.reference = ANY ($3::text[]))) AS paid
       GROUP BY reference, currency`,
      [...span, named, `till:${providerId}`],
    );
    const tills = await rowsOf<{ till: string; amount: bigint; currency: string }>(
      client,
      `SELECT substring(account FROM 6) AS till, currency, sum(amount)::bigint AS amount
       FROM fare.posting CROSS JOIN LATERAL (
         VALUES (debit_account, amount_minor), (credit_account, -amount_minor)) AS s (account, amount)
       WHERE posted_at_ms >= $1 AND posted_at_ms < $2 AND account LIKE 'till:%' AND account <> $3
       GROUP BY 1, 2 ORDER BY 1, 2`,
      [...span, `till:${providerId}`],
    );
    return {
      clearing: clearing.map(moveOf),
      provider: provider.map(moveOf),
      tills: tills.map(({ till, amount, currency }) => ({ till, amountMinor: amount, currency })),
    };
  });
}

const KINDS: Readonly<Record<string, LedgerMove['kind']>> = {
  cleared: 'clearing',
  refunded: 'refund',
  'charged-back': 'chargeback',
  paid: 'paid',
};

function moveOf({ reference, kind, amount, currency, ofDay }: MoveRow): LedgerMove {
  return { reference, kind: KINDS[kind] as LedgerMove['kind'], amountMinor: amount, currency, ofDay };
}
