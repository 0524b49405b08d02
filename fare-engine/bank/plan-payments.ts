/**
 * From what a card's fare days cost and what was asked for them so far to what is asked next. Pure. A payment is made of
 * differences, so a day that is looked at twice, or changes afterwards, asks for what is missing and gives back what is over.
 */
import { createHash } from 'node:crypto';
import type { BankTerms } from './bank-terms.ts';
import { NEVER_MS, type Payment, type PaymentItem } from './payment.ts';

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
  /** Charges that are asked for, and that no bank has answered. */
  readonly unansweredMinor: bigint;
  /** Whether a nominal authorisation is under way. */
  readonly nominalUnderWay: boolean;
  /** Cleared charges with what may still be given back of each, the latest first. */
  readonly refundable: readonly { readonly paymentId: string; readonly leftMinor: bigint }[];
  /**
   * Refunds that its bank has declined in a row, the latest first. `rests`: a person has to look before the next one.
   */
  readonly refundsDeclined: readonly {
    readonly paymentId: string;
    readonly atMs: number;
    readonly rests: boolean;
  }[];
  /** Debts whose bank is not being asked just now. */
  readonly debts: readonly string[];
  /** Debts that a bank has taken back at its holder's word, with what is owed of each: nobody asks a bank for them again. */
  readonly disputed: readonly { readonly paymentId: string; readonly owedMinor: bigint }[];
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
  /** A refund that was declined for the last time: it waits for a person. */
  readonly givenUp: string | null;
  /** Days that have to be looked at again, and when; `null` = when they are closed. */
  readonly lookAgain: readonly { readonly fareDay: string; readonly lookMs: number | null }[];
  /** Its bank has never answered, and it has ridden for more than the city risks on that: it waits for the answer. */
  readonly unconfirmed: boolean;
}

const HOUR_MS = 3_600_000;

/**
 * The plan of a card. What has gathered goes by the terms of its oldest day, so no payment is under two; whether the card is asked
 * about, and how much it may ride before its bank's first word, by those of its newest.
 */
export function planCard(
  card: CardBooks,
  termsOf: (fareDay: string) => BankTerms,
  times: { readonly nowMs: number; readonly closedUntil: string | null },
): CardPlan {
  const open = differences(card).filter(({ fareDay }) => !isClosed(fareDay, times.closedUntil));
  const closed = differences(card).filter(({ fareDay }) => isClosed(fareDay, times.closedUntil));
  const lookAgain = new Map<string, number | null>();
  for (const fareDay of card.days) if (!isClosed(fareDay, times.closedUntil)) lookAgain.set(fareDay, null);
  const payments: PlannedPayment[] = [];
  const newest = termsOf([...card.days].sort().at(-1) as string);
  const nominal = nominalOf(card, newest, times.nowMs);
  if (nominal !== null) payments.push(nominal);
  const all = [...closed, ...open];
  const terms = all[0] === undefined ? newest : termsOf(all[0].fareDay);
  const full = sum(all) > 0n && (card.distrusted || sum(all) >= terms.gatherMinorMax);
  const items = full ? all : closed;
  const withdrawn: string[] = [];
  const look = (of: readonly PaymentItem[], atMs: number): void => {
    for (const { fareDay } of of) lookAgain.set(fareDay, atMs);
  };
  const refundMs = refundAfterMs(card, terms);
  const made = paymentFor(card, items, terms, times, full);
  if (made !== null) {
    payments.push(made);
    // What it leaves is looked at again: a day with a difference never drops out.
    look(differences({ due: items, asked: made.items }), times.nowMs);
  } else if (sum(items) < 0n && card.debts.length > 0) {
    // What is owed has become less: the debts are reckoned anew.
    withdrawn.push(...card.debts);
    look(items, times.nowMs);
  } else look(items, Math.max(times.nowMs + HOUR_MS, sum(items) < 0n ? refundMs : 0));
  return {
    payments,
    withdrawn,
    givenUp: refundMs === NEVER_MS && sum(items) < 0n ? unseen(card) : null,
    unconfirmed: isUnconfirmed(card, sum(all), newest),
    lookAgain: [...lookAgain].map(([fareDay, lookMs]) => ({ fareDay, lookMs })),
  };
}

/** What these differences ask for now; `null` = they wait. */
function paymentFor(
  card: CardBooks,
  items: readonly PaymentItem[],
  terms: BankTerms,
  { nowMs, closedUntil }: { readonly nowMs: number; readonly closedUntil: string | null },
  full: boolean,
): PlannedPayment | null {
  const total = sum(items);
  if (items.length === 0 || card.tapId === null) return null;
  if (total > 0n)
    return full || isRipe(items, terms, closedUntil)
      ? paymentOf(card, 'charge', total, items, terms, nowMs)
      : null;
  // They make up for each other: written down, or a later change of one of them would find the other forgotten.
  if (total === 0n) return paymentOf(card, 'offset', 0n, items, terms, nowMs);
  const [disputed] = card.disputed;
  if (disputed !== undefined && card.debts.length === 0)
    return loweringOf(card, disputed, items, terms, nowMs);
  if (card.debts.length > 0 || !isStale(items, terms, closedUntil)) return null;
  if (nowMs < refundAfterMs(card, terms)) return null;
  return refundOf(card, items, terms, nowMs);
}

/** From when a refund may be asked for: a bank that declines it is asked by the calendar of refusals, then by a person's word alone. */
function refundAfterMs({ refundsDeclined }: CardBooks, { retryAfterH }: BankTerms): number {
  const [last] = refundsDeclined;
  if (last === undefined) return 0;
  const afterH = retryAfterH[refundsDeclined.length - 1];
  return afterH === undefined || last.rests ? NEVER_MS : last.atMs + afterH * HOUR_MS;
}

/** The refund of which a person has to be told, once. */
function unseen({ refundsDeclined: [last] }: CardBooks): string | null {
  return last === undefined || last.rests ? null : last.paymentId;
}

/** The first rides are at the city's risk, up to a limit: a card that nobody has seen rides before its bank can be asked. */
function isUnconfirmed(
  { lastWordMs, unansweredMinor }: CardBooks,
  gatheredMinor: bigint,
  { firstRidesMinorMax }: BankTerms,
): boolean {
  return lastWordMs === null && gatheredMinor + unansweredMinor > firstRidesMinorMax;
}

function isClosed(fareDay: string, closedUntil: string | null): boolean {
  return closedUntil !== null && fareDay <= closedUntil;
}

/** What is missing (above zero) or over (below), by day and account. */
function differences({ due, asked }: Pick<CardBooks, 'due' | 'asked'>): PaymentItem[] {
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

/** `refunds`: the charge that it makes smaller. */
function paymentOf(
  { tokenId, tapId }: CardBooks,
  kind: Payment['kind'],
  amountMinor: bigint,
  items: readonly PaymentItem[],
  { currency }: BankTerms,
  madeAtMs: number,
  refunds: string | null = null,
): PlannedPayment {
  const texts = items.map((item) => Object.values(item).join(' '));
  const paymentId = idOf([kind, refunds ?? tokenId, tapId, madeAtMs, ...texts]);
  return {
    ...{ paymentId, kind, tokenId, amountMinor, currency },
    ...{ tapId: tapId as string, refunds, madeAtMs, items },
  };
}

/**
 * Gives back of one charge, the latest that covers it all: a refund names whole items, so that each is given back once. What
 * no charge covers waits for rides to take it from.
 */
function refundOf(card: CardBooks, items: readonly PaymentItem[], terms: BankTerms, nowMs: number) {
  const amountMinor = -sum(items);
  const from = card.refundable.find(({ leftMinor }) => leftMinor >= amountMinor);
  return from === undefined
    ? null
    : paymentOf(card, 'refund', amountMinor, items, terms, nowMs, from.paymentId);
}

/** Takes what is over off a disputed debt: as much as there is of it, the rest stays over. */
function loweringOf(
  card: CardBooks,
  { paymentId, owedMinor }: CardBooks['disputed'][number],
  items: readonly PaymentItem[],
  terms: BankTerms,
  nowMs: number,
): PlannedPayment {
  const over = -sum(items);
  const amountMinor = over < owedMinor ? over : owedMinor;
  let restMinor = over - amountMinor;
  const taken = items.map((item) => {
    if (item.amountMinor > 0n) return item;
    const leftMinor = restMinor < -item.amountMinor ? restMinor : -item.amountMinor;
    restMinor -= leftMinor;
    return { ...item, amountMinor: item.amountMinor + leftMinor };
  });
  const named = taken.filter((item) => item.amountMinor !== 0n);
  return paymentOf(card, 'offset', amountMinor, named, terms, nowMs, paymentId);
}

function idOf(parts: readonly unknown[]): string {
  return `bp-${createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32)}`;
}
