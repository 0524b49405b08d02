/** From a day's files that agree to what is posted of them: fees, payouts and what tills brought to the bank. Pure. */
import { createHash } from 'node:crypto';
import { bookingIdOf } from '../../fare-engine/bank/book-commands.ts';
import {
  type DayFiles,
  type FileLine,
  type MoneyRules,
  netOf,
} from '../../fare-engine/bank/reconcile-bank.ts';
import type { Payload } from '../../fare-engine/command-kinds.ts';

export type Booking = Omit<Payload<'book-money'>, 'by'>;

type Rules = Pick<MoneyRules, 'day' | 'acquirerId' | 'providerId'>;

/**
 * One of the clearing file and of the provider's report for each currency, one for each payout and each till's deposit that the
 * statement has. What no file was given for is booked of no statement. Days without money have none.
 */
export function bookingsOf(files: DayFiles, { day, acquirerId, providerId }: Rules): Booking[] {
  const { clearing, provider, tills, statement = [] } = files;
  const named = (book: Booking['book'], holderId: string, currency: string) => ({
    ...{ bookingId: bookingIdOf({ book, holderId, day, currency }), book, holderId, day, currency },
  });
  const kept = <L extends FileLine & { readonly feeMinor: bigint }>(
    book: 'clearing' | 'provider',
    holderId: string,
    lines: readonly L[],
    { net, cells }: { net: (line: L) => bigint; cells: (line: L) => readonly (string | bigint)[] },
  ): Booking[] =>
    [...Map.groupBy(lines, ({ currency }) => currency)].map(([currency, some]) => ({
      ...named(book, holderId, currency),
      feeMinor: sum(some.map(({ feeMinor }) => feeMinor)),
      netMinor: sum(some.map(net)),
      linesSha256: hashOf(some.map(cells)),
    }));
  const came = (book: 'payout' | 'deposit', holderId: string): Booking[] => {
    const lines = statement.filter(({ reference }) => reference === `${holderId}-${day}`);
    return [...Map.groupBy(lines, ({ currency }) => currency)].map(([currency, some]) => ({
      ...named(book, holderId, currency),
      feeMinor: '0',
      netMinor: sum(some.map(({ amountMinor }) => amountMinor)),
      linesSha256: hashOf(some.map((one) => [one.bookedOn, one.reference, one.amountMinor])),
    }));
  };
  const holders = [...(clearing ? [acquirerId] : []), ...(provider ? [providerId] : [])];
  const counted = (tills ?? []).filter((line) => line.day === day).map(({ reference }) => reference);
  const bookings = [
    ...kept(
      'clearing',
      acquirerId,
      (clearing ?? []).filter(({ settledOn }) => settledOn === day),
      { net: netOf, cells: (one) => [one.kind, one.reference, one.amountMinor, one.feeMinor] },
    ),
    ...kept(
      'provider',
      providerId,
      (provider ?? []).filter(({ paidOn }) => paidOn === day),
      {
        net: (one) => one.amountMinor - one.feeMinor,
        cells: (one) => [one.reference, one.amountMinor, one.feeMinor],
      },
    ),
    ...[...new Set(holders)].flatMap((holder) => came('payout', holder)),
    ...[...new Set(counted)]
      .filter((till) => !holders.includes(till))
      .flatMap((till) => came('deposit', till)),
  ];
  return bookings.filter(({ feeMinor, netMinor }) => feeMinor !== '0' || netMinor !== '0');
}

function sum(amounts: readonly bigint[]): string {
  return amounts.reduce((total, minor) => total + minor, 0n).toString();
}

/** Of the lines in their order, whatever the file around them is called or holds besides. */
function hashOf(lines: readonly (readonly (string | bigint)[])[]): string {
  return createHash('sha256')
    .update(lines.map((cells) => cells.join(',')).join('\n'))
    .digest('hex');
}
