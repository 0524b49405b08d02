/** Words of the inspector's page and paper, Ukrainian first. */
import type { Text } from '#contracts/reason-codes.ts';
import type { InspectorSign } from './view.ts';

/** The large word beside the sign. */
export const TITLES: Readonly<Record<InspectorSign, Text>> = {
  closed: {
    uk: 'Зміну не відкрито',
    en: 'No shift is open',
    de: 'Keine Schicht offen',
    pl: 'Zmiana nieotwarta',
  },
  'choose-vehicle': {
    uk: 'Який це транспорт?',
    en: 'Which vehicle is this?',
    de: 'Welches Fahrzeug ist das?',
    pl: 'Jaki to pojazd?',
  },
  ready: { uk: 'Прикладіть картку', en: 'Hold a card here', de: 'Karte anhalten', pl: 'Przyłóż kartę' },
  'ride-stands': { uk: 'Поїздка є', en: 'The ride stands', de: 'Fahrt ist gültig', pl: 'Przejazd jest' },
  'no-ride': { uk: 'Поїздки немає', en: 'No ride', de: 'Keine Fahrt', pl: 'Brak przejazdu' },
  'validator-out-of-order': {
    uk: 'Не штрафувати',
    en: 'Do not fine',
    de: 'Nicht bestrafen',
    pl: 'Nie karać',
  },
  unclear: { uk: 'Не штрафувати', en: 'Do not fine', de: 'Nicht bestrafen', pl: 'Nie karać' },
  refused: { uk: 'Картку не приймають', en: 'Card not taken', de: 'Karte gilt nicht', pl: 'Karta nieważna' },
  'not-readable': { uk: 'Ще раз', en: 'Once more', de: 'Noch einmal', pl: 'Jeszcze raz' },
  'not-written': {
    uk: 'Пристрій не працює',
    en: 'Device out of order',
    de: 'Gerät außer Betrieb',
    pl: 'Urządzenie nie działa',
  },
};

/** What it means, where no reason code says it. */
export const SENTENCES: Readonly<Partial<Record<InspectorSign, Text>>> = {
  closed: {
    uk: 'Прикладіть службову картку контролера.',
    en: "Hold an inspector's service card to the reader.",
    de: 'Bitte die Dienstkarte anhalten.',
    pl: 'Przyłóż kartę służbową kontrolera.',
  },
  'choose-vehicle': {
    uk: 'Введіть номер транспорту, щоб почати перевірку.',
    en: 'Enter the number of the vehicle to begin.',
    de: 'Bitte die Nummer des Fahrzeugs eingeben.',
    pl: 'Wpisz numer pojazdu, aby zacząć.',
  },
  'no-ride': {
    uk: 'Ні картка, ні валідатори цього транспорту не знають чинної поїздки.',
    en: 'Neither the card nor the validators of this vehicle know a ride.',
    de: 'Weder die Karte noch die Entwerter dieses Fahrzeugs kennen eine Fahrt.',
    pl: 'Ani karta, ani kasowniki tego pojazdu nie znają przejazdu.',
  },
  'validator-out-of-order': {
    uk: 'Валідатор цього транспорту не працював. Пасажир міг не мати змоги оплатити.',
    en: 'A validator of this vehicle was out of order. The passenger may have been unable to pay.',
    de: 'Ein Entwerter dieses Fahrzeugs war außer Betrieb. Vielleicht konnte nicht bezahlt werden.',
    pl: 'Kasownik w tym pojeździe nie działał. Pasażer mógł nie móc zapłacić.',
  },
  unclear: {
    uk: 'Жоден валідатор не відповідає, а картка поїздки не показує. Сумнів на користь пасажира.',
    en: "No validator answers and the card shows no ride. The doubt is the passenger's.",
    de: 'Kein Entwerter antwortet und die Karte zeigt keine Fahrt. Im Zweifel für den Fahrgast.',
    pl: 'Żaden kasownik nie odpowiada, a karta nie pokazuje przejazdu. Wątpliwość na korzyść pasażera.',
  },
  'not-written': {
    uk: 'Перевірку не записано, тож вона не рахується.',
    en: 'The check could not be written down, so it does not count.',
    de: 'Die Kontrolle wurde nicht aufgezeichnet und zählt nicht.',
    pl: 'Kontroli nie zapisano, więc się nie liczy.',
  },
};

export const EVIDENCE: Readonly<Record<'card-log' | 'vehicle', Text>> = {
  'card-log': { uk: 'за записом на картці', en: 'by the card', de: 'laut Karte', pl: 'według karty' },
  vehicle: {
    uk: 'за валідатором транспорту',
    en: "by the vehicle's validator",
    de: 'laut Entwerter des Fahrzeugs',
    pl: 'według kasownika pojazdu',
  },
};

/** Words of the page's controls and of lines below the sign. */
export const LABELS = {
  pageTitle: { uk: 'Контроль', en: 'Inspection', de: 'Kontrolle', pl: 'Kontrola' },
  offline: { uk: 'Без мережі', en: 'No network', de: 'Kein Netz', pl: 'Bez sieci' },
  checkNo: { uk: 'Перевірка №', en: 'Check no.', de: 'Kontrolle Nr.', pl: 'Kontrola nr' },
  refusedVehicle: {
    uk: 'Такого номера транспорту не буває. Перевірте його.',
    en: 'No vehicle has such a number. Check it.',
    de: 'Eine solche Fahrzeugnummer gibt es nicht. Bitte prüfen.',
    pl: 'Nie ma takiego numeru pojazdu. Sprawdź go.',
  },
  refusedCommand: {
    uk: 'Пристрій цього не виконав. Спробуйте ще раз.',
    en: 'The device did not do this. Try again.',
    de: 'Das Gerät hat das nicht ausgeführt. Bitte noch einmal versuchen.',
    pl: 'Urządzenie tego nie wykonało. Spróbuj jeszcze raz.',
  },
  vehicle: { uk: 'Номер транспорту', en: 'Vehicle number', de: 'Fahrzeugnummer', pl: 'Numer pojazdu' },
  take: { uk: 'Обрати', en: 'Choose', de: 'Wählen', pl: 'Wybierz' },
  noCard: { uk: 'Немає картки', en: 'No card', de: 'Keine Karte', pl: 'Brak karty' },
  close: { uk: 'Закрити зміну', en: 'Close the shift', de: 'Schicht schließen', pl: 'Zamknij zmianę' },
  language: { uk: 'Мова', en: 'Language', de: 'Sprache', pl: 'Język' },
  tappedAt: { uk: 'Зареєстровано о', en: 'Tapped at', de: 'Entwertet um', pl: 'Skasowano o' },
  companions: { uk: 'Супутників', en: 'Companions', de: 'Mitfahrende', pl: 'Współpasażerów' },
  bags: { uk: 'Багажу', en: 'Bags', de: 'Gepäckstücke', pl: 'Sztuk bagażu' },
  broken: { uk: 'Не працює', en: 'Out of order', de: 'Außer Betrieb', pl: 'Nie działa' },
  protocol: { uk: 'Протокол', en: 'Protocol', de: 'Protokoll', pl: 'Protokół' },
  place: {
    uk: 'Транспорт і маршрут',
    en: 'Vehicle and route',
    de: 'Fahrzeug und Linie',
    pl: 'Pojazd i linia',
  },
  time: { uk: 'Час', en: 'Time', de: 'Zeit', pl: 'Czas' },
  fare: { uk: 'Вартість проїзду', en: 'Fare', de: 'Fahrpreis', pl: 'Opłata' },
  penalty: { uk: 'Штраф', en: 'Penalty', de: 'Strafe', pl: 'Kara' },
  act: { uk: 'Підстава', en: 'Legal basis', de: 'Grundlage', pl: 'Podstawa' },
  inspector: { uk: 'Контролер', en: 'Inspector', de: 'Kontrolle durch', pl: 'Kontroler' },
} as const satisfies Record<string, Text>;
