/**
 * What happens to a payment → postings, one for each of its items. An item below zero, what a later day gives back, goes the
 * other way.
 *
 *   cleared       clearing:<acquirer> → rider:<account>
 *   refunded      rider:<account>     → clearing:<acquirer>   (items are below zero)
 *   charged-back  rider:<account>     → clearing:<acquirer>
 *   paid          till:<provider>     → rider:<account>, or → loss:bank-debt where it was written off
 *   written-off   loss:bank-debt      → rider:<account>
 */
import { BANK_DEBT_LOSS, clearingAccount, riderAccount, tillAccount } from '../ledger/chart-of-accounts.ts';
import type { Posting } from '../ledger/post-line.ts';
import type { AuditLeaf } from '../ports.ts';
import type { Payment, PaymentEvent, PaymentItem } from './payment.ts';

/** Who holds the money of bank cards: names in the ledger. */
export interface MoneyHolders {
  readonly acquirerId: string;
  readonly providerId: string;
}

/** Postings of an event; `writtenOff`: whether the payment's debt stood on the loss account when it came. */
export function postEvent(
  payment: Payment,
  items: readonly PaymentItem[],
  event: Pick<PaymentEvent, 'n' | 'kind'>,
  { acquirerId, providerId }: MoneyHolders,
  writtenOff: boolean,
): Posting[] {
  const clearing = clearingAccount(acquirerId);
  const sides = (rider: string): [debit: string, credit: string] | null => {
    switch (event.kind) {
      case 'cleared':
      case 'refunded':
        return [clearing, rider];
      case 'charged-back':
        return [rider, clearing];
      case 'paid':
        return [tillAccount(providerId), writtenOff ? BANK_DEBT_LOSS : rider];
      case 'written-off':
        return [BANK_DEBT_LOSS, rider];
      default:
        return null;
    }
  };
  return items.flatMap(({ accountId, amountMinor }, at) => {
    const found = sides(riderAccount(accountId));
    if (found === null) return [];
    const [debitAccount, creditAccount] = amountMinor > 0n ? found : [found[1], found[0]];
    const postingId = `bank:${payment.paymentId}.${event.n}.${at + 1}`;
    return [
      {
        postingId,
        debitAccount,
        creditAccount,
        amountMinor: amountMinor > 0n ? amountMinor : -amountMinor,
        currency: payment.currency,
        tapId: null,
        revision: null,
        source: `bank:${payment.paymentId}`,
        reverses: null,
      },
    ];
  });
}

/** The audit log's word on an event, with what it posted. */
export function paymentLeaf(payment: Payment, event: PaymentEvent, postings: readonly Posting[]): AuditLeaf {
  const bytes = JSON.stringify({
    v: 1,
    kind: 'bank-payment',
    paymentId: payment.paymentId,
    of: payment.kind,
    amount: payment.amountMinor.toString(),
    currency: payment.currency,
    n: event.n,
    event: event.kind,
    key: event.key,
    code: event.code,
    reference: event.reference,
    atMs: event.atMs,
    ...(postings.length === 0 ? {} : { postings: postings.map(postingTuple) }),
  });
  return { kind: 'bank-payment', ref: `${payment.paymentId}.${event.n}`, bytes };
}

function postingTuple({ postingId, debitAccount, creditAccount, amountMinor, currency }: Posting): string[] {
  return [postingId, debitAccount, creditAccount, amountMinor.toString(), currency];
}
