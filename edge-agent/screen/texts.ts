/** Words of the validator's screen. The sentences of refusals stand in the contracts' catalogue. */
import { formatMoney } from '#contracts/money.ts';
import type { Language, Text } from '#contracts/reason-codes.ts';
import type { FarePreview, Notice, ScreenView } from '../ports.ts';

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

/** Before the code under which the holder of a refused bank card finds out why, and pays. */
export const LOOK_UP: Text = {
  uk: 'Код для сторінки «Борг картки»',
  en: 'Code for the page “Card debt”',
  de: 'Code für die Seite „Kartenschuld“',
  pl: 'Kod na stronę „Dług karty”',
};

export const OFFLINE: Text = {
  uk: 'Без мережі, картки приймаємо',
  en: 'No network, cards are taken',
  de: 'Kein Netz, Karten gelten',
  pl: 'Bez sieci, karty działają',
};

export const PAGE_TITLE: Text = { uk: 'Валідатор', en: 'Validator', de: 'Entwerter', pl: 'Kasownik' };

export const COMPANION: Readonly<Record<'question' | 'yes' | 'no', Text>> = {
  question: {
    uk: 'Платити за супутника?',
    en: 'Pay for a companion?',
    de: 'Für eine Begleitung zahlen?',
    pl: 'Zapłacić za towarzysza?',
  },
  yes: {
    uk: 'Так, ще один квиток',
    en: 'Yes, one more ticket',
    de: 'Ja, noch ein Fahrschein',
    pl: 'Tak, jeszcze jeden bilet',
  },
  no: { uk: 'Ні, досить', en: 'No, enough', de: 'Nein, genug', pl: 'Nie, wystarczy' },
};

/** Baggage and escorts. */
export const BESIDE: Readonly<
  Record<
    | 'companionOrBag'
    | 'bagQuestion'
    | 'escortQuestion'
    | 'escortOrBag'
    | 'onlyByRight'
    | 'bagYes'
    | 'escortYes'
    | 'paid'
    | 'recorded'
    | 'companions'
    | 'bags'
    | 'escorts',
    Text
  >
> = {
  companionOrBag: {
    uk: 'Платити за супутника чи багаж?',
    en: 'Pay for a companion or baggage?',
    de: 'Für Begleitung oder Gepäck zahlen?',
    pl: 'Zapłacić za towarzysza lub bagaż?',
  },
  bagQuestion: {
    uk: 'Платити за багаж?',
    en: 'Pay for baggage?',
    de: 'Für Gepäck zahlen?',
    pl: 'Zapłacić za bagaż?',
  },
  escortQuestion: {
    uk: 'З вами супровідник?',
    en: 'Is an escort with you?',
    de: 'Begleitperson dabei?',
    pl: 'Czy jest opiekun?',
  },
  escortOrBag: {
    uk: 'Супровідник чи багаж?',
    en: 'An escort or baggage?',
    de: 'Begleitperson oder Gepäck?',
    pl: 'Opiekun czy bagaż?',
  },
  onlyByRight: {
    uk: 'Лише для тих, хто має на це право',
    en: 'Only for those who have a right to one',
    de: 'Nur mit Anspruch auf Begleitung',
    pl: 'Tylko dla osób uprawnionych',
  },
  bagYes: { uk: 'Багаж', en: 'Baggage', de: 'Gepäck', pl: 'Bagaż' },
  escortYes: {
    uk: 'Супровідник, маю право',
    en: 'An escort, I have the right',
    de: 'Begleitperson, mit Anspruch',
    pl: 'Opiekun, mam uprawnienie',
  },
  paid: { uk: 'Оплачено', en: 'Paid for', de: 'Bezahlt', pl: 'Opłacono' },
  recorded: { uk: 'Записано', en: 'Recorded', de: 'Erfasst', pl: 'Zapisano' },
  companions: { uk: 'супутники', en: 'companions', de: 'Begleitung', pl: 'osoby towarzyszące' },
  bags: { uk: 'багаж', en: 'baggage', de: 'Gepäck', pl: 'bagaż' },
  escorts: { uk: 'супровід', en: 'escorts', de: 'Begleitpersonen', pl: 'opiekunowie' },
};

export const MENU: Readonly<
  Record<'chooseLine' | 'line' | 'close' | 'leave' | 'breakdown' | 'sure' | 'brokenDown', Text>
> = {
  chooseLine: {
    uk: 'Оберіть маршрут',
    en: 'Choose the line',
    de: 'Linie wählen',
    pl: 'Wybierz linię',
  },
  line: { uk: 'Маршрут', en: 'Line', de: 'Linie', pl: 'Linia' },
  close: { uk: 'Закрити зміну', en: 'Close the shift', de: 'Dienst beenden', pl: 'Zamknij zmianę' },
  leave: { uk: 'Готово', en: 'Done', de: 'Fertig', pl: 'Gotowe' },
  breakdown: { uk: 'Поломка', en: 'Breakdown', de: 'Panne', pl: 'Awaria' },
  sure: {
    uk: 'Оголосити поломку? Натисніть ще раз',
    en: 'Declare a breakdown? Press again',
    de: 'Panne melden? Noch einmal drücken',
    pl: 'Zgłosić awarię? Naciśnij jeszcze raz',
  },
  brokenDown: {
    uk: 'Поломку записано. Повідомте диспетчера.',
    en: 'The breakdown is recorded. Tell the dispatcher.',
    de: 'Die Panne ist erfasst. Bitte die Leitstelle benachrichtigen.',
    pl: 'Awaria zapisana. Powiadom dyspozytora.',
  },
};

/** Warnings for the driver. */
export const NOTICES: Readonly<Record<Notice, Text>> = {
  'journal-nearly-full': {
    uk: 'Журнал майже повний: потрібен зв’язок',
    en: 'The journal is nearly full: a connection is needed',
    de: 'Das Journal ist fast voll: Verbindung nötig',
    pl: 'Dziennik prawie pełny: potrzebne połączenie',
  },
  'journal-full': {
    uk: 'Журнал повний',
    en: 'The journal is full',
    de: 'Das Journal ist voll',
    pl: 'Dziennik jest pełny',
  },
  disk: { uk: 'Збій диска', en: 'Disk failure', de: 'Plattenfehler', pl: 'Awaria dysku' },
  reader: { uk: 'Немає зчитувача', en: 'No card reader', de: 'Kein Kartenleser', pl: 'Brak czytnika' },
  'list-old': {
    uk: 'Список блокувань застарів',
    en: 'The deny list is old',
    de: 'Die Sperrliste ist alt',
    pl: 'Lista blokad jest stara',
  },
  'list-none': {
    uk: 'Ще немає списку блокувань',
    en: 'No deny list yet',
    de: 'Noch keine Sperrliste',
    pl: 'Nie ma jeszcze listy blokad',
  },
};

/** Before the number of the card that was answered. */
export const CARD_NO: Text = { uk: 'Картка №', en: 'Card no.', de: 'Karte Nr.', pl: 'Karta nr' };

const LIST_AGE: Text = {
  uk: 'Вік списку блокувань',
  en: 'Age of the deny list',
  de: 'Alter der Sperrliste',
  pl: 'Wiek listy blokad',
};

/** How old the deny list is, in the largest unit of which there are two or more. */
export function listAgeText(minutes: number, language: Language): string {
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const [amount, unit] = days >= 2 ? [days, 'day'] : hours >= 2 ? [hours, 'hour'] : [minutes, 'minute'];
  const said = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(amount);
  return `${LIST_AGE[language]}: ${said}`;
}

/** What is known of a pass, an account, and the age of what is known. Nothing that is not known is said. */
export function previewLines({ preview, language }: ScreenView): string[] {
  if (preview === undefined) return [];
  const day = (ms: number) =>
    new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: preview.zone }).format(ms);
  const lines = preview.ride ? rideLines(preview.ride, language) : [];
  // Exclusive: the last day is the one before.
  if (preview.passUntilMs !== undefined)
    lines.push(`${PREVIEW.pass[language]} ${day(preview.passUntilMs - 1)}`);
  const { hint } = preview;
  if (hint === undefined) return lines;
  const age = `(${PREVIEW.asOf[language]} ${day(hint.asOfMs)})`;
  const { balance, quotaLeft } = hint;
  if (balance) {
    const money = { amountMinor: BigInt(balance.amountMinor), currency: balance.currency };
    lines.push(`${PREVIEW.balance[language]}: ${formatMoney(money, language)} ${age}`);
  }
  if (quotaLeft !== undefined) lines.push(`${PREVIEW.quota[language]}: ${quotaLeft} ${age}`);
  return lines;
}

const PREVIEW: Readonly<Record<'pass' | 'balance' | 'quota' | 'asOf', Text>> = {
  pass: {
    uk: 'Проїзний діє по',
    en: 'Pass valid to',
    de: 'Zeitkarte gültig bis',
    pl: 'Bilet okresowy ważny do',
  },
  balance: { uk: 'На рахунку', en: 'Balance', de: 'Guthaben', pl: 'Saldo' },
  quota: { uk: 'Залишилося поїздок', en: 'Rides left', de: 'Fahrten übrig', pl: 'Pozostało przejazdów' },
  asOf: { uk: 'станом на', en: 'as of', de: 'Stand', pl: 'stan na' },
};

/** This ride's full price and what is open for transfers; what is not known is said so. */
function rideLines({ unknown, fare, transfer }: FarePreview, language: Language): string[] {
  if (unknown !== undefined) return [RIDE_UNKNOWN[unknown][language]];
  const lines: string[] = [];
  if (fare) {
    const money = { amountMinor: BigInt(fare.amountMinor), currency: fare.currency };
    const label = fare.transfer ? RIDE.transferFare : RIDE.fullFare;
    lines.push(`${label[language]}: ${formatMoney(money, language)}`);
  }
  if (transfer === 'unknown') lines.push(RIDE.transferUnknown[language]);
  else if (transfer) lines.push(transferLine(transfer, language));
  return lines;
}

function transferLine(
  { minutes, everywhere, free }: Exclude<FarePreview['transfer'], 'unknown' | undefined>,
  language: Language,
): string {
  const short = { style: 'unit', unit: 'minute', unitDisplay: 'short' } as const;
  const left =
    minutes === null ? RIDE.allDay[language] : new Intl.NumberFormat(language, short).format(minutes);
  const label = (free ? RIDE.freeTransfer : RIDE.cheaperTransfer)[language];
  return `${label}: ${left}${everywhere ? '' : ` (${RIDE.notEverywhere[language]})`}`;
}

const RIDE = {
  fullFare: { uk: 'Повна ціна поїздки', en: 'Full fare', de: 'Voller Fahrpreis', pl: 'Pełna cena przejazdu' },
  transferFare: {
    uk: 'Повна ціна пересадки',
    en: 'Full fare of this transfer',
    de: 'Voller Preis des Umstiegs',
    pl: 'Pełna cena przesiadki',
  },
  freeTransfer: {
    uk: 'Безкоштовна пересадка ще',
    en: 'Free transfer for',
    de: 'Freier Umstieg noch',
    pl: 'Bezpłatna przesiadka jeszcze',
  },
  cheaperTransfer: {
    uk: 'Дешевша пересадка ще',
    en: 'Cheaper transfer for',
    de: 'Ermäßigter Umstieg noch',
    pl: 'Tańsza przesiadka jeszcze',
  },
  allDay: { uk: 'до кінця дня', en: 'the rest of the day', de: 'bis Tagesende', pl: 'do końca dnia' },
  notEverywhere: {
    uk: 'не на всі маршрути',
    en: 'not to every line',
    de: 'nicht auf alle Linien',
    pl: 'nie na wszystkie linie',
  },
  transferUnknown: {
    uk: 'Скільки ще діє пересадка, за цією карткою невідомо',
    en: 'How long a transfer is open is not known from this card',
    de: 'Wie lange ein Umstieg gilt, ist aus dieser Karte nicht bekannt',
    pl: 'Jak długo trwa przesiadka, z tej karty nie wiadomo',
  },
} as const satisfies Record<string, Text>;

const RIDE_UNKNOWN: Readonly<Record<NonNullable<FarePreview['unknown']>, Text>> = {
  route: {
    uk: 'Ціна тут невідома: маршрут не обрано',
    en: 'The fare is not known here: no line is set',
    de: 'Fahrpreis hier nicht bekannt: keine Linie gewählt',
    pl: 'Cena tu nieznana: nie wybrano linii',
  },
  stop: {
    uk: 'Ціна тут невідома: зупинку не визначено',
    en: 'The fare is not known here: the stop is not sure',
    de: 'Fahrpreis hier nicht bekannt: Haltestelle unsicher',
    pl: 'Cena tu nieznana: przystanek niepewny',
  },
  tariff: {
    uk: 'Ціна тут невідома: немає чинного тарифу',
    en: 'The fare is not known here: no tariff for today',
    de: 'Fahrpreis hier nicht bekannt: kein Tarif für heute',
    pl: 'Cena tu nieznana: brak taryfy na dziś',
  },
  clock: {
    uk: 'Ціна тут невідома: годинник не звірено',
    en: 'The fare is not known here: the clock is not set',
    de: 'Fahrpreis hier nicht bekannt: Uhr nicht gestellt',
    pl: 'Cena tu nieznana: zegar nieustawiony',
  },
};
