/**
 * A rider pays a debt at the payment provider: what has happened (events, append-only), where it stands, and what is to be done
 * next. Pure. A request is written down before it leaves. What the provider calls is no news, only a reason to ask: paid is
 * what its own answer says, so a call that comes late, twice or never changes nothing.
 */
import type { ProviderPayment } from './payment-provider.ts';

export interface DebtPayment {
  readonly debtPaymentId: string;
  /** First fifteen signs of the reference that its rider typed. */
  readonly reference: string;
  readonly language: 'uk' | 'en' | 'de' | 'pl';
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly madeAtMs: number;
}

/** What of it is for which debt. */
export interface DebtPaymentItem {
  readonly paymentId: string;
  readonly amountMinor: bigint;
}

export type DebtPaymentEventKind =
  | 'asked'
  /** The provider's page is open to the rider. */
  | 'opened'
  /** It took this amount. */
  | 'paid'
  /** So much of it pays no debt: another sum, or a debt that was paid elsewhere meanwhile. It goes back. */
  | 'over'
  | 'refund-asked'
  | 'refunded'
  /** The provider gives it not back: a person has to. */
  | 'refund-declined'
  /** The provider will never take the request. */
  | 'refused'
  | 'failed'
  | 'cancelled'
  | 'expired';

export interface DebtPaymentEvent {
  readonly n: number;
  readonly kind: DebtPaymentEventKind;
  /** The provider's name of the payment, or of the refund. */
  readonly reference: string | null;
  readonly amountMinor: bigint | null;
  readonly payUrl: string | null;
  readonly atMs: number;
}

export type DebtPaymentStanding =
  | { readonly phase: 'new' }
  | { readonly phase: 'asking' }
  | { readonly phase: 'open'; readonly payUrl: string; readonly sinceMs: number }
  /** Nothing was paid; its debts are free again. A call may still say otherwise. */
  | { readonly phase: 'ended'; readonly how: 'failed' | 'cancelled' | 'expired' | 'refused' }
  | { readonly phase: 'over'; readonly reference: string; readonly amountMinor: bigint }
  | { readonly phase: 'refunding'; readonly reference: string; readonly amountMinor: bigint }
  | { readonly phase: 'done'; readonly how: 'paid' | 'refunded' | 'refund-declined' };

/** Keys under which the provider is asked. */
export const paymentKeyOf = ({ debtPaymentId }: DebtPayment): string => debtPaymentId;
export const refundKeyOf = ({ debtPaymentId }: DebtPayment): string => `${debtPaymentId}.refund`;

/** Where it stands after its events, in their order. */
export function standingOfDebtPayment(events: readonly DebtPaymentEvent[]): DebtPaymentStanding {
  let standing: DebtPaymentStanding = { phase: 'new' };
  let reference = '';
  let overMinor = 0n;
  for (const event of events) {
    switch (event.kind) {
      case 'asked':
        standing = { phase: 'asking' };
        break;
      case 'opened':
        standing = { phase: 'open', payUrl: event.payUrl ?? '', sinceMs: event.atMs };
        break;
      case 'paid':
        reference = event.reference ?? '';
        standing = { phase: 'done', how: 'paid' };
        break;
      case 'over':
        overMinor = event.amountMinor ?? 0n;
        standing = { phase: 'over', reference, amountMinor: overMinor };
        break;
      case 'refund-asked':
        standing = { phase: 'refunding', reference, amountMinor: overMinor };
        break;
      case 'refunded':
      case 'refund-declined':
        standing = { phase: 'done', how: event.kind };
        break;
      default:
        standing = { phase: 'ended', how: event.kind };
    }
  }
  return standing;
}

/** Whether its debts are kept for it: no bank is asked for them meanwhile. */
export function isUnderWay({ phase }: DebtPaymentStanding): boolean {
  return phase === 'new' || phase === 'asking' || phase === 'open';
}

const POLL_MS_MIN = 2000;
const POLL_MS_MAX = 60_000;
/** A provider that calls a payment open for so long, against its own end, is not asked any more. */
export const GIVEN_UP_MS = 2 * 86_400_000;

/** When an open payment is asked about again, where no call comes first: soon at the beginning, seldom later. */
export function nextPollMs(sinceMs: number, nowMs: number): number {
  return nowMs + Math.min(POLL_MS_MAX, Math.max(POLL_MS_MIN, Math.floor((nowMs - sinceMs) / 4)));
}

/** A debt as it stands when the provider has been paid. */
export interface DebtThen {
  readonly paymentId: string;
  /** What is owed of it now, by anybody; 0 = it was paid elsewhere, withdrawn, or its bank is being asked. */
  readonly owedMinor: bigint;
}

/** How money that the provider has taken is shared: what pays which debt, and what goes back. */
export interface Shared {
  readonly pays: readonly DebtPaymentItem[];
  readonly overMinor: bigint;
}

/**
 * Another amount or currency than was asked for pays nothing: what a rider meant by it nobody knows, so all of it goes back.
 * Otherwise each debt gets its part as far as it is still owed.
 */
export function sharePaid(
  wish: Pick<DebtPayment, 'amountMinor' | 'currency'>,
  items: readonly DebtPaymentItem[],
  debts: readonly DebtThen[],
  taken: Pick<ProviderPayment, 'amountMinor' | 'currency'>,
): Shared {
  if (taken.amountMinor !== wish.amountMinor || taken.currency !== wish.currency)
    return { pays: [], overMinor: taken.amountMinor };
  const owed = new Map(debts.map(({ paymentId, owedMinor }) => [paymentId, owedMinor]));
  const pays = items
    .map(({ paymentId, amountMinor }) => {
      const owedMinor = owed.get(paymentId) ?? 0n;
      return { paymentId, amountMinor: owedMinor < amountMinor ? owedMinor : amountMinor };
    })
    .filter(({ amountMinor }) => amountMinor > 0n);
  const used = pays.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
  return { pays, overMinor: taken.amountMinor - used };
}
