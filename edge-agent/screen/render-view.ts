/** From what the agent shows to what stands on the panel: words in the card's language, pure. */
import { formatDebtReference } from '#contracts/debt-reference.ts';
import { LANGUAGES, type Language, reasonText } from '#contracts/reason-codes.ts';
import type { Notice, Offer, ScreenView } from '../ports.ts';
import { type QrCode, qrCode } from './qr-code.ts';
import {
  ALREADY_COUNTED,
  BESIDE,
  CARD_NO,
  COMPANION,
  GOOD_JOURNEY,
  LOOK_UP,
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
  /** Pressed by this key of a keyboard too. */
  readonly hotkey?: '+' | '*' | '-';
  /** Shape beside the words. */
  readonly icon?: Mark;
  /** Asked once more before it is sent. */
  readonly sure?: string;
}

/** Shapes of what is paid for beside a holder. */
export type Mark = 'person' | 'bag';

/** Most shapes in a row: the number stands in the words. */
const MARKS_MAX = 6;

/** Everything that the page sets; the island beside the page knows the same form. */
export interface ScreenMessage {
  readonly sign: ScreenView['sign'] | 'asking';
  /** Which sound: red ones differ, so that an ear tells them apart. */
  readonly sound: string;
  readonly language: ScreenView['language'];
  readonly title: string;
  readonly text: string;
  /** One for each companion, escort and bag of the ride. */
  readonly marks: readonly Mark[];
  /** What is known of pass and account. */
  readonly lines: readonly string[];
  /** The debt page of the card that was refused, for a camera; `null` = none. Its code stands among the lines. */
  readonly qr: QrCode | null;
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

/** `debtPage`: address of the city's debt page, where the device knows it. */
export function renderView(view: ScreenView, debtPage?: string): ScreenMessage {
  const { sign, language, online } = view;
  const { asking = [] } = view;
  return {
    sign: asking.length > 0 ? 'asking' : sign,
    sound: soundOf(view),
    language,
    title: asking.length > 0 ? questionOf(asking, language) : titleOf(view),
    text: sentenceOf(view),
    marks: marksOf(view),
    lines: [...lookUpLines(view), ...previewLines(view), ...staffLines(view)],
    qr: lookUpCode(view, debtPage),
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

/** A card that may be tried again sounds other than one that will never do, and a bag other than a companion. */
function soundOf({ sign, reason, asking = [], added }: ScreenView): string {
  if (added !== undefined) return added === 'bag' ? 'bag' : 'companion';
  if (asking.length > 0) return 'asking';
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
  const { sign, reason, language, repeated, menu, asking = [] } = view;
  if (sign === 'staff') return menu?.brokenDown ? MENU.brokenDown[language] : '';
  if (sign !== 'accepted') return reason === undefined ? '' : reasonText(reason, language);
  const paid = besideText(view);
  if (paid !== '') return paid;
  if (asking[0] === 'escort') return BESIDE.onlyByRight[language];
  return (repeated ? ALREADY_COUNTED : GOOD_JOURNEY)[language];
}

/** "Paid for: companions 1, bags 2", or nothing. */
function besideText({ language, companions = 0, escorts = 0, bags = 0 }: ScreenView): string {
  const said = (label: string, counts: readonly (readonly [number, string])[]) => {
    const some = counts.filter(([count]) => count > 0).map(([count, name]) => `${name} ${count}`);
    return some.length === 0 ? [] : [`${label}: ${some.join(', ')}`];
  };
  return [
    ...said(BESIDE.paid[language], [
      [companions, BESIDE.companions[language]],
      [bags, BESIDE.bags[language]],
    ]),
    ...said(BESIDE.recorded[language], [[escorts, BESIDE.escorts[language]]]),
  ].join('. ');
}

function marksOf({ companions = 0, escorts = 0, bags = 0 }: ScreenView): Mark[] {
  const marks: Mark[] = [
    ...Array<Mark>(companions + escorts).fill('person'),
    ...Array<Mark>(bags).fill('bag'),
  ];
  return marks.slice(0, MARKS_MAX);
}

function questionOf(asking: readonly Offer[], language: Language): string {
  const [first, second] = asking;
  if (first === 'bag') return BESIDE.bagQuestion[language];
  if (second === undefined)
    return (first === 'escort' ? BESIDE.escortQuestion : COMPANION.question)[language];
  return (first === 'escort' ? BESIDE.escortOrBag : BESIDE.companionOrBag)[language];
}

/** The code that whoever holds the card types on the city's page. */
function lookUpLines({ lookUp, language }: ScreenView): string[] {
  return lookUp === undefined ? [] : [`${LOOK_UP[language]}: ${formatDebtReference(lookUp)}`];
}

/** The page itself, by its address: whoever holds the card points a camera at it instead of typing. */
function lookUpCode({ lookUp, language }: ScreenView, debtPage: string | undefined): QrCode | null {
  return lookUp === undefined || debtPage === undefined
    ? null
    : qrCode(`${debtPage}/${lookUp}?lang=${language}`);
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

function questionKeys(asking: readonly Offer[], language: Language): ScreenKey[] {
  const label = { companion: COMPANION.yes, escort: BESIDE.escortYes, bag: BESIDE.bagYes };
  const keys = asking.map(
    (offer, i): ScreenKey => ({
      label: label[offer][language],
      act: { press: offer === 'bag' ? 'bag' : 'companion' },
      look: i === 0 ? 'main' : 'plain',
      hotkey: offer === 'bag' ? '*' : '+',
      icon: offer === 'bag' ? 'bag' : 'person',
    }),
  );
  return [...keys, { label: COMPANION.no[language], act: { press: 'enough' }, look: 'plain', hotkey: '-' }];
}

function keysOf({ asking = [], menu, language }: ScreenView): ScreenKey[] {
  if (asking.length > 0) return questionKeys(asking, language);
  if (menu === undefined) return [];
  const leave: ScreenKey = {
    label: MENU.leave[language],
    act: { press: 'leave' },
    look: 'main',
    hotkey: '+',
  };
  const lines = menu.lines.map(
    ({ routeId, directionId, towards, towardsNames: names }): ScreenKey => ({
      label: `${routeId} → ${names?.[language] ?? names?.own ?? towards}`,
      act: { press: 'open-shift', routeId, directionId },
      look: 'plain',
    }),
  );
  if (menu.shift === null) return [leave, ...lines];
  const close: ScreenKey = {
    label: MENU.close[language],
    act: { press: 'close-shift' },
    look: 'plain',
    hotkey: '-',
  };
  const breakdown: ScreenKey = {
    label: MENU.breakdown[language],
    act: { press: 'breakdown' },
    look: 'grave',
    sure: MENU.sure[language],
  };
  return [leave, close, ...(menu.brokenDown ? [] : [breakdown]), ...lines];
}
