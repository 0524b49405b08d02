/**
 * Days of one account one after the other: the full computation that everything faster must equal. A journey that reaches over
 * a day's end is priced on the day on which it began, so that day is looked at once more when the next has been.
 */
import {
  type CarriedState,
  type ChargedDay,
  chargeDay,
  type DayPricer,
  type ExitsAhead,
  exitsIn,
  NOTHING_AHEAD,
} from './close-rules.ts';
import type { AccountDay, TapFact } from './model.ts';

/** Charges days in their order. `after` is what the day behind the last one found. */
export function* chargeDays(
  opening: CarriedState,
  days: readonly AccountDay[],
  pricer: DayPricer,
  inTime: (tap: TapFact, day: AccountDay) => boolean,
  after: ExitsAhead = NOTHING_AHEAD,
): Generator<ChargedDay & { readonly day: AccountDay }> {
  let carried = opening;
  for (const [i, day] of days.entries()) {
    const charge = (of: AccountDay, from: CarriedState, ahead?: ExitsAhead) =>
      chargeDay(from, of, pricer, (tap) => inTime(tap, of), ahead);
    let charged = charge(day, carried);
    if (leavesOpen(charged.out)) {
      const next = days[i + 1];
      const ahead = next === undefined ? after : exitsIn(charge(next, charged.out).out);
      if (ahead.exits.length + ahead.base.length > 0) charged = charge(day, carried, ahead);
    }
    yield { ...charged, day };
    carried = charged.out;
  }
}

function leavesOpen({ state, base }: CarriedState): boolean {
  return [state, base].some((one) => one?.journeys?.some(({ way }) => way === 'in') === true);
}
