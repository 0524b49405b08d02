/**
 * How much of the price of a pass or carnet a month has earned. What was paid before the service is owed (`liability:passes`) until it is
 * given: a pass over days earns with each fare day of its time, a carnet with each ride, and what is left at the end of its time then. One
 * that begins with its first use earns nothing before it. Pure.
 */
import { timeOfHolding } from '#pricing/passes.ts';
import { fareDaysOf, type HoldingCalendar } from '../holdings/fare-days.ts';
import { daysPaid, firstUseOf, type HandedOver, ridesPaid } from '../holdings/handed-over.ts';
import type { DatedTerm } from '../holdings/term-of.ts';

const DAY_MS = 86_400_000;

/** A holding with money left, or whose money moved in the window. */
export interface HoldingFacts {
  readonly passId: string;
  readonly fareProductId: string;
  readonly currency: string;
  readonly validFromMs: number;
  /** Its price. */
  readonly paidMinor: bigint;
  /** What came into the liability in the window, less what was given back. */
  readonly movedMinor: bigint;
  /** By the settlement before: what was left, what had been earned, rides, and its fare days where they were known. */
  readonly leftMinor: bigint;
  readonly earnedMinor: bigint;
  readonly rides: number;
  readonly firstDay: string | null;
  readonly untilDay: string | null;
  /** Rides of the window, and the first of them. */
  readonly ridesNow: number;
  readonly firstUseMs: number | null;
  /** Given back by the end of the window: what of its price was used. */
  readonly usedMinor: bigint | null;
  /** Sold by an earlier system; absent or `null` = here. */
  readonly handedOver?: HandedOver | null;
}

/** What became of a holding in a month. */
export interface PassMonth {
  readonly passId: string;
  readonly fareProductId: string;
  readonly currency: string;
  /** Earned in this month; below zero takes back. */
  readonly earnedMinor: bigint;
  readonly earnedSoFarMinor: bigint;
  /** Still owed for rides to come. */
  readonly leftMinor: bigint;
  readonly rides: number;
  /** Fare days on which it counts, half-open, once they are known: what becomes known later moves them no more. */
  readonly firstDay: string | null;
  readonly untilDay: string | null;
}

/** The window's end. */
export interface EarnedBy {
  /** First fare day after the window, and its first instant. */
  readonly untilDay: string;
  readonly untilMs: number;
  readonly calendar: HoldingCalendar;
}

/**
 * What a month earns of a holding. Of one without terms (no package knows its product) nothing is earned: it stays owed until a package
 * says how, or the time that an earlier month knew is over.
 */
export function earn(held: HoldingFacts, sold: DatedTerm | undefined, by: EarnedBy): PassMonth {
  const rides = held.rides + held.ridesNow;
  const days = daysOf(held, sold, by);
  const whole = held.usedMinor ?? held.paidMinor;
  const ended = held.usedMinor !== null || days === 'lost';
  const span = days === null || days === 'lost' ? { firstDay: null, untilDay: null } : days;
  const soFar = ended ? whole : earnedBy(held, rides, span, sold, by.untilDay);
  return {
    passId: held.passId,
    fareProductId: held.fareProductId,
    currency: held.currency,
    earnedMinor: soFar - held.earnedMinor,
    earnedSoFarMinor: soFar,
    leftMinor: held.leftMinor + held.movedMinor - (soFar - held.earnedMinor),
    rides,
    ...span,
  };
}

interface Span {
  readonly firstDay: string | null;
  readonly untilDay: string | null;
}

/** Its fare days; `null` = it waits for its first use, `lost` = it has waited too long. */
function daysOf(held: HoldingFacts, sold: DatedTerm | undefined, by: EarnedBy): Span | 'lost' | null {
  if (held.firstDay !== null) return { firstDay: held.firstDay, untilDay: held.untilDay };
  if (sold === undefined) return null;
  const { term, zone } = sold;
  const { validFromMs, handedOver } = held;
  const firstUseMs = firstUseOf(held.firstUseMs, handedOver);
  const time = timeOfHolding(term, validFromMs, firstUseMs ?? by.untilMs, zone);
  if (term.activation === 'first_use' && firstUseMs === null)
    return time.waitsUntilMs <= by.untilMs ? 'lost' : null;
  return daysPaid(fareDaysOf(time.startMs, time.endMs, by.calendar), handedOver, by.calendar);
}

/** Of the price until a day, rounded down; the whole at the end of its time, so that nothing is left over. */
function earnedBy(
  { paidMinor, earnedMinor, handedOver }: HoldingFacts,
  rides: number,
  { firstDay, untilDay }: Span,
  sold: DatedTerm | undefined,
  day: string,
): bigint {
  if (untilDay !== null && day >= untilDay) return paidMinor;
  if (sold === undefined) return earnedMinor;
  if (firstDay === null || untilDay === null || day <= firstDay) return 0n;
  const { term } = sold;
  const byRides = (term.earned_by ?? (term.rides === undefined ? 'days' : 'rides')) === 'rides';
  const [part, whole] = byRides
    ? partOf(rides, ridesPaid(term.rides as number, handedOver))
    : [daysBetween(firstDay, day), daysBetween(firstDay, untilDay)];
  return (paidMinor * BigInt(part)) / BigInt(whole);
}

const partOf = (part: number, whole: number): [number, number] => [Math.min(Math.max(0, part), whole), whole];

const daysBetween = (from: string, until: string): number => (Date.parse(until) - Date.parse(from)) / DAY_MS;
