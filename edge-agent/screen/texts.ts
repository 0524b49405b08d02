/** Words of the validator's screen. The sentences of refusals stand in the contracts' catalogue. */
import type { Text } from '#contracts/reason-codes.ts';
import type { ScreenView } from '../ports.ts';

/** The one word beside the sign. */
export const TITLES: Readonly<Record<ScreenView['sign'], Text>> = {
  waiting: {
    uk: 'Прикладіть картку',
    en: 'Hold your card here',
    de: 'Karte hier anhalten',
    pl: 'Przyłóż kartę',
  },
  accepted: { uk: 'Прийнято', en: 'Accepted', de: 'Angenommen', pl: 'Przyjęto' },
  refused: { uk: 'Не прийнято', en: 'Not accepted', de: 'Nicht angenommen', pl: 'Nie przyjęto' },
  staff: { uk: 'Службова картка', en: 'Staff card', de: 'Dienstkarte', pl: 'Karta służbowa' },
  'out-of-order': { uk: 'Не працює', en: 'Out of order', de: 'Außer Betrieb', pl: 'Nie działa' },
};

export const GOOD_JOURNEY: Text = {
  uk: 'Щасливої дороги!',
  en: 'Have a good journey!',
  de: 'Gute Fahrt!',
  pl: 'Miłej podróży!',
};

export const ALREADY_COUNTED: Text = {
  uk: 'Цю поїздку вже враховано.',
  en: 'This ride has been counted already.',
  de: 'Diese Fahrt ist schon gezählt.',
  pl: 'Ten przejazd jest już zapisany.',
};

export const OFFLINE: Text = {
  uk: 'Без мережі, картки приймаємо',
  en: 'No network, cards are taken',
  de: 'Kein Netz, Karten gelten',
  pl: 'Bez sieci, karty działają',
};

export const PAGE_TITLE: Text = { uk: 'Валідатор', en: 'Validator', de: 'Entwerter', pl: 'Kasownik' };
