/** From what the agent shows to what stands on the panel: words in the card's language, pure. */
import { reasonText } from '#contracts/reason-codes.ts';
import type { ScreenView } from '../ports.ts';
import { ALREADY_COUNTED, GOOD_JOURNEY, OFFLINE, PAGE_TITLE, TITLES } from './texts.ts';

/** Everything that the page sets; the island beside the page knows the same form. */
export interface ScreenMessage {
  readonly sign: ScreenView['sign'];
  readonly language: ScreenView['language'];
  readonly title: string;
  readonly text: string;
  /** Empty while online. */
  readonly offline: string;
  readonly pageTitle: string;
}

export function renderView(view: ScreenView): ScreenMessage {
  const { sign, language, online } = view;
  return {
    sign,
    language,
    title: TITLES[sign][language],
    text: sentenceOf(view),
    offline: online ? '' : OFFLINE[language],
    pageTitle: PAGE_TITLE[language],
  };
}

function sentenceOf({ sign, reason, language, repeated }: ScreenView): string {
  if (sign === 'accepted') return (repeated ? ALREADY_COUNTED : GOOD_JOURNEY)[language];
  return reason === undefined ? '' : reasonText(reason, language);
}
