/** What stands on the panel and for how long: the state machine with its screen, its timer and its listeners. */
import type { Language } from '#contracts/reason-codes.ts';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import type { AnswerListener } from '../agent-types.ts';
import type { Screen, ScreenView, Timers } from '../ports.ts';
import {
  type Dialog,
  type Fault,
  FIRST_STATE,
  shownUntil,
  step,
  type ValidatorEvent,
  type ValidatorState,
} from './machine.ts';
import { createOutages, type Outages } from './outages.ts';

/** Cards are counted so far, then from one again: enough to tell two in a row apart. */
const CARDS_MAX = 999;

/** A view without what every view has. */
export type FrontView = Omit<
  ScreenView,
  'online' | 'atMs' | 'language' | 'notices' | 'listAgeMin' | 'cardNo'
> & {
  readonly language?: Language;
};

export interface FrontDeps {
  readonly screen: Screen;
  readonly timers: Timers;
  /** City time. */
  readonly nowMs: () => number;
  /** What keeps cards from being taken now. */
  readonly fault: () => Fault | null;
  /** No card could be taken this very moment: an inspector hears of it, however short. */
  readonly deaf: () => boolean;
  readonly online: () => boolean;
  /** What the driver should know. */
  readonly notices: () => ScreenView['notices'];
  /** Since the city vouched for the deny list; null = never. */
  readonly listAgeMs: () => number | null;
  /** Language of the panel at rest. */
  readonly language: Language;
  readonly limits: {
    readonly answerShownMs: number;
    readonly companionMs: number;
    readonly staffMs: number;
    /** So long the panel speaks the language of a key. */
    readonly languageMs: number;
  };
}

export interface Answer {
  readonly view: FrontView;
  /** Record of the answer; null = none could be written. */
  readonly id: string | null;
  readonly dialog?: Dialog | null;
}

export interface Front {
  state(): ValidatorState['name'];
  /** The dialog that waits for a key. */
  dialog(): Dialog | null;
  view(): ScreenView;
  cardCame(): void;
  answer(answer: Answer): void;
  /** A refusal that was not written down. */
  notRecorded(view: FrontView): void;
  /** The answer to a key of a dialog. */
  pressed(answer: Answer): void;
  /** The next language of four, for a while. */
  nextLanguage(): void;
  /** Time has gone by, or something has changed around it. */
  look(): void;
  /** Language of the panel at rest. */
  language(): Language;
  readonly outages: Outages;
  onAnswer(listener: AnswerListener): () => void;
  stop(): void;
}

/** Makes the front; nothing is shown before the first call of `look`. */
export function createFront(deps: FrontDeps): Front {
  const { screen, timers, limits } = deps;
  const listeners = new Set<AnswerListener>();
  const outages = createOutages(timers.nowMs());
  let state: ValidatorState = FIRST_STATE;
  let chosen: { readonly language: Language; readonly untilMs: number } | undefined;
  let cancel: (() => void) | undefined;
  let answered: ScreenView | undefined;
  let shown: ScreenView | undefined;
  let cards = 0;

  const language = (): Language =>
    chosen && timers.nowMs() < chosen.untilMs ? chosen.language : deps.language;

  /** Only where it is read: a panel at rest is not sent anew each minute. */
  const listAge = (sign: ScreenView['sign'], notices: ScreenView['notices']) => {
    const ageMs = sign === 'staff' || notices?.includes('list-old') ? deps.listAgeMs() : null;
    return ageMs === null ? {} : { listAgeMin: Math.floor(ageMs / 60_000) };
  };

  const whole = (view: FrontView): ScreenView => {
    const notices = deps.notices();
    return {
      ...view,
      language: view.language ?? language(),
      online: deps.online(),
      atMs: deps.nowMs(),
      ...(notices && { notices }),
      ...listAge(view.sign, notices),
    };
  };

  const resting = (): ScreenView =>
    whole(
      state.name === 'out-of-order'
        ? { sign: 'out-of-order', reason: 'VALIDATOR_OUT_OF_ORDER' }
        : { sign: 'waiting' },
    );

  function happen(event: ValidatorEvent): void {
    const nowMs = timers.nowMs();
    state = step(state, event, {
      nowMs,
      fault: deps.fault(),
      answerShownMs: limits.answerShownMs,
      dialogMs: { companion: limits.companionMs, staff: limits.staffMs },
    });
    outages.note(state.name === 'out-of-order' || deps.deaf(), nowMs);
    cancel?.();
    const untilMs = shownUntil(state);
    const inMs = untilMs === null ? 0 : untilMs - nowMs;
    cancel = inMs > 0 ? timers.after(inMs, look) : undefined;
  }

  /** The answer while it stands, else the panel at rest; nothing is sent that stands there already. */
  function look(): void {
    happen({ kind: 'look' });
    const untilMs = shownUntil(state);
    const stands = state.name === 'reading' || (untilMs !== null && timers.nowMs() < untilMs);
    const view = stands && answered ? { ...answered, online: deps.online() } : resting();
    if (!stands) answered = undefined;
    if (shown === undefined || differs(view, shown)) screen.show(view);
    shown = view;
  }

  function say({ view, id }: Answer): void {
    answered = { ...whole(view), cardNo: cards };
    shown = answered;
    screen.show(answered);
    for (const listener of listeners) listener(answered, id);
  }

  return {
    state: () => state.name,
    dialog: () => (state.name === 'answered' ? state.dialog : null),
    view: () => ({ ...(shown ?? resting()), online: deps.online() }),
    cardCame() {
      cards = (cards % CARDS_MAX) + 1;
      happen({ kind: 'card' });
    },
    answer(answer) {
      happen({ kind: 'answer', dialog: answer.dialog ?? null });
      say(answer);
    },
    notRecorded(view) {
      happen({ kind: 'not-recorded' });
      say({ view, id: null });
    },
    pressed(answer) {
      happen({ kind: 'press', dialog: answer.dialog ?? null });
      say(answer);
    },
    nextLanguage() {
      const now = shown?.language ?? language();
      const next = LANGUAGES[(LANGUAGES.indexOf(now) + 1) % LANGUAGES.length] as Language;
      chosen = { language: next, untilMs: timers.nowMs() + limits.languageMs };
      if (answered) answered = { ...answered, language: next };
      look();
    },
    look,
    language,
    outages,
    onAnswer(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    stop: () => cancel?.(),
  };
}

/** Time alone is no news. */
function differs(a: ScreenView, b: ScreenView): boolean {
  const text = ({ atMs: _, ...view }: ScreenView) => JSON.stringify(view);
  return text(a) !== text(b);
}
