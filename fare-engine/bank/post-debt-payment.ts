/**
 * Money at the provider that pays no debt → postings; what pays one is posted with the debt (post-payment.ts).
 *
 *   over      till:<provider> → refund:<provider>
 *   refunded  refund:<provider> → till:<provider>
 */
import { refundAccount, tillAccount } from '../ledger/chart-of-accounts.ts';
import type { Posting } from '../ledger/post-line.ts';
import type { AuditLeaf } from '../ports.ts';
import type { DebtPayment, DebtPaymentEvent } from './debt-payment.ts';
import { postingTuple } from './post-payment.ts';

export function postDebtPayment(
  { debtPaymentId, currency }: DebtPayment,
  { n, kind, amountMinor }: Pick<DebtPaymentEvent, 'n' | 'kind' | 'amountMinor'>,
  providerId: string,
): Posting[] {
  if ((kind !== 'over' && kind !== 'refunded') || amountMinor === null) return [];
  const [till, refund] = [tillAccount(providerId), refundAccount(providerId)];
  const [debitAccount, creditAccount] = kind === 'over' ? [till, refund] : [refund, till];
  const source = `debt:${debtPaymentId}`;
  return [
    {
      postingId: `${source}.${n}`,
      ...{ debitAccount, creditAccount, amountMinor, currency, source },
      tapId: null,
      revision: null,
      reverses: null,
    },
  ];
}

/** The audit log's word on an event, with what it posted. */
export function debtPaymentLeaf(
  payment: DebtPayment,
  event: DebtPaymentEvent,
  postings: readonly Posting[],
): AuditLeaf {
  const { debtPaymentId, currency } = payment;
  const bytes = JSON.stringify({
    v: 1,
    kind: 'debt-payment',
    debtPaymentId,
    amount: payment.amountMinor.toString(),
    currency,
    n: event.n,
    event: event.kind,
    reference: event.reference,
    eventAmount: event.amountMinor?.toString() ?? null,
    atMs: event.atMs,
    ...(postings.length === 0 ? {} : { postings: postings.map(postingTuple) }),
  });
  return { kind: 'debt-payment', ref: `${debtPaymentId}.${event.n}`, bytes };
}
