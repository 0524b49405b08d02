/** What a card's payments say of the card: whether its bank trusts it, whether it owes. Pure. */

import { isOwed, isPayable, type Payment, type PaymentEvent, standingOf } from './payment.ts';
import type { CardBooks } from './plan-payments.ts';

export interface PaymentHistory {
  readonly payment: Payment;
  readonly events: readonly PaymentEvent[];
}

type FromHistory = Pick<
  CardBooks,
  'lastWordMs' | 'distrusted' | 'nominalUnderWay' | 'refundable' | 'debts'
> & {
  /** Whether the card has to be on the deny list. */
  readonly owes: boolean;
};

/** `history`: a card's payments, the latest first. */
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
    givenBack: givenBackOf(payment, history),
  }));
  const distrusted = last !== undefined && last.of === 'nominal' && last.said === 'declined';
  return {
    lastWordMs: last?.atMs ?? null,
    distrusted,
    nominalUnderWay: standings.some(
      ({ payment, standing }) => payment.kind === 'nominal' && standing.phase !== 'done',
    ),
    refundable: standings
      .filter(({ payment, standing }) => payment.kind === 'charge' && wasTaken(standing))
      .map(({ payment, givenBack }) => ({
        paymentId: payment.paymentId,
        leftMinor: payment.amountMinor - givenBack,
      }))
      .filter(({ leftMinor }) => leftMinor > 0n),
    debts: standings
      .filter(({ standing }) => isPayable(standing) && standing.phase === 'debt')
      .map(({ payment }) => payment.paymentId),
    owes: distrusted || standings.some(({ standing }) => isOwed(standing)),
  };
}

function wasTaken(standing: ReturnType<typeof standingOf>): boolean {
  return standing.phase === 'done' && standing.how === 'cleared';
}

/** What refunds give back of a charge, those under way included. */
function givenBackOf({ paymentId }: Payment, history: readonly PaymentHistory[]): bigint {
  return history
    .filter(({ payment }) => payment.refunds === paymentId)
    .filter(({ payment, events }) => {
      const standing = standingOf(payment, events);
      return !(standing.phase === 'done' && standing.how === 'bad');
    })
    .reduce((sum, { payment }) => sum + payment.amountMinor, 0n);
}
