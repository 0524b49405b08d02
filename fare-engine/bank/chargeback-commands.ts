/**
 * The command by which a person says whose a chargeback is that fitted no payment. It leaves `suspense:bank-chargebacks`:
 *
 *   payment   rider:<account>   → suspense   it is this payment's after all; its rider owes it
 *   loss      loss:chargebacks  → suspense   the city bears it
 *   acquirer  clearing:<name>   → suspense   the acquirer has given the money back
 */
import type { Payload } from '../command-kinds.ts';
import type { Desk, Naming, Refusal } from '../commands.ts';
import { BANK_CHARGEBACKS, CHARGEBACK_LOSS, clearingAccount } from '../ledger/chart-of-accounts.ts';
import { judgeChargeback } from './chargeback.ts';

/** A chargeback as a command meets it. */
export interface ChargebackNow {
  readonly amountMinor: bigint;
  readonly currency: string;
  /** The bank's reason. */
  readonly code: string;
  /** Of the clearing, as the acquirer named it. */
  readonly reference: string;
  /** It fitted nothing, and nobody has said whose it is. */
  readonly waits: boolean;
}

/** Where a chargeback has gone. */
export interface ChargebackMove {
  readonly acquirerId: string;
  readonly n: number;
  readonly moved: 'payment' | 'loss' | 'acquirer';
  readonly paymentId: string | null;
  readonly chargeback: ChargebackNow;
  readonly reason: string;
  readonly saidBy: string;
  readonly knownFromMs: number;
}

/** What a chargeback is known by. */
export function chargebackKey(acquirerId: string, n: number): string {
  return `${acquirerId}.${n}`;
}

/** What is read of a payload before it is parsed. */
interface Said {
  readonly acquirerId?: unknown;
  readonly n?: unknown;
  readonly chargeback?: { readonly n?: unknown } | null;
}

/** Chargebacks that these commands speak of, or the numbers of which they give, for the adapter to load. */
export function chargebacksNamed(
  commands: readonly { readonly kind: string; readonly payload: unknown }[],
): { readonly acquirerId: string; readonly n: number }[] {
  return commands
    .filter(({ kind }) => kind === 'move-chargeback' || kind === 'read-chargeback')
    .map(({ payload }) => payload as Said | null)
    .flatMap((said) => {
      const n = said?.n ?? said?.chargeback?.n;
      return typeof said?.acquirerId === 'string' && Number.isSafeInteger(n)
        ? [{ acquirerId: said.acquirerId, n: n as number }]
        : [];
    });
}

export function moveChargeback(
  { acquirerId, n, to, paymentId: named, reason, by }: Payload<'move-chargeback'>,
  { knownFromMs }: Naming,
  { context, writes }: Desk,
): Refusal {
  const paymentId = named ?? null;
  const key = chargebackKey(acquirerId, n);
  const chargeback = context.bank.chargebacks.get(key);
  if (chargeback === undefined) return { reason: 'CHARGEBACK_UNKNOWN', detail: key };
  const twice = writes.chargebackMoves.some((move) => move.acquirerId === acquirerId && move.n === n);
  if (!chargeback.waits || twice) return { reason: 'CHARGEBACK_NOT_WAITING', detail: key };
  if ((to === 'payment') !== (paymentId !== null))
    return { reason: 'COMMAND_MALFORMED', detail: 'a payment is named where it goes to one, and only there' };
  if (paymentId !== null) {
    const books = context.bank.books.get(paymentId);
    if (books === undefined) return { reason: 'DEBT_UNKNOWN', detail: paymentId };
    const before = writes.chargebackMoves
      .filter((move) => move.paymentId === paymentId)
      .reduce((sum, move) => sum + move.chargeback.amountMinor, 0n);
    const all = { amountMinor: before + chargeback.amountMinor, currency: chargeback.currency };
    const problem = judgeChargeback(all, books);
    if (problem !== null) return { reason: 'CHARGEBACK_DOES_NOT_FIT', detail: `${paymentId}: ${problem}` };
  }
  const { amountMinor, currency } = chargeback;
  if (to !== 'payment' && amountMinor > 0n)
    writes.postings.push({
      postingId: `chargeback:${key}.moved`,
      debitAccount: to === 'loss' ? CHARGEBACK_LOSS : clearingAccount(acquirerId),
      creditAccount: BANK_CHARGEBACKS,
      ...{ amountMinor, currency, tapId: null, revision: null },
      ...{ source: `chargeback:${key}`, reverses: null },
    });
  writes.chargebackMoves.push({
    ...{ acquirerId, n, moved: to, paymentId, chargeback, reason, saidBy: by, knownFromMs },
  });
  return null;
}
