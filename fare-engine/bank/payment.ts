/**
 * One payment: what has happened to it (events, append-only), where it stands, and what is to be done next. Pure. A request
 * is written down (`asked`) before it leaves, so after a death or a lost answer its key is known and the acquirer is asked what
 * became of it, never to do it a second time.
 */
import { type BankTerms, mayAskAgain } from './bank-terms.ts';

export interface Payment {
  readonly paymentId: string;
  /** `nominal`: is the card good? `charge`: the rides of some days. `refund`: something back of a charge. */
  readonly kind: 'nominal' | 'charge' | 'refund';
  readonly tokenId: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly tapId: string;
  readonly refunds: string | null;
  readonly madeAtMs: number;
}

/** An amount of a fare day in a payment: above zero owed, below zero given back. */
export interface PaymentItem {
  readonly fareDay: string;
  readonly accountId: string;
  readonly amountMinor: bigint;
}

export type PaymentEventKind =
  | 'asked'
  | 'approved'
  | 'declined'
  | 'cleared'
  | 'refunded'
  /** Its rider has begun to pay it at the payment provider; nobody else asks meanwhile. */
  | 'held'
  | 'released'
  /** Paid at the payment provider. */
  | 'paid'
  | 'charged-back'
  | 'written-off'
  /** Its items are owed anew: another payment takes its place. */
  | 'withdrawn';

export interface PaymentEvent {
  readonly n: number;
  readonly kind: PaymentEventKind;
  readonly key: string | null;
  readonly code: string | null;
  readonly reference: string | null;
  readonly amountMinor: bigint | null;
  readonly atMs: number;
}

/** Where a payment stands. */
export type Standing =
  | { readonly phase: 'new' }
  | { readonly phase: 'asking'; readonly key: string; readonly operation: Operation }
  /** Authorised, and not taken yet. */
  | { readonly phase: 'approved'; readonly reference: string }
  /** The rider owes it: refused, or charged back. */
  | { readonly phase: 'debt'; readonly code: string; readonly refusals: number; readonly sinceMs: number }
  | { readonly phase: 'held'; readonly key: string; readonly sinceMs: number }
  | { readonly phase: 'written-off'; readonly sinceMs: number }
  | { readonly phase: 'done'; readonly how: 'good' | 'cleared' | 'refunded' | 'paid' | 'withdrawn' | 'bad' };

export type Operation = 'authorise' | 'clear' | 'refund';

/** Key of a request: the payment, what is asked, and which time it is. */
export function requestKey(paymentId: string, operation: Operation, time: number): string {
  return `${paymentId}.${operation}.${time}`;
}

export function operationOf(key: string): Operation {
  return key.split('.')[1] as Operation;
}

/** How many times an operation was asked for, as far as events say. */
function timesAsked(events: readonly PaymentEvent[], operation: Operation): number {
  return events.filter(({ kind, key }) => kind === 'asked' && operationOf(key ?? '') === operation).length;
}

/** Where it stands after its events, in their order. */
export function standingOf({ kind }: Payment, events: readonly PaymentEvent[]): Standing {
  let standing: Standing = { phase: 'new' };
  let refusals = 0;
  let sinceMs = 0;
  let before: Standing = standing;
  for (const event of events) {
    const was: Standing = standing;
    switch (event.kind) {
      case 'asked':
        standing = { phase: 'asking', key: event.key ?? '', operation: operationOf(event.key ?? '') };
        break;
      case 'approved':
        standing =
          kind === 'nominal'
            ? { phase: 'done', how: 'good' }
            : { phase: 'approved', reference: event.reference ?? '' };
        break;
      case 'declined':
      case 'charged-back':
        if (kind !== 'charge') {
          standing = { phase: 'done', how: 'bad' };
          break;
        }
        refusals += 1;
        if (sinceMs === 0) sinceMs = event.atMs;
        standing = { phase: 'debt', code: event.code ?? '', refusals, sinceMs };
        break;
      case 'held':
        before = was;
        standing = { phase: 'held', key: event.key ?? '', sinceMs: event.atMs };
        break;
      case 'released':
        standing = before;
        break;
      case 'written-off':
        standing = { phase: 'written-off', sinceMs: event.atMs };
        break;
      case 'cleared':
      case 'refunded':
      case 'paid':
      case 'withdrawn':
        standing = { phase: 'done', how: event.kind };
        break;
    }
  }
  return standing;
}

/** What is to be done with a payment now, or when to look at it again; `null` = never, unless something happens to it. */
export type Step =
  | { readonly do: 'ask'; readonly operation: Operation; readonly key: string; readonly again: boolean }
  /** What became of this request? It may have been done. */
  | { readonly do: 'find-out'; readonly operation: Operation; readonly key: string }
  | { readonly do: 'write-off' }
  | { readonly do: 'wait'; readonly untilMs: number | null };

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export function nextStep(
  payment: Payment,
  events: readonly PaymentEvent[],
  terms: Pick<BankTerms, 'retryAfterH' | 'writeOffAfterDays' | 'codes'>,
  nowMs: number,
): Step {
  const standing = standingOf(payment, events);
  const ask = (operation: Operation): Step => {
    const time = timesAsked(events, operation) + 1;
    return {
      do: 'ask',
      operation,
      key: requestKey(payment.paymentId, operation, time),
      again: operation === 'authorise' && time > 1,
    };
  };
  switch (standing.phase) {
    case 'new':
      return ask(payment.kind === 'refund' ? 'refund' : 'authorise');
    case 'asking':
      return { do: 'find-out', operation: standing.operation, key: standing.key };
    case 'approved':
      return ask('clear');
    case 'debt':
      return stepOfDebt(standing, events, terms, nowMs, ask);
    default:
      return { do: 'wait', untilMs: null };
  }
}

function stepOfDebt(
  { code, refusals, sinceMs }: Extract<Standing, { phase: 'debt' }>,
  events: readonly PaymentEvent[],
  terms: Pick<BankTerms, 'retryAfterH' | 'writeOffAfterDays' | 'codes'>,
  nowMs: number,
  ask: (operation: Operation) => Step,
): Step {
  const lostMs = sinceMs + terms.writeOffAfterDays * DAY_MS;
  if (nowMs >= lostMs) return { do: 'write-off' };
  const afterH = terms.retryAfterH[refusals - 1];
  const charged = events.some(({ kind }) => kind === 'charged-back');
  // Who has disputed a charge is not charged again without his own doing.
  if (afterH === undefined || charged || !mayAskAgain(code, terms)) return { do: 'wait', untilMs: lostMs };
  const last = events.findLast(({ kind }) => kind === 'declined') as PaymentEvent;
  const dueMs = last.atMs + afterH * HOUR_MS;
  return nowMs >= dueMs ? ask('authorise') : { do: 'wait', untilMs: Math.min(dueMs, lostMs) };
}

/** Whether a payment in this state is a debt that its rider can pay now. */
export function isPayable(standing: Standing): boolean {
  return standing.phase === 'debt' || standing.phase === 'written-off';
}

/** Whether a payment in this state keeps its card on the deny list. */
export function isOwed(standing: Standing): boolean {
  return isPayable(standing) || standing.phase === 'held';
}
