/**
 * One payment: what has happened to it (events, append-only), where it stands, and what is to be done next. Pure. A request
 * is written down (`asked`) before it leaves, so after a death or a lost answer its key is known and the acquirer is asked what
 * became of it, never to do it a second time.
 */
import { type BankTerms, mayAskAgain } from './bank-terms.ts';

export interface Payment {
  readonly paymentId: string;
  /**
   * `nominal`: is the card good? `charge`: the rides of some days. `refund`: something back of a charge. `offset`: days and
   * accounts that make up for each other, or for a part of a disputed debt; no bank is asked.
   */
  readonly kind: 'nominal' | 'charge' | 'refund' | 'offset';
  readonly tokenId: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly tapId: string;
  /** The charge that a refund gives back of, or that an offset makes smaller. */
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
  /** The bank took back its amount, all or a part of what was cleared. */
  | 'charged-back'
  /** What its rider is owed elsewhere was taken off a disputed debt. */
  | 'lowered'
  | 'written-off'
  /** Its items are owed anew: another payment takes its place. */
  | 'withdrawn'
  /** An offset stands. */
  | 'settled'
  /** The acquirer does not take the request as it is: a person has to look. */
  | 'refused'
  /** A person has looked: the acquirer is asked once more. */
  | 'resumed';

export interface PaymentEvent {
  readonly n: number;
  readonly kind: PaymentEventKind;
  readonly key: string | null;
  readonly code: string | null;
  readonly reference: string | null;
  readonly amountMinor: bigint | null;
  readonly atMs: number;
}

/** Where a payment stands. `owedMinor`: what its rider would have to pay now. */
export type Standing =
  | { readonly phase: 'new' }
  | { readonly phase: 'asking'; readonly key: string; readonly operation: Operation }
  /** The acquirer does not take its request; `code` says how. Nothing is asked until a person says so. */
  | {
      readonly phase: 'refused';
      readonly key: string;
      readonly operation: Operation;
      readonly code: string;
      readonly sinceMs: number;
    }
  /** Authorised, and not taken yet. */
  | { readonly phase: 'approved'; readonly reference: string }
  /** The rider owes it: refused, or charged back. */
  | {
      readonly phase: 'debt';
      readonly code: string;
      readonly refusals: number;
      readonly sinceMs: number;
      readonly owedMinor: bigint;
    }
  | { readonly phase: 'held'; readonly key: string; readonly sinceMs: number; readonly owedMinor: bigint }
  | { readonly phase: 'written-off'; readonly sinceMs: number; readonly owedMinor: bigint }
  | {
      readonly phase: 'done';
      readonly how: 'good' | 'cleared' | 'refunded' | 'paid' | 'withdrawn' | 'settled' | 'bad';
    };

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

/** A charge's sums: positions in its amount, from 0, each up to which something has happened. */
export interface ChargeSums {
  readonly cleared: boolean;
  /** What the bank has taken back of it. */
  readonly backMinor: bigint;
  /** What its rider paid, or was taken off, of what he owed. */
  readonly settledMinor: bigint;
  /** What was written off stands from `settledMinor` up to here. */
  readonly lostMinor: bigint;
  /** What he still owes, once it is a debt. */
  readonly owedMinor: bigint;
}

/** Adds up a charge. */
export function sumsOf({ amountMinor }: Payment, events: readonly PaymentEvent[]): ChargeSums {
  let cleared = false;
  let backMinor = 0n;
  let settledMinor = 0n;
  let lostMinor = 0n;
  const untilMinor = (): bigint => (cleared ? backMinor : amountMinor);
  for (const { kind, amountMinor: said } of events) {
    if (kind === 'cleared') cleared = true;
    if (kind === 'charged-back') backMinor += said ?? amountMinor;
    if (kind === 'paid' || kind === 'lowered') settledMinor += said ?? untilMinor() - settledMinor;
    if (kind === 'written-off') lostMinor = untilMinor();
  }
  return { cleared, backMinor, settledMinor, lostMinor, owedMinor: untilMinor() - settledMinor };
}

/** Where it stands after its events, in their order. */
export function standingOf(payment: Payment, events: readonly PaymentEvent[]): Standing {
  let standing: Standing = { phase: 'new' };
  let refusals = 0;
  let sinceMs = 0;
  let before: Standing = standing;
  events.forEach((event, at) => {
    const owed = (): bigint => sumsOf(payment, events.slice(0, at + 1)).owedMinor;
    switch (event.kind) {
      case 'asked':
      case 'resumed':
        standing = { phase: 'asking', ...requestOf(event) };
        break;
      case 'refused':
        standing = { phase: 'refused', ...requestOf(event), code: event.code ?? '', sinceMs: event.atMs };
        break;
      case 'approved':
        standing =
          payment.kind === 'nominal'
            ? { phase: 'done', how: 'good' }
            : { phase: 'approved', reference: event.reference ?? '' };
        break;
      case 'declined':
      case 'charged-back':
        if (payment.kind !== 'charge') {
          standing = { phase: 'done', how: 'bad' };
          break;
        }
        refusals += 1;
        if (sinceMs === 0 || event.kind === 'charged-back') sinceMs = event.atMs;
        standing = { phase: 'debt', code: event.code ?? '', refusals, sinceMs, owedMinor: owed() };
        break;
      case 'held':
        before = standing;
        standing = { phase: 'held', key: event.key ?? '', sinceMs: event.atMs, owedMinor: owed() };
        break;
      case 'released':
        standing = before;
        break;
      case 'written-off':
        standing = { phase: 'written-off', sinceMs: event.atMs, owedMinor: owed() };
        break;
      case 'paid':
      case 'lowered':
        standing = afterPaying(standing.phase === 'held' ? before : standing, owed());
        break;
      case 'cleared':
      case 'refunded':
      case 'withdrawn':
      case 'settled':
        standing = { phase: 'done', how: event.kind };
        break;
    }
  });
  return standing;
}

function requestOf({ key }: PaymentEvent): { key: string; operation: Operation } {
  return { key: key ?? '', operation: operationOf(key ?? '') };
}

/** A debt of which something was paid; nothing left is the end of it. */
function afterPaying(debt: Standing, owedMinor: bigint): Standing {
  return owedMinor > 0n && 'owedMinor' in debt ? { ...debt, owedMinor } : { phase: 'done', how: 'paid' };
}

/** Whether its bank has said no to giving something back; what it was made of is then owed to its riders anew. */
export function isDeclinedRefund(
  { kind }: Pick<Payment, 'kind'>,
  events: readonly Pick<PaymentEvent, 'kind'>[],
): boolean {
  return kind === 'refund' && events.some((event) => event.kind === 'declined');
}

/** Whether a bank has taken something back of it: its rider disputes it, and nobody asks his bank for it again. */
export function isDisputed(events: readonly PaymentEvent[]): boolean {
  return events.some(({ kind }) => kind === 'charged-back');
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
/** What waits for a person is looked at by nobody before then, and stays in its queue. */
export const NEVER_MS = 9_000_000_000_000_000;

export function nextStep(
  payment: Payment,
  events: readonly PaymentEvent[],
  terms: Pick<BankTerms, 'retryAfterH' | 'writeOffAfterDays' | 'againCodes'>,
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
    case 'refused':
      return { do: 'wait', untilMs: NEVER_MS };
    default:
      return { do: 'wait', untilMs: null };
  }
}

function stepOfDebt(
  { code, refusals, sinceMs }: Extract<Standing, { phase: 'debt' }>,
  events: readonly PaymentEvent[],
  terms: Pick<BankTerms, 'retryAfterH' | 'writeOffAfterDays' | 'againCodes'>,
  nowMs: number,
  ask: (operation: Operation) => Step,
): Step {
  const lostMs = sinceMs + terms.writeOffAfterDays * DAY_MS;
  if (nowMs >= lostMs) return { do: 'write-off' };
  const afterH = terms.retryAfterH[refusals - 1];
  // Who has disputed a charge is not charged again without his own doing.
  if (afterH === undefined || isDisputed(events) || !mayAskAgain(code, terms))
    return { do: 'wait', untilMs: lostMs };
  const last = events.findLast(({ kind }) => kind === 'declined') as PaymentEvent;
  const dueMs = last.atMs + afterH * HOUR_MS;
  return nowMs >= dueMs ? ask('authorise') : { do: 'wait', untilMs: Math.min(dueMs, lostMs) };
}

/** Whether a payment in this state is a debt that its rider can pay now. */
export function isPayable(
  standing: Standing,
): standing is Extract<Standing, { phase: 'debt' | 'written-off' }> {
  return standing.phase === 'debt' || standing.phase === 'written-off';
}

/** Whether a payment in this state keeps its card on the deny list. */
export function isOwed(standing: Standing): standing is Extract<Standing, { owedMinor: bigint }> {
  return isPayable(standing) || standing.phase === 'held';
}
