/**
 * An article as people read it. Packages write it in the form of Ukrainian law ("ст. 12, ч. 1, п. 7"); two reserved
 * words say what is not known of it: `not-established` (nobody has found the article yet) and `(not-checked)` after an
 * article that was not compared with the text of the act.
 */
import type { StepLanguage } from './step-text.ts';

/** Reserved value: the act is known, the article is not. */
export const NOT_ESTABLISHED = 'not-established';
const NOT_CHECKED = '(not-checked)';

const NOTES: Readonly<Record<StepLanguage, { readonly established: string; readonly checked: string }>> = {
  uk: { established: 'статтю не встановлено', checked: '(не звірено з текстом)' },
  en: { established: 'article not established', checked: '(not checked against the text)' },
  de: { established: 'Artikel nicht ermittelt', checked: '(nicht mit dem Text verglichen)' },
  pl: { established: 'artykułu nie ustalono', checked: '(nie porównano z tekstem)' },
};

/** Divisions of an act: article, part, paragraph, subparagraph, section, annex. */
const DIVISIONS: readonly (readonly [uk: string, en: string, de: string, pl: string])[] = [
  ['ст.', 'Art.', 'Art.', 'art.'],
  ['ч.', 'part', 'Teil', 'cz.'],
  ['пп.', 'subpara.', 'Buchst.', 'ppkt'],
  ['п.', 'para.', 'Ziff.', 'pkt'],
  ['абз.', 'indent', 'Abs.', 'akapit'],
  ['розд.', 'section', 'Abschn.', 'rozdz.'],
  ['дод.', 'annex', 'Anhang', 'zał.'],
];
const COLUMN = { uk: 0, en: 1, de: 2, pl: 3 } as const;

/** The article in a language; what is neither reserved nor a known division stays as it is written. */
export function articleText(article: string, language: StepLanguage): string {
  const notes = NOTES[language];
  if (article === NOT_ESTABLISHED) return notes.established;
  const named = article
    .split(' ')
    .map((word) => DIVISIONS.find(([uk]) => uk === word)?.[COLUMN[language]] ?? word)
    .join(' ');
  return named.replace(NOT_CHECKED, notes.checked);
}
