/** From what the agent shows to what stands on the panel: words in the card's language, pure. */
import { LANGUAGES, type Language, reasonText } from '#contracts/reason-codes.ts';
import type { Notice, ScreenView } from '../ports.ts';
import {
  ALREADY_COUNTED,
  CARD_NO,
  COMPANION,
  GOOD_JOURNEY,
  listAgeText,
  MENU,
  NOTICES,
  OFFLINE,
  PAGE_TITLE,
  previewLines,
  TITLES,
} from './texts.ts';

/** A key of the panel; `act` is what is sent back when it is pressed. */
export interface ScreenKey {
  readonly label: string;
  readonly act: object;
  /** How it looks: the answer that is meant most, one among many, or one that cannot be taken back. */
  readonly look: 'main' | 'plain' | 'grave';
  /** Asked once more before it is sent. */
  readonly sure?: string;
}

/** Everything that the page sets; the island beside the page knows the same form. */
export interface ScreenMessage {
  readonly sign: ScreenView['sign'] | 'asking';
  /** Which sound: red ones differ, so that an ear tells them apart. */
  readonly sound: string;
  readonly language: ScreenView['language'];
  readonly title: string;
  readonly text: string;
  /** What is known of pass and account. */
  readonly lines: readonly string[];
  readonly keys: readonly ScreenKey[];
  /** For the driver; empty = nothing. */
  readonly notices: readonly string[];
  /** The key that changes the language, in its own words. */
  readonly nextLanguage: { readonly code: Language; readonly name: string };
  /** Which card was answered, in words: two answers that look the same are two. Empty at rest. */
  readonly card: string;
  /** City time of the answer. */
  readonly shownAtMs: number;
  /** Empty while online. */
  readonly offline: string;
  readonly pageTitle: string;
}

export function renderView(view: ScreenView): ScreenMessage {
  const { sign, language, online } = view;
  const asking = view.asking === true;
  return {
    sign: asking ? 'asking' : sign,
    sound: soundOf(view),
    language,
    title: asking ? COMPANION.question[language] : titleOf(view),
    text: sentenceOf(view),
    lines: [...previewLines(view), ...staffLines(view)],
    keys: keysOf(view),
    notices: (view.notices ?? []).map((notice) => noticeOf(notice, view)),
    nextLanguage: { code: nextOf(language), name: LANGUAGE_NAMES[nextOf(language)] },
    card: view.cardNo === undefined || sign === 'staff' ? '' : `${CARD_NO[language]} ${view.cardNo}`,
    shownAtMs: view.atMs,
    offline: online ? '' : OFFLINE[language],
    pageTitle: PAGE_TITLE[language],
  };
}

const LANGUAGE_NAMES: Readonly<Record<Language, string>> = {
  uk: 'Українська',
  en: 'English',
  de: 'Deutsch',
  pl: 'Polski',
};

function nextOf(language: Language): Language {
  return LANGUAGES[(LANGUAGES.indexOf(language) + 1) % LANGUAGES.length] as Language;
}

/** A card that may be tried again sounds other than one that will never do. */
function soundOf({ sign, reason, asking }: ScreenView): string {
  if (asking) return 'asking';
  if (sign !== 'refused') return sign;
  return reason === 'CARD_UNREADABLE' || reason === 'CARDS_SEVERAL' ? 'again' : 'refused';
}

function titleOf({ sign, language, menu }: ScreenView): string {
  if (sign !== 'staff' || menu === undefined) return TITLES[sign][language];
  const { shift } = menu;
  if (shift === null) return MENU.chooseLine[language];
  return `${MENU.line[language]} ${shift.routeId ?? ''}`.trim();
}

function sentenceOf(view: ScreenView): string {
  const { sign, reason, language, repeated, companions = 0, menu } = view;
  if (sign === 'staff') return menu?.brokenDown ? MENU.brokenDown[language] : '';
  if (sign !== 'accepted') return reason === undefined ? '' : reasonText(reason, language);
  if (companions > 0) return `${COMPANION.paid[language]}: ${companions}`;
  return (repeated ? ALREADY_COUNTED : GOOD_JOURNEY)[language];
}

/** What a driver with a card sees of the validator itself. */
function staffLines({ sign, language, listAgeMin, notices }: ScreenView): string[] {
  return sign === 'staff' && listAgeMin !== undefined && !notices?.includes('list-old')
    ? [listAgeText(listAgeMin, language)]
    : [];
}

function noticeOf(notice: Notice, { language, listAgeMin }: ScreenView): string {
  const text = NOTICES[notice][language];
  if (notice !== 'list-old' || listAgeMin === undefined) return text;
  return `${text}. ${listAgeText(listAgeMin, language)}`;
}

function keysOf({ asking, menu, language }: ScreenView): ScreenKey[] {
  if (asking) {
    return [
      { label: COMPANION.yes[language], act: { press: 'companion' }, look: 'main' },
      { label: COMPANION.no[language], act: { press: 'enough' }, look: 'plain' },
    ];
  }
  if (menu === undefined) return [];
  const leave: ScreenKey = { label: MENU.leave[language], act: { press: 'leave' }, look: 'main' };
  const lines = menu.lines.map(
    ({ routeId, directionId, towards, towardsNames: names }): ScreenKey => ({
      label: `${routeId} → ${names?.[language] ?? names?.own ?? towards}`,
      act: { press: 'open-shift', routeId, directionId },
      look: 'plain',
    }),
  );
  if (menu.shift === null) return [leave, ...lines];
  const close: ScreenKey = { label: MENU.close[language], act: { press: 'close-shift' }, look: 'plain' };
  const breakdown: ScreenKey = {
    label: MENU.breakdown[language],
    act: { press: 'breakdown' },
    look: 'grave',
    sure: MENU.sure[language],
  };
  return [leave, close, ...(menu.brokenDown ? [] : [breakdown]), ...lines];
}
