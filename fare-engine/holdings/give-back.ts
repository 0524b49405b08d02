/**
 * What comes back for a pass or carnet, by the terms under which it was sold. Its price falls into three parts that add up to it:
 * what comes back, the fee that the city keeps, and what was used, which carriers earn. Pure.
 */
import { timeOfHolding } from '#pricing/passes.ts';
import { type FareDayRange, fareDaysOf, type HoldingCalendar } from './fare-days.ts';
import { daysPaid, firstUseOf, type HandedOver, ridesPaid } from './handed-over.ts';
import type { HoldingRefusal } from './refusals.ts';
import type { DatedTerm } from './term-of.ts';

const DAY_MS = 86_400_000;

/** A holding as it stands. */
export interface HeldPass {
  readonly passId: string;
  readonly accountId: string;
  readonly fareProductId: string;
  readonly validFromMs: number;
  /** What was paid for it. */
  readonly paidMinor: bigint;
  readonly currency: string;
  readonly returned: boolean;
  /** Rides that it has paid for, and when the first of them was; `null` = none yet. */
  readonly rides: number;
  readonly firstUseMs: number | null;
  /** Sold by an earlier system; absent or `null` = here. */
  readonly handedOver?: HandedOver | null;
}

/** The parts of its price, or why it is not taken back. */
export type GivenBack =
  | { readonly ok: true; readonly refundMinor: bigint; readonly feeMinor: bigint; readonly usedMinor: bigint }
  | { readonly ok: false; readonly reason: HoldingRefusal; readonly detail: string };

/** What comes back at an instant. Rounded down to whole minor units; a fee takes no more than there is. */
export function giveBack(
  held: HeldPass,
  sold: DatedTerm | undefined,
  atMs: number,
  calendar: HoldingCalendar,
): GivenBack {
  const refuse = (reason: HoldingRefusal, detail: string): GivenBack => ({ ok: false, reason, detail });
  if (held.returned) return refuse('HOLDING_ALREADY_RETURNED', held.passId);
  const { term, zone } = sold ?? {};
  if (term?.give_back === undefined || zone === undefined)
    return refuse('HOLDING_NOT_RETURNABLE', held.fareProductId);
  const { validFromMs, paidMinor, handedOver } = held;
  const rides = held.rides + (handedOver?.rides ?? 0);
  const firstUseMs = firstUseOf(held.firstUseMs, handedOver);
  const { startMs, endMs, waitsUntilMs } = timeOfHolding(term, validFromMs, firstUseMs ?? atMs, zone);
  const ends = firstUseMs === null ? waitsUntilMs : endMs;
  const within = term.give_back_within_days ?? Number.POSITIVE_INFINITY;
  const untilMs = Math.min(ends, validFromMs + within * DAY_MS);
  if (atMs >= untilMs) return refuse('HOLDING_EXPIRED', new Date(untilMs).toISOString());
  if (term.give_back === 'whole' && rides > 0) return refuse('HOLDING_USED', `${rides} rides`);
  if (term.rides !== undefined && rides >= term.rides)
    return refuse('HOLDING_NOTHING_LEFT', `${rides} rides`);
  const begun = term.activation === 'first_use' ? firstUseMs !== null : atMs >= startMs;
  const [left, whole] =
    term.give_back === 'rides'
      ? [Math.max(0, (term.rides as number) - rides), ridesPaid(term.rides as number, handedOver)]
      : term.give_back === 'whole' || !begun
        ? [1, 1]
        : daysLeft(
            daysPaid(fareDaysOf(startMs, endMs, calendar), handedOver, calendar),
            calendar.fareDayOf(atMs),
          );
  const backMinor = (paidMinor * BigInt(left)) / BigInt(whole);
  const fee = BigInt(term.give_back_fee_minor ?? 0);
  if (backMinor <= fee) return refuse('HOLDING_NOTHING_LEFT', `${left} of ${whole} left, fee ${fee}`);
  return { ok: true, refundMinor: backMinor - fee, feeMinor: fee, usedMinor: paidMinor - backMinor };
}

/** Fare days after this one, which counts as used, and all of them. */
function daysLeft({ firstDay, untilDay }: FareDayRange, today: string): [number, number] {
  const days = (from: string, until: string) => (Date.parse(until) - Date.parse(from)) / DAY_MS;
  return [Math.max(0, days(today, untilDay) - 1), days(firstDay, untilDay)];
}
