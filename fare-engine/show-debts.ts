/** Debts of bank cards as the auditor sees them: what is owed for which days, since when, and by which refusal. */
import { isOwed, type Payment, type PaymentEvent, standingOf } from './bank/payment.ts';
import { onOneSnapshot, type ReaderPool, rowsOf } from './database-reader.ts';

export interface ShownDebt {
  readonly paymentId: string;
  readonly tokenId: string;
  /** What is owed now: less than the charge where a bank took back a part of it, or something was taken off. */
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly state: 'debt' | 'held' | 'written-off';
  /** The bank's last word. */
  readonly code: string | null;
  readonly sinceMs: number;
  readonly days: readonly string[];
}

interface Row {
  readonly paymentId: string;
  readonly tokenId: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly events: (Omit<PaymentEvent, 'amountMinor'> & { amountMinor: string | null })[];
  readonly days: string[];
}

/** Charges that are owed, the oldest first; of one card or of all, `rowsMax` at most. */
export function showDebts(
  pool: ReaderPool,
  { tokenId, rowsMax }: { readonly tokenId?: string; readonly rowsMax: number },
): Promise<ShownDebt[]> {
  return onOneSnapshot(pool, async (client) => {
    const rows = await rowsOf<Row>(
      client,
      `SELECT p.payment_id AS "paymentId", p.token_id AS "tokenId", p.amount_minor AS amount, p.currency,
         (SELECT json_agg(json_build_object('n', e.n, 'kind', e.kind, 'key', e.key, 'code', e.code,
            'reference', e.reference, 'amountMinor', e.amount_minor::text, 'atMs', e.at_ms) ORDER BY e.n)
            FROM fare.bank_event e WHERE e.payment_id = p.payment_id) AS events,
         (SELECT array_agg(DISTINCT i.fare_day::text ORDER BY i.fare_day::text)
            FROM fare.bank_item i WHERE i.payment_id = p.payment_id) AS days
       FROM fare.bank_debt d JOIN fare.bank_payment p USING (payment_id)
       WHERE $1::text IS NULL OR d.token_id = $1
       ORDER BY p.made_at_ms, p.payment_id LIMIT $2`,
      [tokenId ?? null, rowsMax],
    );
    return rows.flatMap(shown);
  });
}

function shown({ paymentId, tokenId, amount, currency, events: texts, days }: Row): ShownDebt[] {
  const events = texts.map((event) => ({
    ...event,
    amountMinor: event.amountMinor === null ? null : BigInt(event.amountMinor),
  }));
  const payment: Payment = {
    paymentId,
    kind: 'charge',
    tokenId,
    amountMinor: amount,
    currency,
    tapId: '',
    refunds: null,
    madeAtMs: 0,
  };
  const standing = standingOf(payment, events);
  if (!isOwed(standing)) return [];
  const refused = events.findLast(({ kind }) => kind === 'declined' || kind === 'charged-back');
  const first = events.find(({ kind }) => kind === 'declined' || kind === 'charged-back');
  return [
    {
      paymentId,
      tokenId,
      amountMinor: standing.owedMinor,
      currency,
      state: standing.phase,
      code: refused?.code ?? null,
      sinceMs: first?.atMs ?? 0,
      days,
    },
  ];
}
