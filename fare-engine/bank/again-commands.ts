/** The command by which a person takes up a payment whose request the acquirer would not take. */
import type { Payload } from '../command-kinds.ts';
import type { Desk, Naming, Refusal } from '../commands.ts';

/** A payment that goes on: asked for again under its key, or withdrawn, so that its days are asked for anew. */
export interface TakenUp {
  readonly paymentId: string;
  readonly how: 'again' | 'anew';
  readonly knownFromMs: number;
}

export function takeUpPayment(
  { paymentId, how, risk }: Payload<'take-up-payment'>,
  { knownFromMs }: Naming,
  { context, writes }: Desk,
): Refusal {
  const debt = context.bank.debts.get(paymentId);
  if (debt === undefined) return { reason: 'DEBT_UNKNOWN', detail: paymentId };
  const twice = writes.takenUp.some((one) => one.paymentId === paymentId);
  if (debt.refused === null || twice) return { reason: 'PAYMENT_NOT_REFUSED', detail: paymentId };
  if (how === 'anew' && debt.refused === 'clear') return { reason: 'PAYMENT_AUTHORISED', detail: paymentId };
  // The same key has the same answer.
  if (how === 'again' && debt.declined) return { reason: 'PAYMENT_DECLINED', detail: paymentId };
  if (how === 'anew' && debt.refused === 'refund' && !debt.declined && risk !== 'paid-twice')
    return { reason: 'REFUND_MAY_BE_DONE', detail: paymentId };
  writes.takenUp.push({ paymentId, how, knownFromMs });
  return null;
}
