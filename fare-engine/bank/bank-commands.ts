/** Commands about bank cards' money, by their kind. */
import type { Payload } from '../command-kinds.ts';
import type { Desk, Naming, Refusal } from '../commands.ts';
import { type TakenUp, takeUpPayment } from './again-commands.ts';
import { bookMoney } from './book-commands.ts';
import { type ChargebackMove, type ChargebackNow, moveChargeback } from './chargeback-commands.ts';
import { type DebtNow, type PaidDebt, payDebt } from './debt-commands.ts';
import { type ChargebackRead, type MalformedNow, readChargeback } from './malformed-commands.ts';
import type { PaymentBooks } from './post-payment.ts';

/** What must be known before they are decided. */
export interface BankContext {
  /** Payments that they name, as they stand. */
  readonly debts: ReadonlyMap<string, DebtNow>;
  /** The same payments with what they are made of. */
  readonly books: ReadonlyMap<string, PaymentBooks>;
  /** Chargebacks that they name, or the numbers of which they give, by `<acquirer>.<n>`. */
  readonly chargebacks: ReadonlyMap<string, ChargebackNow>;
  /** Chargebacks without their form that they name, by `<acquirer>.<hash>`. */
  readonly malformed: ReadonlyMap<string, MalformedNow>;
  /** Media that they take off the deny list, for good or until a later date, and that owe. */
  readonly owing: ReadonlySet<string>;
}

/** What they write. */
export interface BankWrites {
  readonly debtsPaid: PaidDebt[];
  readonly takenUp: TakenUp[];
  readonly chargebackMoves: ChargebackMove[];
  readonly chargebacksRead: ChargebackRead[];
}

export function noBankWrites(): BankWrites {
  return { debtsPaid: [], takenUp: [], chargebackMoves: [], chargebacksRead: [] };
}

export function obeyBank(
  kind: 'pay-debt' | 'take-up-payment' | 'book-money' | 'move-chargeback' | 'read-chargeback',
  payload: unknown,
  naming: Naming,
  desk: Desk,
): Refusal {
  switch (kind) {
    case 'pay-debt':
      return payDebt(payload as Payload<'pay-debt'>, naming, desk);
    case 'take-up-payment':
      return takeUpPayment(payload as Payload<'take-up-payment'>, naming, desk);
    case 'book-money':
      return bookMoney(payload as Payload<'book-money'>, naming, desk);
    case 'move-chargeback':
      return moveChargeback(payload as Payload<'move-chargeback'>, naming, desk);
    case 'read-chargeback':
      return readChargeback(payload as Payload<'read-chargeback'>, naming, desk);
  }
}
