/**
 * Journeys that reach over the end of a fare day. They are priced on the day on which they began; what that day needs of the
 * next one, the next one's state says. Whoever finds that a day was priced with another exit asks for that day again.
 */
import { type CarriedState, type ExitsAhead, exitsIn, NOTHING_AHEAD } from '#pricing/close-rules.ts';
import type { JourneyExit, PricingState } from '#pricing/model.ts';
import { exitRow, parseStateText } from '#pricing/state-text.ts';
import type { DayStates } from './ports.ts';

/** What the stored next day found for journeys that this one leaves open. */
export function exitsAhead(
  around: { readonly next: Pick<DayStates, 'stateOut' | 'baseOut'> | null } | undefined,
): ExitsAhead {
  const next = around?.next;
  // The usual city has none, and its states need not be read for it.
  if (!next || !(hasExits(next.stateOut) || hasExits(next.baseOut))) return NOTHING_AHEAD;
  const base = next.baseOut === null ? null : parseStateText(next.baseOut);
  return exitsIn({ state: parseStateText(next.stateOut), base });
}

function hasExits(state: string | null): boolean {
  return state?.includes('"closed":') === true;
}

/** Whether the day before was priced with the exits that this day found for what it left open. */
export function exitsFound(carried: CarriedState, out: CarriedState): boolean {
  if (carried.state.journeys === undefined && carried.base?.journeys === undefined) return true;
  const found = exitsIn(out === carried ? { state: { ...carried.state, closed: [] }, base: null } : out);
  return agree(carried.state, found.exits) && agree(carried.base ?? carried.state, found.base);
}

function agree({ journeys = [] }: PricingState, found: readonly JourneyExit[]): boolean {
  return journeys
    .filter(({ way }) => way === 'in')
    .every(({ tapId, exit }) => textOf(exit) === textOf(found.find((one) => one.entryTapId === tapId)));
}

/** Whether it came in time for that day is that day's own affair. */
function textOf(exit: JourneyExit | undefined): string {
  if (exit === undefined) return '';
  const { late: _, ...said } = exit;
  return JSON.stringify(exitRow(said));
}
