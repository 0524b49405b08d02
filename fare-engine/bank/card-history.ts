/** What a card's payments say of the card: whether its bank trusts it, whether it owes. Pure. */

import {
  isDeclinedRefund,
  isDisputed,
  isOwed,
  isPayable,
  type Payment,
  type PaymentEvent,
  standingOf,
  sumsOf,
} from './payment.ts';
import type { CardBooks } from './plan-payments.ts';

export interface PaymentHistory {
  readonly payment: Payment;
  readonly events: readonly PaymentEvent[];
}

type FromHistory = Pick<
  CardBooks,
  | 'lastWordMs'
  | 'distrusted'
  | 'unansweredMinor'
  | 'nominalUnderWay'
  | 'refundable'
  | 'refundsDeclined'
  | 'debts'
  | 'disputed'
> & {
  /** Whether the card has to be on the deny list. */
  readonly owes: boolean;
};

/** `history`: a card's latest payments and all of which something is owed, the latest first. */
export function readHistory(history: readonly PaymentHistory[]): FromHistory {
  const words = history
    .filter(({ payment }) => payment.kind !== 'refund')
    .flatMap(({ payment, events }) =>
      events
        .filter(({ kind }) => kind === 'approved' || kind === 'declined' || kind === 'paid')
        .map(({ kind, atMs, n }) => ({ of: payment.kind, said: kind, atMs, n })),
    )
    .sort((a, b) => a.atMs - b.atMs || a.n - b.n);
  const last = words.at(-1);
  const standings = history.map(({ payment, events }) => ({
    payment,
    standing: standingOf(payment, events),
    sums: sumsOf(payment, events),
    disputed: isDisputed(events),
  }));
  const payable = standings.filter(({ standing }) => isPayable(standing));
  const distrusted = last !== undefined && last.of === 'nominal' && last.said === 'declined';
  return {
    lastWordMs: last?.atMs ?? null,
    distrusted,
    unansweredMinor: standings
      .filter(({ payment, standing }) => payment.kind === 'charge' && isUnanswered(standing))
      .reduce((sum, { payment }) => sum + payment.amountMinor, 0n),
    nominalUnderWay: standings.some(
      ({ payment, standing }) => payment.kind === 'nominal' && standing.phase !== 'done',
    ),
    // Of what a bank has taken back it takes nothing back again.
    refundable: standings
      .filter(({ payment, sums, disputed }) => payment.kind === 'charge' && sums.cleared && !disputed)
      .map(({ payment }) => ({
        paymentId: payment.paymentId,
        leftMinor: payment.amountMinor - givenBackOf(payment, history),
      }))
      .filter(({ leftMinor }) => leftMinor > 0n),
    refundsDeclined: declinedInARow(history),
    debts: payable
      .filter(({ standing, disputed }) => standing.phase === 'debt' && !disputed)
      .map(({ payment }) => payment.paymentId),
    disputed: payable
      .filter(({ disputed }) => disputed)
      .map(({ payment, sums }) => ({ paymentId: payment.paymentId, owedMinor: sums.owedMinor })),
    owes: distrusted || standings.some(({ standing }) => isOwed(standing)),
  };
}

/** Refunds that its bank has declined since one was done, or a person took one up anew; the latest first. */
function declinedInARow(history: readonly PaymentHistory[]): CardBooks['refundsDeclined'] {
  const refunds = history
    .filter(({ payment }) => payment.kind === 'refund')
    .sort((a, b) => b.payment.madeAtMs - a.payment.madeAtMs);
  const end = refunds.findIndex(({ payment, events }) => {
    const withdrawn = events.some(({ kind }) => kind === 'withdrawn');
    return withdrawn || !isDeclinedRefund(payment, events);
  });
  return refunds.slice(0, end < 0 ? undefined : end).map(({ payment, events }) => ({
    paymentId: payment.paymentId,
    atMs: events.findLast(({ kind }) => kind === 'declined')?.atMs ?? 0,
    rests: events.some(({ kind }) => kind === 'refused'),
  }));
}

/** What refunds give back of a charge, those under way included. */
function givenBackOf({ paymentId }: Payment, history: readonly PaymentHistory[]): bigint {
  return history
    .filter(({ payment }) => payment.kind === 'refund' && payment.refunds === paymentId)
    .filter(({ payment, events }) => {
      const standing = standingOf(payment, events);
      return (
        !isDeclinedRefund(payment, events) && !(standing.phase === 'done' && standing.how === 'withdrawn')
      );
    })
    .reduce((sum, { payment }) => sum + payment.amountMinor, 0n);
}

function isUnanswered({ phase }: ReturnType<typeof standingOf>): boolean {
  return phase === 'new' || phase === 'asking' || phase === 'refused';
}
