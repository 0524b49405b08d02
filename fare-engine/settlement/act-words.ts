/** Words of a reconciliation act in four languages. */
import type { Language } from '#contracts/reason-codes.ts';
import type { LineKind } from './settle.ts';

export interface ActWords {
  readonly title: string;
  readonly period: string;
  readonly carrier: string;
  readonly department: string;
  readonly closed: string;
  readonly line: string;
  readonly origin: string;
  readonly rides: string;
  readonly amount: string;
  readonly total: string;
  readonly transfers: string;
  readonly claimRides: string;
  readonly gross: string;
  readonly transferFree: string;
  readonly passCovered: string;
  readonly penalties: string;
  readonly hash: string;
  readonly notSigned: string;
  readonly signed: string;
  readonly notQualified: string;
  readonly objections: string;
  /** `{ref}` stands for the source of money, cap or product. */
  readonly lines: Readonly<Record<LineKind, string>>;
  readonly note: string;
}

export const ACT_WORDS: Readonly<Record<Language, ActWords>> = {
  uk: {
    title: 'Акт звірки розрахунків',
    period: 'Місяць',
    carrier: 'Перевізник',
    department: 'Замовник',
    closed: 'Закрито',
    line: 'Показник',
    origin: 'Місяць поїздок',
    rides: 'Поїздок',
    amount: 'Сума',
    total: 'Разом перевізнику',
    transfers: 'Пересадок',
    claimRides: 'Пільгових поїздок',
    gross: 'Вартість поїздок за повним тарифом',
    transferFree: 'з неї безкоштовно за пересадками',
    passCovered: 'з неї за абонементами',
    penalties: 'Штрафи за незавершені поїздки (лишаються місту)',
    hash: 'SHA-256 підписаних байтів акта',
    notSigned: 'не підписано',
    signed: 'підписано',
    notQualified: 'підпис не є кваліфікованим',
    objections: 'із запереченнями',
    lines: {
      fares: 'Плата пасажирів',
      'late-loss': 'Поїздки, надіслані надто пізно: оплачує місто',
      concession: 'Пільги, які відшкодовує {ref}',
      cap: 'Зняте межею витрат (до розподілу)',
      'cap-share': 'Частка знятого межею витрат {ref}',
      'pass-share': 'Частка від продажу абонементів {ref}',
      other: 'Інші проведення: {ref}',
    },
    note: 'Рядки з іншим місяцем поїздок – те, що надійшло після закриття того місяця.',
  },
  en: {
    title: 'Reconciliation act',
    period: 'Month',
    carrier: 'Carrier',
    department: 'Department',
    closed: 'Closed',
    line: 'Line',
    origin: 'Month of the rides',
    rides: 'Rides',
    amount: 'Amount',
    total: 'Total for the carrier',
    transfers: 'Transfers',
    claimRides: 'Concession rides',
    gross: 'Rides at full price',
    transferFree: 'of it free by transfers',
    passCovered: 'of it by passes',
    penalties: 'Penalties for missing taps (they stay with the city)',
    hash: 'SHA-256 of the signed bytes of the act',
    notSigned: 'not signed',
    signed: 'signed',
    notQualified: 'the signature is not a qualified one',
    objections: 'with objections',
    lines: {
      fares: 'Paid by riders',
      'late-loss': 'Rides that came too late: borne by the city',
      concession: 'Concessions owed by {ref}',
      cap: 'Taken off by caps (before it is shared)',
      'cap-share': 'Share of what the cap {ref} took off',
      'pass-share': 'Share of the sales of {ref}',
      other: 'Other postings: {ref}',
    },
    note: 'Lines of another month are what came after that month was closed.',
  },
  de: {
    title: 'Abstimmungsprotokoll',
    period: 'Monat',
    carrier: 'Verkehrsunternehmen',
    department: 'Auftraggeber',
    closed: 'Abgeschlossen',
    line: 'Posten',
    origin: 'Monat der Fahrten',
    rides: 'Fahrten',
    amount: 'Betrag',
    total: 'Summe für das Unternehmen',
    transfers: 'Umstiege',
    claimRides: 'Ermäßigte Fahrten',
    gross: 'Fahrten zum vollen Preis',
    transferFree: 'davon frei durch Umstieg',
    passCovered: 'davon mit Zeitkarten',
    penalties: 'Strafen für fehlende Abmeldungen (bleiben bei der Stadt)',
    hash: 'SHA-256 der unterschriebenen Bytes',
    notSigned: 'nicht unterschrieben',
    signed: 'unterschrieben',
    notQualified: 'die Unterschrift ist keine qualifizierte',
    objections: 'mit Einwänden',
    lines: {
      fares: 'Von Fahrgästen bezahlt',
      'late-loss': 'Zu spät eingegangene Fahrten: trägt die Stadt',
      concession: 'Ermäßigungen, die {ref} schuldet',
      cap: 'Vom Preisdeckel abgezogen (vor der Teilung)',
      'cap-share': 'Anteil am Abzug des Preisdeckels {ref}',
      'pass-share': 'Anteil am Verkauf von {ref}',
      other: 'Andere Buchungen: {ref}',
    },
    note: 'Posten eines anderen Monats gingen ein, nachdem jener abgeschlossen war.',
  },
  pl: {
    title: 'Protokół uzgodnienia rozliczeń',
    period: 'Miesiąc',
    carrier: 'Przewoźnik',
    department: 'Zamawiający',
    closed: 'Zamknięto',
    line: 'Pozycja',
    origin: 'Miesiąc przejazdów',
    rides: 'Przejazdy',
    amount: 'Kwota',
    total: 'Razem dla przewoźnika',
    transfers: 'Przesiadki',
    claimRides: 'Przejazdy ulgowe',
    gross: 'Przejazdy po pełnej cenie',
    transferFree: 'w tym bezpłatne przesiadki',
    passCovered: 'w tym na biletach okresowych',
    penalties: 'Kary za brak odbicia (zostają w mieście)',
    hash: 'SHA-256 podpisanych bajtów',
    notSigned: 'nie podpisano',
    signed: 'podpisano',
    notQualified: 'podpis nie jest kwalifikowany',
    objections: 'z zastrzeżeniami',
    lines: {
      fares: 'Zapłacone przez pasażerów',
      'late-loss': 'Przejazdy nadesłane za późno: pokrywa miasto',
      concession: 'Ulgi, które pokrywa {ref}',
      cap: 'Zdjęte przez limit wydatków (przed podziałem)',
      'cap-share': 'Udział w kwocie zdjętej przez limit {ref}',
      'pass-share': 'Udział w sprzedaży {ref}',
      other: 'Inne księgowania: {ref}',
    },
    note: 'Pozycje innego miesiąca nadeszły po jego zamknięciu.',
  },
};

/** What a line is called. */
export function lineName(kind: string, ref: string, language: Language): string {
  const { lines } = ACT_WORDS[language];
  const words = Object.hasOwn(lines, kind) ? lines[kind as LineKind] : kind;
  return words.replace('{ref}', ref === '' ? '–' : ref);
}
