/**
 * One step of one payment: look where it stands, write down what will be asked, ask, write down the answer. It may die at
 * every line: what was written down is asked about again, what was not has not been asked.
 */
import type { Acquirer, AcquirerAnswer, AuthorisationRequest } from './acquirer.ts';
import type { BankTerms } from './bank-terms.ts';
import { nextStep, type Operation, type Payment, type PaymentEvent, type PaymentItem } from './payment.ts';

/** A payment with its history and what its requests need. */
export interface PaymentFile {
  readonly payment: Payment;
  readonly items: readonly PaymentItem[];
  readonly events: readonly PaymentEvent[];
  /** Sealed data of the tap that the payment names. */
  readonly authorisation: string;
  readonly acquirerKeyId: string;
  /** Acquirer's reference of the charge that a refund gives back. */
  readonly refundsReference: string | null;
}

export type NewEvent = Omit<PaymentEvent, 'n'> & { readonly par?: string };

export interface PaymentStore {
  load(paymentId: string): Promise<PaymentFile | null>;
  /**
   * Adds the next event with all that follows from it, and gives the file with it; `null` = somebody else was there first.
   */
  append(file: PaymentFile, event: NewEvent): Promise<PaymentFile | null>;
  /** Says when the payment is to be looked at again; `null` = when something happens to it. */
  defer(paymentId: string, untilMs: number | null): Promise<void>;
}

export interface PaymentDeps {
  readonly store: PaymentStore;
  readonly acquirer: Acquirer;
  readonly terms: BankTerms;
  readonly nowMs: () => number;
  /** Named points: `bank.asked`, `bank.answered`. */
  readonly probe: (point: string) => Promise<void> | void;
}

/** Steps of one payment in one go at most: asked, approved, asked, cleared. */
const STEPS_MAX = 8;

/**
 * Takes a payment as far as it goes now.
 * @throws AcquirerSilent when no answer came: the same is tried again later, under the same key.
 */
export async function workPayment(paymentId: string, deps: PaymentDeps): Promise<void> {
  const { store, terms } = deps;
  for (let steps = 0; steps < STEPS_MAX; steps += 1) {
    let file = await store.load(paymentId);
    if (file === null) return;
    const nowMs = deps.nowMs();
    const step = nextStep(file.payment, file.events, terms, nowMs);
    if (step.do === 'wait') return store.defer(paymentId, step.untilMs);
    if (step.do === 'write-off') {
      await store.append(file, blank('written-off', nowMs));
      continue;
    }
    const { key, operation } = step;
    if (step.do === 'ask') {
      // Who did not write it down does not ask: another worker has.
      file = await store.append(file, { ...blank('asked', nowMs), key });
      if (file === null) continue;
      await deps.probe('bank.asked');
    }
    const known = step.do === 'find-out' ? await deps.acquirer.status(key) : null;
    const answer = known ?? (await request(file, operation, key, deps));
    await deps.probe('bank.answered');
    await store.append(file, eventOf(operation, key, answer, deps.nowMs()));
  }
  await store.defer(paymentId, deps.nowMs());
}

function request(
  { payment, events, authorisation, acquirerKeyId, refundsReference }: PaymentFile,
  operation: Operation,
  key: string,
  { acquirer }: PaymentDeps,
): Promise<AcquirerAnswer> {
  const { amountMinor, currency } = payment;
  if (operation === 'authorise') {
    const again = events.some(({ kind }) => kind === 'declined' || kind === 'charged-back');
    const purpose: AuthorisationRequest['purpose'] =
      payment.kind === 'nominal' ? 'nominal' : again ? 'recovery' : 'charge';
    return acquirer.authorise({ key, purpose, amountMinor, currency, authorisation, acquirerKeyId });
  }
  if (operation === 'refund')
    return acquirer.refund({ key, reference: refundsReference ?? '', amountMinor, currency });
  const approved = events.findLast(({ kind }) => kind === 'approved');
  return acquirer.clear({ key, reference: approved?.reference ?? '', amountMinor, currency });
}

function eventOf(operation: Operation, key: string, answer: AcquirerAnswer, atMs: number): NewEvent {
  if (answer.outcome === 'declined') return { ...blank('declined', atMs), key, code: answer.code };
  const kinds = { authorise: 'approved', clear: 'cleared', refund: 'refunded' } as const;
  const { code, reference, par } = answer;
  return { ...blank(kinds[operation], atMs), key, code, reference, ...(par !== undefined && { par }) };
}

function blank(kind: PaymentEvent['kind'], atMs: number): NewEvent {
  return { kind, key: null, code: null, reference: null, amountMinor: null, atMs };
}
