/**
 * The states of a validator and what leads from one to the next. Pure: time and what is broken are handed in, nothing is
 * done here. The table stands in the README.
 */

/** Why no card is taken. */
export type Fault = 'journal-full' | 'disk' | 'reader';

/** What the panel asks while an answer stands on it. */
export type Dialog = 'companion' | 'staff';

export type ValidatorState =
  | { readonly name: 'waiting' }
  | { readonly name: 'reading' }
  /** The answer stands on the panel until its time is over or the next card comes. */
  | { readonly name: 'answered'; readonly untilMs: number; readonly dialog: Dialog | null }
  /** Refusals come faster than they are written down: they are shown and not recorded. */
  | { readonly name: 'cooling'; readonly untilMs: number }
  /** A last answer may still stand on the panel. */
  | { readonly name: 'out-of-order'; readonly fault: Fault; readonly shownUntilMs: number };

export type ValidatorEvent =
  /** A card is in the field. */
  | { readonly kind: 'card' }
  /** It was answered; the answer is written down. */
  | { readonly kind: 'answer'; readonly dialog: Dialog | null }
  /** It was refused, and the refusal was one too many to be written down. */
  | { readonly kind: 'not-recorded' }
  /** Somebody pressed a key of a dialog; `null` ends it. */
  | { readonly kind: 'press'; readonly dialog: Dialog | null }
  /** Time goes by. */
  | { readonly kind: 'look' };

/** What every step is told beside the event. Times are monotonic real milliseconds. */
export interface Surroundings {
  readonly nowMs: number;
  /** What keeps cards from being taken now; null = nothing. */
  readonly fault: Fault | null;
  readonly answerShownMs: number;
  /** How long a dialog waits for a key. */
  readonly dialogMs: Readonly<Record<Dialog, number>>;
}

export const FIRST_STATE: ValidatorState = { name: 'waiting' };

/** The next state. */
export function step(state: ValidatorState, event: ValidatorEvent, around: Surroundings): ValidatorState {
  const { nowMs, fault, answerShownMs, dialogMs } = around;
  const shownMs = (dialog: Dialog | null) => nowMs + (dialog === null ? answerShownMs : dialogMs[dialog]);
  switch (event.kind) {
    case 'card':
      // Read it all the same, if only to say that it cannot be taken: who holds it must not wait for nothing.
      return { name: 'reading' };
    case 'answer':
      if (fault !== null) return { name: 'out-of-order', fault, shownUntilMs: nowMs + answerShownMs };
      return { name: 'answered', untilMs: shownMs(event.dialog), dialog: event.dialog };
    case 'not-recorded':
      if (fault !== null) return { name: 'out-of-order', fault, shownUntilMs: nowMs + answerShownMs };
      return { name: 'cooling', untilMs: nowMs + answerShownMs };
    case 'press':
      // A key of a dialog that is over does nothing.
      if (state.name !== 'answered' || state.dialog === null) return look(state, around);
      return { name: 'answered', untilMs: shownMs(event.dialog), dialog: event.dialog };
    case 'look':
      return look(state, around);
  }
}

function look(state: ValidatorState, { nowMs, fault }: Surroundings): ValidatorState {
  // The card in hand gets its answer first.
  if (state.name === 'reading') return state;
  const untilMs = shownUntil(state);
  if (fault !== null) {
    if (state.name === 'out-of-order' && state.fault === fault) return state;
    return { name: 'out-of-order', fault, shownUntilMs: untilMs ?? nowMs };
  }
  if (untilMs === null || nowMs >= untilMs) return FIRST_STATE;
  return state.name === 'out-of-order' ? { name: 'answered', untilMs, dialog: null } : state;
}

/** Until when an answer stands on the panel; null = none does. */
export function shownUntil(state: ValidatorState): number | null {
  switch (state.name) {
    case 'answered':
    case 'cooling':
      return state.untilMs;
    case 'out-of-order':
      return state.shownUntilMs;
    default:
      return null;
  }
}
