/** What a bank took back: whose debt it becomes, and where it stands when it is nobody's. Pure. */
import { BANK_CHARGEBACKS, clearingAccount } from '../ledger/chart-of-accounts.ts';
import type { Posting } from '../ledger/post-line.ts';
import type { AuditLeaf } from '../ports.ts';
import type { Chargeback } from './acquirer.ts';
import { sumsOf } from './payment.ts';
import { type PaymentBooks, postingTuple } from './post-payment.ts';

/** Why a chargeback is nobody's debt. */
export type ChargebackProblem =
  /** No clearing has its reference. */
  | 'unknown'
  | 'currency'
  /** More than what is left of the clearing. */
  | 'too-much'
  /** It takes nothing back. */
  | 'nothing';

/** `null` = it is a debt of this payment, whole or a part. */
export function judgeChargeback(
  { amountMinor, currency }: Pick<Chargeback, 'amountMinor' | 'currency'>,
  books: PaymentBooks | null,
): ChargebackProblem | null {
  if (amountMinor === 0n) return 'nothing';
  if (books === null) return 'unknown';
  if (books.payment.currency !== currency) return 'currency';
  const { cleared, backMinor } = sumsOf(books.payment, books.events);
  return cleared && backMinor + amountMinor <= books.payment.amountMinor ? null : 'too-much';
}

/** The acquirer has the money back, whoever owes it: it waits where nobody can be named for it. */
export function misfitPosting({ n, amountMinor, currency }: Chargeback, acquirerId: string): Posting[] {
  if (amountMinor === 0n) return [];
  return [
    {
      postingId: `chargeback:${acquirerId}.${n}`,
      debitAccount: BANK_CHARGEBACKS,
      creditAccount: clearingAccount(acquirerId),
      amountMinor,
      currency,
      tapId: null,
      revision: null,
      source: `chargeback:${acquirerId}.${n}`,
      reverses: null,
    },
  ];
}

export function misfitLeaf(
  { n, reference, code, amountMinor, currency }: Chargeback,
  problem: ChargebackProblem,
  acquirerId: string,
  atMs: number,
  postings: readonly Posting[],
): AuditLeaf {
  const said = { acquirerId, n, reference, code, amount: amountMinor.toString(), currency };
  const kind = 'bank-payment';
  const posted = postings.length === 0 ? {} : { postings: postings.map(postingTuple) };
  const bytes = JSON.stringify({ v: 1, kind, of: 'chargeback', ...said, problem, atMs, ...posted });
  return { kind, ref: `chargeback:${acquirerId}.${n}`, bytes };
}
