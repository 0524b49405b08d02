/**
 * What happens to a payment → postings, by account. What an account gives back on balance goes the other way.
 *
 *   cleared       clearing:<acquirer> → rider:<account>
 *   refunded      rider:<account>     → clearing:<acquirer>   (items are below zero)
 *   charged-back  rider:<account>     → clearing:<acquirer>, or what had stood on suspense:bank-chargebacks
 *   paid          till:<provider>     → rider:<account>, or → loss:bank-debt as far as it was written off
 *   written-off   loss:bank-debt      → rider:<account>
 *   settled       rider:<account>     → rider:<another>, or → loss:bank-debt for a debt that was written off
 *
 * A part of a payment (a bank takes back less than it gave) is shared by its accounts: of position x of the amount each has what
 * its items have of the whole, so that parts add up to it whatever their order.
 */
import { BANK_DEBT_LOSS, clearingAccount, riderAccount, tillAccount } from '../ledger/chart-of-accounts.ts';
import type { Posting } from '../ledger/post-line.ts';
import type { AuditLeaf } from '../ports.ts';
import { type Payment, type PaymentEvent, type PaymentItem, sumsOf } from './payment.ts';

/** Who holds the money of bank cards: names in the ledger. */
export interface MoneyHolders {
  readonly acquirerId: string;
  readonly providerId: string;
}

/** A payment with what it is made of and what has happened to it. */
export interface PaymentBooks {
  readonly payment: Payment;
  readonly items: readonly PaymentItem[];
  readonly events: readonly PaymentEvent[];
}

/** An amount that an account of the ledger gets on its credit side; below zero on its debit side. */
type Credits = readonly (readonly [account: string, creditMinor: bigint])[];

/** What some events need besides. */
export interface PostingAside {
  /** The debt that an offset makes smaller, as it stands before. */
  readonly lowered?: PaymentBooks | undefined;
  /** Where the money of a chargeback stands, where it is not the acquirer that it leaves now. */
  readonly chargedTo?: string | undefined;
}

/** Postings of an event on a payment that stands as `books` says before it. */
export function postEvent(
  books: PaymentBooks,
  event: Pick<PaymentEvent, 'n' | 'kind' | 'amountMinor'>,
  { acquirerId, providerId }: MoneyHolders,
  { lowered, chargedTo }: PostingAside = {},
): Posting[] {
  const { payment, events } = books;
  const { settledMinor, backMinor, owedMinor } = sumsOf(payment, events);
  const whole = payment.kind === 'refund' ? -payment.amountMinor : payment.amountMinor;
  const clearing = clearingAccount(acquirerId);
  const credits = (): Credits => {
    switch (event.kind) {
      case 'cleared':
      case 'refunded':
        return against(clearing, riders(books, 0n, whole));
      case 'charged-back':
        return against(
          chargedTo ?? clearing,
          riders(books, backMinor + (event.amountMinor ?? whole), backMinor),
        );
      case 'paid':
        return against(
          tillAccount(providerId),
          debtors(books, settledMinor + (event.amountMinor ?? owedMinor)),
        );
      case 'written-off':
        return against(BANK_DEBT_LOSS, debtors(books, settledMinor + owedMinor));
      case 'settled':
        return [...itemsOf(books), ...(lowered === undefined ? [] : loweredBy(lowered, payment.amountMinor))];
      default:
        return [];
    }
  };
  return movesOf(credits()).map(({ from, to, amountMinor }, at) => ({
    postingId: `bank:${payment.paymentId}.${event.n}.${at + 1}`,
    debitAccount: from,
    creditAccount: to,
    amountMinor,
    currency: payment.currency,
    tapId: null,
    revision: null,
    source: `bank:${payment.paymentId}`,
    reverses: null,
  }));
}

function itemsOf({ items }: PaymentBooks): Credits {
  return items.map(({ accountId, amountMinor }) => [riderAccount(accountId), amountMinor]);
}

/** The riders' credits from one position of a payment's amount to another. */
function riders({ payment, items }: PaymentBooks, fromMinor: bigint, toMinor: bigint): Credits {
  const whole = items.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
  if (whole === 0n && payment.amountMinor === 0n) return [];
  let before = 0n;
  return items.map(({ accountId, amountMinor }) => {
    const until = before + amountMinor;
    const share = (minor: bigint): bigint =>
      floorDivided(until * minor, whole) - floorDivided(before * minor, whole);
    const credit = share(toMinor) - share(fromMinor);
    before = until;
    return [riderAccount(accountId), credit];
  });
}

/** Who is relieved when a debt is paid up to a position: its riders, and the loss account of what was written off. */
function debtors(books: PaymentBooks, untilMinor: bigint): Credits {
  const { settledMinor, lostMinor } = sumsOf(books.payment, books.events);
  const lostUntil = lostMinor < settledMinor ? settledMinor : lostMinor < untilMinor ? lostMinor : untilMinor;
  return [[BANK_DEBT_LOSS, lostUntil - settledMinor], ...riders(books, lostUntil, untilMinor)];
}

function loweredBy(debt: PaymentBooks, amountMinor: bigint): Credits {
  return debtors(debt, sumsOf(debt.payment, debt.events).settledMinor + amountMinor);
}

/** With the other side of it all. */
function against(account: string, credits: Credits): Credits {
  return [...credits, [account, -credits.reduce((sum, [, minor]) => sum + minor, 0n)]];
}

/** Credits that add up to zero → moves between accounts, one for each at most. */
function movesOf(credits: Credits): { from: string; to: string; amountMinor: bigint }[] {
  const left = new Map<string, bigint>();
  for (const [account, minor] of credits) left.set(account, (left.get(account) ?? 0n) + minor);
  const debits = [...left].filter(([, minor]) => minor < 0n).sort(byName);
  const moves: { from: string; to: string; amountMinor: bigint }[] = [];
  for (const [to, minor] of [...left].filter(([, credit]) => credit > 0n).sort(byName)) {
    let open = minor;
    while (open > 0n) {
      const [from, rest] = debits[0] as [string, bigint];
      const amountMinor = open < -rest ? open : -rest;
      moves.push({ from, to, amountMinor });
      open -= amountMinor;
      if (rest + amountMinor === 0n) debits.shift();
      else debits[0] = [from, rest + amountMinor];
    }
  }
  return moves;
}

function byName([a]: readonly [string, bigint], [b]: readonly [string, bigint]): number {
  return a < b ? -1 : 1;
}

/** Rounded down, below zero too. */
function floorDivided(minor: bigint, by: bigint): bigint {
  const whole = minor / by;
  return minor % by !== 0n && minor < 0n !== by < 0n ? whole - 1n : whole;
}

/** The audit log's word on an event, with what it posted. */
export function paymentLeaf(payment: Payment, event: PaymentEvent, postings: readonly Posting[]): AuditLeaf {
  const bytes = JSON.stringify({
    v: 1,
    kind: 'bank-payment',
    paymentId: payment.paymentId,
    of: payment.kind,
    amount: payment.amountMinor.toString(),
    currency: payment.currency,
    n: event.n,
    event: event.kind,
    key: event.key,
    code: event.code,
    reference: event.reference,
    ...(event.amountMinor === null ? {} : { eventAmount: event.amountMinor.toString() }),
    atMs: event.atMs,
    ...(postings.length === 0 ? {} : { postings: postings.map(postingTuple) }),
  });
  return { kind: 'bank-payment', ref: `${payment.paymentId}.${event.n}`, bytes };
}

/** A posting as leaves name it. */
export function postingTuple({
  postingId,
  debitAccount,
  creditAccount,
  amountMinor,
  currency,
}: Posting): string[] {
  return [postingId, debitAccount, creditAccount, amountMinor.toString(), currency];
}
