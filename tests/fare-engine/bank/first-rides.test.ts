/** What is risked on a card before its bank's first word: pure, both sides of each boundary. */
import { expect, test } from 'vitest';
import { readHistory } from '../../../fare-engine/bank/card-history.ts';
import type { Payment, PaymentEventKind } from '../../../fare-engine/bank/payment.ts';
import { type CardBooks, planCard } from '../../../fare-engine/bank/plan-payments.ts';
import { TERMS } from '../support/bank-terms.ts';

const DAY = '2025-10-14';
const NOW = { nowMs: Date.UTC(2025, 9, 14, 8), closedUntil: null };

function card(gatheredMinor: bigint, more: Partial<CardBooks> = {}): CardBooks {
  const { owes: _, ...nothing } = readHistory([]);
  const due = gatheredMinor === 0n ? [] : [{ fareDay: DAY, accountId: 'a', amountMinor: gatheredMinor }];
  return { tokenId: 't', days: [DAY], due, asked: [], tapId: 'tap', fresh: true, ...nothing, ...more };
}

const waits = (books: CardBooks, firstRidesMinorMax = 3000n): boolean =>
  planCard(books, () => ({ ...TERMS, firstRidesMinorMax }), NOW).unconfirmed;

test('a card that nobody has heard of rides up to the limit, and waits beyond it', () => {
  expect([waits(card(3000n)), waits(card(3001n))]).toEqual([false, true]);
  expect([waits(card(0n), 0n), waits(card(1n), 0n)]).toEqual([false, true]);
});

test('what was asked for and not answered counts with it: days that are closed are no way around the limit', () => {
  const unanswered = (minor: bigint) => card(1400n, { unansweredMinor: minor });
  expect([waits(unanswered(1600n)), waits(unanswered(1601n))]).toEqual([false, true]);
});

test('one word of its bank ends it, whichever: a yes lets it ride, a no is a debt', () => {
  expect(waits(card(9999n, { lastWordMs: 0 }))).toBe(false);
});

test('only charges without an answer count', () => {
  const payment = (kind: Payment['kind']): Payment => ({
    ...{ paymentId: 'bp-1', kind, tokenId: 't', amountMinor: 1400n, currency: 'UAH', tapId: 'tap' },
    ...{ refunds: null, madeAtMs: 0 },
  });
  const after = (kind: Payment['kind'], ...events: PaymentEventKind[]): bigint =>
    readHistory([
      {
        payment: payment(kind),
        events: events.map((said, i) => ({
          ...{ n: i + 1, kind: said, key: 'bp-1.authorise.1', code: null, reference: null },
          ...{ amountMinor: null, atMs: i },
        })),
      },
    ]).unansweredMinor;
  expect([after('charge'), after('charge', 'asked')]).toEqual([1400n, 1400n]);
  expect([
    after('nominal', 'asked'),
    after('charge', 'asked', 'approved'),
    after('charge', 'asked', 'declined'),
  ]).toEqual([0n, 0n, 0n]);
});
