/** Debts of bank cards as commands meet them, in the commands' transaction. */
import type pg from 'pg';
import type { DebtNow, PaidDebt } from '../bank/debt-commands.ts';
import { isPayable, standingOf } from '../bank/payment.ts';
import { appendEvent, loadPayment, PLAN_LOCK } from './postgres-bank.ts';

/** The debts that are named, as they stand; their cards' payments stay as they are until the transaction ends. */
export async function loadDebts(
  client: pg.PoolClient,
  paymentIds: readonly string[],
): Promise<ReadonlyMap<string, DebtNow>> {
  const debts = new Map<string, DebtNow>();
  if (paymentIds.length === 0) return debts;
  await client.query('SELECT pg_advisory_xact_lock($1)', [PLAN_LOCK]);
  for (const paymentId of new Set(paymentIds)) {
    const file = await loadPayment(client, paymentId);
    if (file === null) continue;
    const { amountMinor, currency } = file.payment;
    debts.set(paymentId, {
      amountMinor,
      currency,
      payable: isPayable(standingOf(file.payment, file.events)),
    });
  }
  return debts;
}

/** Writes that they were paid: event, postings, leaf, and the end of the denial. */
export async function payDebts(client: pg.PoolClient, paid: readonly PaidDebt[]): Promise<void> {
  for (const { paymentId, source, reference, knownFromMs } of paid) {
    const file = await loadPayment(client, paymentId);
    const event = {
      kind: 'paid',
      key: null,
      code: null,
      reference,
      amountMinor: null,
      atMs: knownFromMs,
    } as const;
    const added =
      file === null
        ? null
        : await appendEvent(client, file, event, { acquirerId: source, providerId: source });
    if (added === null) throw new Error(`the payment ${paymentId} has changed under its lock`);
  }
}
