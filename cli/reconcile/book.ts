/** `kvytok reconcile bank --book`: what a day's files agree on is booked, once, and what the engine says of it. */
import { formatMoney } from '#contracts/money.ts';
import { booked } from '../../fare-engine/bank/read-money-day.ts';
import type { CommandAnswer } from '../../fare-engine/command-answers.ts';
import type { ReaderPool } from '../../fare-engine/database-reader.ts';
import { type CommandIo, EXIT } from '../command.ts';
import { type HandInValues, handInAll, refusalsOf } from '../hand-in.ts';
import type { Booking } from './bookings.ts';

interface Sums {
  readonly feeMinor: bigint;
  readonly netMinor: bigint;
}

/**
 * Hands in what is not booked yet. Exit code 1: the engine refused one, or something was booked with other sums before,
 * which only an officer can correct. What went wrong stands on the error stream where the answer is JSON.
 */
export async function bookMoney(
  auditor: ReaderPool,
  bookings: readonly Booking[],
  by: string,
  values: HandInValues & { readonly json?: boolean | undefined },
  io: CommandIo,
): Promise<number> {
  const known = await booked(
    auditor,
    bookings.map(({ bookingId }) => bookingId),
  );
  const left = bookings.filter(({ bookingId }) => !known.has(bookingId));
  const payloads = left.map((booking) => ({ ...booking, by }));
  const { answers, code } = await handInAll('book-money', payloads, by, values, io);
  let failed = code !== EXIT.ok;
  for (const booking of bookings) {
    const sums = known.get(booking.bookingId);
    const answer = answers[left.indexOf(booking)] ?? null;
    const { text, wrong } = sums === undefined ? answered(answer) : knownBefore(booking, sums);
    failed ||= wrong;
    const stream = values.json !== true ? io.stdout : wrong ? io.stderr : undefined;
    stream?.write(`${booking.bookingId}: ${text}\n`);
  }
  return failed ? EXIT.failed : EXIT.ok;
}

function answered(answer: CommandAnswer): { text: string; wrong: boolean } {
  if (answer === null) return { text: 'handed in, without an answer yet', wrong: false };
  if (answer.obeyed) return { text: 'booked', wrong: false };
  return { text: `refused: ${refusalsOf([answer]).join()}`, wrong: true };
}

function knownBefore(booking: Booking, { feeMinor, netMinor }: Sums): { text: string; wrong: boolean } {
  const { currency } = booking;
  if (feeMinor === BigInt(booking.feeMinor) && netMinor === BigInt(booking.netMinor))
    return { text: 'was booked before', wrong: false };
  const money = (amountMinor: bigint): string => formatMoney({ amountMinor, currency }, 'en');
  const text = `was booked with other sums before: fee ${money(feeMinor)}, net ${money(netMinor)}; nothing was changed, ask the acquirer which file is right`;
  return { text, wrong: true };
}
