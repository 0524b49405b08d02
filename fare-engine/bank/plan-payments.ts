/**
 * From what a card's fare days cost and what was asked for them so far to what is asked next. Pure. A payment is made of
 * differences, so a day that is looked at twice, or changes afterwards, asks for what is missing and gives back what is over.
 */
import { createHash } from 'node:crypto';
import type { BankTerms } from './bank-terms.ts';
import type { Payment, PaymentItem } from './payment.ts';

/** A card as the books have it. */
export interface CardBooks {
  readonly tokenId: string;
  /** Days that are looked at. */
  readonly days: readonly string[];
  /** What its riders owe for these days, by account. */
  readonly due: readonly PaymentItem[];
  /** What payments that were not withdrawn ask for these days. */
  readonly asked: readonly PaymentItem[];
  /** Its latest tap with sealed data. */
  readonly tapId: string | null;
  /** When its bank last answered, whatever it said; `null` = never. */
  readonly lastWordMs: number | null;
  /** Whether that was a no: what has gathered is asked for at once, so that it can be paid and the card rides again. */
  readonly distrusted: boolean;
  /** Whether a nominal authorisation is under way. */
  readonly nominalUnderWay: boolean;
  /** Cleared charges with what may still be given back of each, the latest first. */
  readonly refundable: readonly { readonly paymentId: string; readonly leftMinor: bigint }[];
  /** Debts whose bank is not being asked just now. */
  readonly debts: readonly string[];
  /** Whether it has been tapped since it was looked at last. */
  readonly fresh: boolean;
}

export interface PlannedPayment extends Payment {
  readonly items: readonly PaymentItem[];
}

export interface CardPlan {
  readonly payments: readonly PlannedPayment[];
  /** Debts in whose place another payment comes: their days are owed anew. */
  readonly withdrawn: readonly string[];
  /** Days that have to be looked at again, and when; `null` = when they are closed. */
  readonly lookAgain: readonly { readonly fareDay: string; readonly lookMs: number | null }[];
}

const HOUR_MS = 3_600_000;

export function planCard(
  card: CardBooks,
  terms: BankTerms,
  times: { readonly nowMs: number; readonly closedUntil: string | null },
): CardPlan {
  const open = differences(card).filter(({ fareDay }) => !isClosed(fareDay, times.closedUntil));
  const closed = differences(card).filter(({ fareDay }) => isClosed(fareDay, times.closedUntil));
  const lookAgain = new Map<string, number | null>();
  for (const fareDay of card.days) if (!isClosed(fareDay, times.closedUntil)) lookAgain.set(fareDay, null);
  const payments: PlannedPayment[] = [];
  const nominal = nominalOf(card, terms, times.nowMs);
  if (nominal !== null) payments.push(nominal);
  const all = [...closed, ...open];
  const full = sum(all) > 0n && (card.distrusted || sum(all) >= terms.gatherMinorMax);
  const items = full ? all : closed;
  const total = sum(items);
  const withdrawn: string[] = [];
  if (total > 0n && (full || isRipe(items, terms, times.closedUntil)) && card.tapId !== null)
    payments.push(paymentOf(card, 'charge', total, items, terms, times.nowMs));
  else if (total < 0n && card.debts.length > 0) {
    // What is owed has become less: the debts are reckoned anew.
    withdrawn.push(...card.debts);
    for (const { fareDay } of items) lookAgain.set(fareDay, times.nowMs);
  } else if (total !== 0n) {
    const stale = total < 0n && isStale(items, terms, times.closedUntil);
    const refund = stale ? refundOf(card, items, terms, times.nowMs) : null;
    if (refund !== null) payments.push(refund);
    else for (const { fareDay } of items) lookAgain.set(fareDay, times.nowMs + HOUR_MS);
  }
  return {
    payments,
    withdrawn,
    lookAgain: [...lookAgain].map(([fareDay, lookMs]) => ({ fareDay, lookMs })),
  };
}

function isClosed(fareDay: string, closedUntil: string | null): boolean {
  return closedUntil !== null && fareDay <= closedUntil;
}

/** What is missing (above zero) or over (below), by day and account. */
function differences({ due, asked }: CardBooks): PaymentItem[] {
  const left = new Map<string, PaymentItem>();
  const add = (item: PaymentItem, sign: bigint): void => {
    const key = `${item.fareDay} ${item.accountId}`;
    const before = left.get(key)?.amountMinor ?? 0n;
    left.set(key, { ...item, amountMinor: before + sign * item.amountMinor });
  };
  for (const item of due) add(item, 1n);
  for (const item of asked) add(item, -1n);
  return [...left.entries()]
    .filter(([, { amountMinor }]) => amountMinor !== 0n)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, item]) => item);
}

function sum(items: readonly PaymentItem[]): bigint {
  return items.reduce((total, { amountMinor }) => total + amountMinor, 0n);
}

/** Whether the oldest day has been gathered for long enough. */
function isRipe(items: readonly PaymentItem[], { windowDays }: BankTerms, closedUntil: string | null) {
  return daysFrom(items, closedUntil) + 1 >= windowDays;
}

function isStale(items: readonly PaymentItem[], { creditWaitDays }: BankTerms, closedUntil: string | null) {
  return daysFrom(items, closedUntil) >= creditWaitDays;
}

function daysFrom(items: readonly PaymentItem[], closedUntil: string | null): number {
  const oldest = items.map(({ fareDay }) => fareDay).sort()[0] as string;
  return closedUntil === null ? 0 : (Date.parse(closedUntil) - Date.parse(oldest)) / 86_400_000;
}

/** A card of which its bank has not been heard, or not for long, is asked about with a sum that nobody takes. */
function nominalOf(card: CardBooks, terms: BankTerms, nowMs: number): PlannedPayment | null {
  if (!card.fresh || card.tapId === null || card.nominalUnderWay) return null;
  if (card.lastWordMs !== null && nowMs - card.lastWordMs < terms.nominalAgainAfterH * HOUR_MS) return null;
  return paymentOf(card, 'nominal', terms.nominalMinor, [], terms, nowMs);
}

function paymentOf(
  { tokenId, tapId }: CardBooks,
  kind: 'nominal' | 'charge',
  amountMinor: bigint,
  items: readonly PaymentItem[],
  { currency }: BankTerms,
  madeAtMs: number,
): PlannedPayment {
  const parts = [kind, tokenId, tapId, madeAtMs, ...items.map((item) => Object.values(item).join(' '))];
  return {
    paymentId: idOf(parts),
    kind,
    tokenId,
    amountMinor,
    currency,
    tapId: tapId as string,
    refunds: null,
    madeAtMs,
    items,
  };
}

/**
 * Gives back of one charge, the latest that covers it all: a refund names whole items, so that each is given back once. What
 * no charge covers waits for rides to take it from.
 */
function refundOf(
  { tokenId, tapId, refundable }: CardBooks,
  items: readonly PaymentItem[],
  { currency }: BankTerms,
  madeAtMs: number,
): PlannedPayment | null {
  const amountMinor = -sum(items);
  const from = refundable.find(({ leftMinor }) => leftMinor >= amountMinor);
  if (from === undefined || tapId === null) return null;
  const parts = ['refund', from.paymentId, madeAtMs, ...items.map((item) => Object.values(item).join(' '))];
  const paymentId = idOf(parts);
  return {
    paymentId,
    kind: 'refund',
    tokenId,
    amountMinor,
    currency,
    tapId,
    refunds: from.paymentId,
    madeAtMs,
    items,
  };
}

function idOf(parts: readonly unknown[]): string {
  return `bp-${createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32)}`;
}
