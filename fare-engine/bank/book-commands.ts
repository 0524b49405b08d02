/**
 * The command by which what others keep, pay out and bring to the bank is posted, once a day's files agree with the ledger:
 *
 *   clearing  fee:<acquirer>    ← clearing:<acquirer>   what it keeps
 *             payout:<acquirer> ← clearing:<acquirer>   what it says it pays out
 *   provider  fee:<provider>    ← till:<provider>       the same of a payment provider
 *             payout:<provider> ← till:<provider>
 *   payout    bank:city         ← payout:<holder>       what the city's bank has booked of it
 *   deposit   bank:city         ← till:<till>           what was counted in a till, and the bank has booked
 *
 * A day on which more went back than came in has a sum below zero: it goes the other way.
 */
import type { Payload } from '../command-kinds.ts';
import type { Desk, Naming, Refusal } from '../commands.ts';
import {
  CITY_BANK,
  clearingAccount,
  feeAccount,
  payoutAccount,
  tillAccount,
} from '../ledger/chart-of-accounts.ts';
import type { Posting } from '../ledger/post-line.ts';

/** What a booking is known by: of one book, holder, day and currency there is one. */
export function bookingIdOf(booking: {
  readonly book: Payload<'book-money'>['book'];
  readonly holderId: string;
  readonly day: string;
  readonly currency: string;
}): string {
  return `${booking.book}-${booking.holderId}-${booking.day}-${booking.currency}`;
}

/** Ids of the postings that a booking may have. */
export function bookingPostings(bookingId: string): readonly [fee: string, net: string] {
  return [`booking:${bookingId}.fee`, `booking:${bookingId}.net`];
}

export function bookMoney(payload: Payload<'book-money'>, _naming: Naming, { writes }: Desk): Refusal {
  const { bookingId, book, holderId, currency } = payload;
  if (bookingId !== bookingIdOf(payload)) return { reason: 'BOOKING_MISNAMED', detail: bookingIdOf(payload) };
  const [fee, net] = bookingPostings(bookingId);
  const post = (postingId: string, debit: string, credit: string, minor: bigint): void => {
    if (minor === 0n) return;
    const [debitAccount, creditAccount] = minor > 0n ? [debit, credit] : [credit, debit];
    const amountMinor = minor > 0n ? minor : -minor;
    const posting: Posting = {
      ...{ postingId, debitAccount, creditAccount, amountMinor, currency },
      ...{ tapId: null, revision: null, source: `booking:${bookingId}`, reverses: null },
    };
    writes.postings.push(posting);
  };
  const netMinor = BigInt(payload.netMinor);
  const from = book === 'clearing' ? clearingAccount(holderId) : tillAccount(holderId);
  switch (book) {
    case 'clearing':
    case 'provider':
      post(fee, feeAccount(holderId), from, BigInt(payload.feeMinor));
      post(net, payoutAccount(holderId), from, netMinor);
      break;
    case 'payout':
      post(net, CITY_BANK, payoutAccount(holderId), netMinor);
      break;
    case 'deposit':
      post(net, CITY_BANK, from, netMinor);
      break;
  }
  return null;
}
