/** One debt's payment as far as it goes now: look where it stands, write down what will be asked, ask, write down the answer. */
import {
  type DebtPayment,
  type DebtPaymentEvent,
  type DebtPaymentItem,
  GIVEN_UP_MS,
  nextPollMs,
  paymentKeyOf,
  refundKeyOf,
  standingOfDebtPayment,
} from './debt-payment.ts';
import type { PaymentAnswer, PaymentProvider, ProviderPayment } from './payment-provider.ts';

export interface DebtPaymentFile {
  readonly payment: DebtPayment;
  readonly items: readonly DebtPaymentItem[];
  readonly events: readonly DebtPaymentEvent[];
}

export type NewDebtPaymentEvent = Pick<DebtPaymentEvent, 'kind' | 'atMs'> & Partial<DebtPaymentEvent>;

export interface DebtPaymentStore {
  load(debtPaymentId: string): Promise<DebtPaymentFile | null>;
  /** Adds the next event with all that follows from it; `false` = somebody else was there first. */
  append(file: DebtPaymentFile, event: NewDebtPaymentEvent): Promise<boolean>;
  /** The provider has the money: debts are paid as far as they stand, the rest is to go back. */
  settle(file: DebtPaymentFile, taken: ProviderPayment, atMs: number): Promise<boolean>;
  /** When it is to be looked at again; `null` = when a call comes. */
  defer(debtPaymentId: string, untilMs: number | null): Promise<void>;
}

export interface DebtPaymentDeps {
  readonly store: DebtPaymentStore;
  readonly provider: PaymentProvider;
  readonly nowMs: () => number;
  /** Where its rider comes back to. */
  readonly returnUrl: (payment: DebtPayment) => string;
  /** What the rider reads at the provider's. */
  readonly description: (payment: DebtPayment) => string;
  /** Named points: `debt.asked`, `debt.answered`. */
  readonly probe: (point: string) => Promise<void> | void;
}

/** After so long nobody can pay at the provider's page any more. */
const EXPIRES_S = 1800;
const STEPS_MAX = 8;

/** What became of a turn: `silent` is tried again later, `trouble` needs a person. */
export type TurnOutcome =
  | { readonly outcome: 'rests' }
  | { readonly outcome: 'silent' | 'trouble'; readonly why: string };

const RESTS: TurnOutcome = { outcome: 'rests' };

/** Takes one payment on. Steps go on until it has to wait. */
export async function workDebtPayment(debtPaymentId: string, deps: DebtPaymentDeps): Promise<TurnOutcome> {
  for (let steps = 0; steps < STEPS_MAX; steps += 1) {
    const file = await deps.store.load(debtPaymentId);
    if (file === null) return RESTS;
    const turned = await stepOf(file, deps);
    if (turned !== 'on') return turned;
  }
  await deps.store.defer(debtPaymentId, deps.nowMs());
  return RESTS;
}

async function stepOf(file: DebtPaymentFile, deps: DebtPaymentDeps): Promise<TurnOutcome | 'on'> {
  const { store, nowMs } = deps;
  const { payment, events } = file;
  const standing = standingOfDebtPayment(events);
  switch (standing.phase) {
    case 'new':
      await store.append(file, { kind: 'asked', atMs: nowMs() });
      await deps.probe('debt.asked');
      return 'on';
    case 'asking':
      return opening(file, deps);
    case 'open':
    case 'ended':
      return looking(file, deps);
    case 'over':
      await store.append(file, { kind: 'refund-asked', atMs: nowMs() });
      return 'on';
    case 'refunding':
      return refunding(file, standing, deps);
    case 'done':
      await store.defer(payment.debtPaymentId, null);
      return RESTS;
  }
}

/** Whoever asked may have died: the provider does nothing twice under one key. */
async function opening(file: DebtPaymentFile, deps: DebtPaymentDeps): Promise<TurnOutcome | 'on'> {
  const { payment } = file;
  const answer = await deps.provider.create({
    key: paymentKeyOf(payment),
    amountMinor: payment.amountMinor,
    currency: payment.currency,
    language: payment.language,
    description: deps.description(payment),
    returnUrl: deps.returnUrl(payment),
    expiresInS: EXPIRES_S,
  });
  await deps.probe('debt.answered');
  if (answer.outcome === 'refused') {
    await deps.store.append(file, { kind: 'refused', atMs: deps.nowMs() });
    return { outcome: 'trouble', why: answer.why };
  }
  return heard(file, answer, deps);
}

async function looking(file: DebtPaymentFile, deps: DebtPaymentDeps): Promise<TurnOutcome | 'on'> {
  const answer = await deps.provider.status(paymentKeyOf(file.payment));
  await deps.probe('debt.answered');
  if (answer.outcome !== 'unknown') return heard(file, answer, deps);
  if (standingOfDebtPayment(file.events).phase !== 'ended')
    await deps.store.append(file, { kind: 'expired', atMs: deps.nowMs() });
  else await deps.store.defer(file.payment.debtPaymentId, null);
  return RESTS;
}

/** What the provider says of the payment → the next event. */
async function heard(
  file: DebtPaymentFile,
  answer: PaymentAnswer,
  { store, nowMs }: DebtPaymentDeps,
): Promise<TurnOutcome | 'on'> {
  const { payment, events } = file;
  if (answer.outcome === 'silent') return { outcome: 'silent', why: answer.why };
  if (answer.outcome === 'refused') return { outcome: 'trouble', why: answer.why };
  const said = answer.payment;
  const standing = standingOfDebtPayment(events);
  if (said.state === 'paid') return paid(file, said, { store, nowMs });
  if (said.state === 'open') {
    if (standing.phase === 'asking') {
      const { reference, payUrl } = said;
      await store.append(file, { kind: 'opened', reference, payUrl, atMs: nowMs() });
      return RESTS;
    }
    if (standing.phase !== 'open' || nowMs() - standing.sinceMs < GIVEN_UP_MS) {
      const untilMs = standing.phase === 'open' ? nextPollMs(standing.sinceMs, nowMs()) : null;
      await store.defer(payment.debtPaymentId, untilMs);
      return RESTS;
    }
  }
  if (standing.phase === 'ended') {
    await store.defer(payment.debtPaymentId, null);
    return RESTS;
  }
  const kind = said.state === 'open' ? 'expired' : said.state;
  await store.append(file, { kind, reference: said.reference, atMs: nowMs() });
  return RESTS;
}

/** Money in another currency is nothing that can be posted: a person asks the provider, and its report shows it. */
async function paid(
  file: DebtPaymentFile,
  said: ProviderPayment,
  { store, nowMs }: Pick<DebtPaymentDeps, 'store' | 'nowMs'>,
): Promise<TurnOutcome | 'on'> {
  const { payment, events } = file;
  const why = `${said.amountMinor} ${said.currency} were paid`;
  if (said.currency === payment.currency) {
    await store.settle(file, said, nowMs());
    return said.amountMinor === payment.amountMinor ? 'on' : { outcome: 'trouble', why };
  }
  const { reference } = said;
  if (standingOfDebtPayment(events).phase === 'ended') await store.defer(payment.debtPaymentId, null);
  else await store.append(file, { kind: 'failed', reference, atMs: nowMs() });
  return { outcome: 'trouble', why };
}

async function refunding(
  file: DebtPaymentFile,
  { reference, amountMinor }: { readonly reference: string; readonly amountMinor: bigint },
  { provider, store, nowMs }: DebtPaymentDeps,
): Promise<TurnOutcome | 'on'> {
  const { payment } = file;
  const answer = await provider.refund({
    key: refundKeyOf(payment),
    reference,
    amountMinor,
    currency: payment.currency,
  });
  if (answer.outcome === 'silent') return { outcome: 'silent', why: answer.why };
  if (answer.outcome === 'refunded') {
    await store.append(file, { kind: 'refunded', reference: answer.reference, amountMinor, atMs: nowMs() });
    return RESTS;
  }
  await store.append(file, { kind: 'refund-declined', amountMinor, atMs: nowMs() });
  return { outcome: 'trouble', why: answer.outcome === 'refused' ? answer.why : 'the refund was declined' };
}
