/** The command by which a debt of a bank card is paid: at a point of sale, or by whoever took the money for the city. */
import type { Payload } from '../command-kinds.ts';
import type { Desk, Naming, Refusal } from '../commands.ts';
import type { Operation } from './payment.ts';

/** What must be known of a payment before its debt is paid. */
export interface DebtNow {
  /** What is owed of it now. */
  readonly amountMinor: bigint;
  readonly currency: string;
  /** Refused or charged back, or written off, and its bank is not being asked just now. */
  readonly payable: boolean;
  /** The request that the acquirer would not take, where it waits for a person. */
  readonly refused: Operation | null;
  /** Whether its bank has said no to giving it back: then it was surely not done. */
  readonly declined: boolean;
}

/** A debt that was paid; the card comes off the deny list with it. */
export interface PaidDebt {
  readonly paymentId: string;
  /** The till or provider that has the money. */
  readonly source: string;
  /** Under which it knows the payment. */
  readonly reference: string;
  readonly amountMinor: bigint;
  readonly knownFromMs: number;
}

/** Payments that these commands speak of, for the adapter to load. */
export function debtsNamed(
  commands: readonly { readonly kind: string; readonly payload: unknown }[],
): string[] {
  return commands
    .filter(({ kind }) => kind === 'pay-debt' || kind === 'take-up-payment' || kind === 'move-chargeback')
    .map(({ payload }) => (payload as Record<string, unknown> | null)?.['paymentId'])
    .filter((id): id is string => typeof id === 'string');
}

/** A debt is paid whole, once, and not while its bank is being asked for it. */
export function payDebt(payload: Payload<'pay-debt'>, { knownFromMs }: Naming, desk: Desk): Refusal {
  const { paymentId, source, reference, amountMinor, currency } = payload;
  const debt = desk.context.bank.debts.get(paymentId);
  if (debt === undefined) return { reason: 'DEBT_UNKNOWN', detail: paymentId };
  const twice = desk.writes.debtsPaid.some((paid) => paid.paymentId === paymentId);
  if (!debt.payable || twice) return { reason: 'DEBT_NOT_PAYABLE', detail: paymentId };
  if (debt.amountMinor !== BigInt(amountMinor) || debt.currency !== currency)
    return { reason: 'DEBT_AMOUNT_DIFFERS', detail: `${debt.amountMinor} ${debt.currency} are owed` };
  desk.writes.debtsPaid.push({ paymentId, source, reference, amountMinor: debt.amountMinor, knownFromMs });
  return null;
}
