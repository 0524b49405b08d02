/**
 * One step of one payment: look where it stands, write down what will be asked, ask, write down the answer. It may die at
 * every line: what was written down is asked about again, what was not has not been asked.
 */
import {
  type Acquirer,
  type AcquirerAnswer,
  AcquirerRefused,
  type AuthorisationRequest,
} from './acquirer.ts';
import type { BankTerms, TermsBook } from './bank-terms.ts';
import {
  nextStep,
  type Operation,
  operationOf,
  type Payment,
  type PaymentEvent,
  type PaymentItem,
} from './payment.ts';

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
  /** Key of the request that took that charge. */
  readonly refundsKey: string | null;
}

export type NewEvent = Omit<PaymentEvent, 'n'> & { readonly par?: string };

export interface PaymentStore {
  load(paymentId: string): Promise<PaymentFile | null>;
  /**
   * Adds the next event with all that follows from it, and gives the file with it; `null` = somebody else was there first.
   */
  append(file: PaymentFile, event: NewEvent): Promise<PaymentFile | null>;
  /** Says when the payment is to be looked at again, unless something has happened to it since; `null` = when something happens to it. */
  defer(file: PaymentFile, untilMs: number | null): Promise<void>;
}

export interface PaymentDeps {
  readonly store: PaymentStore;
  readonly acquirer: Acquirer;
  readonly terms: TermsBook;
  readonly nowMs: () => number;
  /** Named points: `bank.asked`, `bank.answered`. */
  readonly probe: (point: string) => Promise<void> | void;
}

/** Steps of one payment in one go at most: asked, approved, asked, cleared. */
const STEPS_MAX = 8;
/** While no package says on which terms banks are asked, a payment rests, and is looked at again after so long. */
const NO_TERMS_MS = 3_600_000;

/**
 * Takes a payment as far as it goes now.
 * @throws AcquirerSilent when no answer came: the same is tried again later, under the same key.
 * @throws AcquirerRefused when the request is not taken, or its acquirer has lost its log.
 */
export async function workPayment(paymentId: string, deps: PaymentDeps): Promise<void> {
  const { store } = deps;
  for (let steps = 0; steps < STEPS_MAX; steps += 1) {
    let file = await store.load(paymentId);
    if (file === null) return;
    const nowMs = deps.nowMs();
    const terms = termsOfPayment(file, deps.terms, nowMs);
    if (terms === null) return store.defer(file, nowMs + NO_TERMS_MS);
    const step = nextStep(file.payment, file.events, terms, nowMs);
    if (step.do === 'wait') return store.defer(file, step.untilMs);
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
    const known = step.do === 'find-out' ? await findOut(file, key, deps) : null;
    const answer = known ?? (await request(file, operation, key, deps));
    await deps.probe('bank.answered');
    await store.append(file, eventOf(operation, key, answer, deps.nowMs()));
  }
}

/**
 * The terms by which a payment was made: those of the oldest day in it, as they were known then. A package that was taken back since is
 * known no more.
 */
function termsOfPayment({ payment, items }: PaymentFile, book: TermsBook, nowMs: number): BankTerms | null {
  const day = items.map(({ fareDay }) => fareDay).sort()[0] ?? null;
  return book.of(day, payment.madeAtMs) ?? book.of(day, nowMs);
}

/** How a request is refused whose acquirer has forgotten what it did before. */
export const LOG_LOST = 'LOG-LOST';

/**
 * What became of a request; `null` = it never arrived, and may be made again. Who says so of all keys has lost its log, or is
 * somebody else: where money could be taken or given twice it is asked about a key that it has answered before.
 * @throws AcquirerRefused when it knows nothing of that one either.
 */
async function findOut(
  { events, refundsKey }: PaymentFile,
  key: string,
  { acquirer }: PaymentDeps,
): Promise<AcquirerAnswer | null> {
  const known = await acquirer.status(key);
  if (known !== null) return known;
  const witnesses = {
    authorise: null,
    clear: events.findLast(({ kind }) => kind === 'approved')?.key ?? null,
    refund: refundsKey,
  };
  const witness = witnesses[operationOf(key)];
  if (witness !== null && (await acquirer.status(witness)) === null) throw new AcquirerRefused(LOG_LOST);
  return null;
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
