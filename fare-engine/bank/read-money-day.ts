/** What the ledger says of a day's money outside: at the acquirer, at the payment provider, in the tills. */

import { onOneSnapshot, type ReaderPool, rowsOf } from '../database-reader.ts';
import { CITY_BANK } from '../ledger/chart-of-accounts.ts';
import { bookingPostings } from './book-commands.ts';
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
  { acquirerId, providerId }: MoneyRules,
  { fromMs, untilMs, named }: { fromMs: number; untilMs: number; named: readonly string[] },
): Promise<LedgerDay> {
  return onOneSnapshot(pool, async (client) => {
    const span = [fromMs, untilMs];
    const clearing = await rowsOf<MoveRow>(
      client,
      `SELECT e.reference, e.kind, p.amount_minor AS amount, p.currency, e.at_ms >= $1 AND e.at_ms < $2 AS "ofDay"
       FROM fare.bank_event e JOIN fare.bank_payment p USING (payment_id)
       WHERE e.kind IN ('cleared', 'refunded')
         AND ((e.at_ms >= $1 AND e.at_ms < $2) OR e.reference = ANY ($3::text[]))
       UNION ALL
       SELECT c.reference, 'charged-back', c.amount_minor, c.currency, c.at_ms >= $1 AND c.at_ms < $2
       FROM fare.bank_chargeback c
       WHERE c.acquirer_id = $4 AND ((c.at_ms >= $1 AND c.at_ms < $2) OR c.reference = ANY ($3::text[]))
       UNION ALL
       SELECT c.reference, 'returned', c.amount_minor, c.currency, m.at_ms >= $1 AND m.at_ms < $2
       FROM fare.bank_chargeback_move m JOIN fare.bank_chargeback c USING (acquirer_id, n)
       WHERE m.moved = 'acquirer' AND m.acquirer_id = $4
         AND ((m.at_ms >= $1 AND m.at_ms < $2) OR c.reference = ANY ($3::text[]))`,
      [...span, named, acquirerId],
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
              OR p.posting_id = ANY ($5::text[]))
         UNION ALL
         -- A pass that was given back there goes back under its own name.
         SELECT substring(p.posting_id FROM 6), -p.amount_minor, p.currency, p.posted_at_ms >= $1 AND p.posted_at_ms < $2
           FROM fare.posting p WHERE p.credit_account = $4 AND p.source LIKE 'pass:%'
            AND ((p.posted_at_ms >= $1 AND p.posted_at_ms < $2) OR p.posting_id = ANY ($5::text[]))
         UNION ALL
         SELECT e.reference, q.amount_minor, q.currency, e.at_ms >= $1 AND e.at_ms < $2
           FROM fare.bank_event e JOIN fare.posting q
             ON q.posting_id > 'bank:' || e.payment_id || '.' || e.n || '.' AND q.posting_id < 'bank:' || e.payment_id || '.' || e.n || '/'
          WHERE e.kind = 'paid' AND q.debit_account = $4
            AND ((e.at_ms >= $1 AND e.at_ms < $2) OR e.reference = ANY ($3::text[]))
         UNION ALL
         -- What paid no debt came in under the name of its payment, and goes back under that of the refund.
         SELECT e.reference, CASE e.kind WHEN 'over' THEN e.amount_minor ELSE -e.amount_minor END, d.currency,
                e.at_ms >= $1 AND e.at_ms < $2
           FROM fare.debt_payment_event e JOIN fare.debt_payment d USING (debt_payment_id)
          WHERE e.kind IN ('over', 'refunded') AND ((e.at_ms >= $1 AND e.at_ms < $2) OR e.reference = ANY ($3::text[]))
         ) AS paid
       GROUP BY reference, currency`,
      [...span, named, `till:${providerId}`, named.flatMap((name) => [`credit:${name}`, `pass:${name}`])],
    );
    // No charge goes through a till: postings with a source alone are looked at.
    const tills = await rowsOf<{ till: string; amount: bigint; currency: string }>(
      client,
      `SELECT substring(account FROM 6) AS till, currency, sum(amount)::bigint AS amount
       FROM fare.posting CROSS JOIN LATERAL (
         VALUES (debit_account, amount_minor), (credit_account, -amount_minor)) AS s (account, amount)
       WHERE source IS NOT NULL AND posted_at_ms >= $1 AND posted_at_ms < $2 AND account LIKE 'till:%' AND account <> $3
         -- What was brought to the bank was taken in before.
         AND source NOT LIKE 'booking:%'
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

/** What of a day's money was booked, as the command said it. */
export interface BookedSums {
  readonly feeMinor: bigint;
  readonly netMinor: bigint;
}

/** Which of these bookings are posted, and with which sums. */
export async function booked(
  pool: ReaderPool,
  bookingIds: readonly string[],
): Promise<ReadonlyMap<string, BookedSums>> {
  const rows = await onOneSnapshot(pool, (client) =>
    rowsOf<{ id: string; debit: string; credit: string; amount: bigint }>(
      client,
      `SELECT posting_id AS id, debit_account AS debit, credit_account AS credit, amount_minor AS amount
       FROM fare.posting WHERE posting_id = ANY ($1)`,
      [bookingIds.flatMap(bookingPostings)],
    ),
  );
  const posted = new Map(
    rows.map(({ id, debit, credit, amount }) => {
      // The way of a day on which more went back than came in.
      const isBack = /^(clearing|till):/.test(debit) || credit === CITY_BANK;
      return [id, isBack ? -amount : amount];
    }),
  );
  return new Map(
    bookingIds.flatMap((bookingId) => {
      const [fee, net] = bookingPostings(bookingId).map((id) => posted.get(id));
      if (fee === undefined && net === undefined) return [];
      return [[bookingId, { feeMinor: fee ?? 0n, netMinor: net ?? 0n }]];
    }),
  );
}

const KINDS: Readonly<Record<string, LedgerMove['kind']>> = {
  cleared: 'clearing',
  refunded: 'refund',
  'charged-back': 'chargeback',
  returned: 'chargeback-returned',
  paid: 'paid',
};

function moveOf({ reference, kind, amount, currency, ofDay }: MoveRow): LedgerMove {
  return { reference, kind: KINDS[kind] as LedgerMove['kind'], amountMinor: amount, currency, ofDay };
}
