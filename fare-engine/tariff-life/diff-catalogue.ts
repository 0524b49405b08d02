/** Words of `kvytok tariff diff` in four languages: Ukrainian, English, German, Polish, in this order in each row. */
import type { Language } from '#contracts/reason-codes.ts';
import type { Subject } from './compare.ts';

export type Words = readonly [uk: string, en: string, de: string, pl: string];
const COLUMN: Readonly<Record<Language, 0 | 1 | 2 | 3>> = { uk: 0, en: 1, de: 2, pl: 3 };

/** The word of a row in a language. */
export function word(words: Words, language: Language): string {
  return words[COLUMN[language]];
}

export const SUBJECT_WORDS: Readonly<Record<Subject, Words>> = {
  tariff: ['Тариф', 'Tariff', 'Tarif', 'Taryfa'],
  act: ['Акт', 'Act', 'Rechtsakt', 'Akt prawny'],
  medium: ['Носій', 'Medium', 'Medium', 'Nośnik'],
  category: ['Категорія', 'Category', 'Personengruppe', 'Kategoria'],
  network: ['Мережа', 'Network', 'Netz', 'Sieć'],
  product: ['Квиток', 'Product', 'Fahrschein', 'Bilet'],
  'leg-group': ['Група поїздок', 'Leg group', 'Fahrtgruppe', 'Grupa przejazdów'],
  funding: ['Хто компенсує', 'Funding', 'Kostenträger', 'Finansowanie'],
  concession: ['Пільга', 'Concession', 'Ermäßigung', 'Ulga'],
  cap: ['Межа витрат', 'Cap', 'Preisdeckel', 'Limit wydatków'],
  price: ['Ціна', 'Price', 'Preis', 'Cena'],
  'leg-rule': ['Правило поїздки', 'Rule of a ride', 'Fahrtregel', 'Reguła przejazdu'],
  'transfer-rule': ['Правило пересадки', 'Rule of a transfer', 'Umstiegsregel', 'Reguła przesiadki'],
  route: ['Маршрут', 'Route', 'Linie', 'Linia'],
  area: ['Зупинка в зоні', 'Stop in an area', 'Haltestelle in Zone', 'Przystanek w strefie'],
  timeframe: ['Години', 'Timeframe', 'Zeitfenster', 'Przedział czasu'],
  'tap-policy': ['Правило реєстрації', 'Tap policy', 'Regel der Anmeldung', 'Reguła rejestracji'],
  inspection: ['Контроль', 'Inspection', 'Kontrolle', 'Kontrola'],
  breakdown: ['Поломка транспорту', 'Breakdown', 'Panne', 'Awaria pojazdu'],
  'product-terms': ['Умови квитка', 'Terms of a product', 'Bedingungen des Fahrscheins', 'Warunki biletu'],
  'medium-kind': ['Картка виду', 'Card of kind', 'Karte der Art', 'Karta rodzaju'],
  emergency: ['Надзвичайне правило', 'Emergency rule', 'Notregel', 'Reguła nadzwyczajna'],
  compensation: ['Компенсація', 'Compensation', 'Ausgleich', 'Rekompensata'],
  'revenue-split': ['Поділ виручки', 'Revenue split', 'Einnahmenaufteilung', 'Podział przychodów'],
  'bank-terms': [
    'Умови банківських карток',
    'Terms of bank cards',
    'Bedingungen für Bankkarten',
    'Warunki kart bankowych',
  ],
  'bank-code': ['Відповідь банку', 'Answer of a bank', 'Antwort einer Bank', 'Odpowiedź banku'],
  file: ['Файл', 'File', 'Datei', 'Plik'],
};

export const SENTENCES = {
  added: ['додано', 'added', 'neu', 'dodano'],
  removed: ['вилучено', 'removed', 'entfällt', 'usunięto'],
  changed: [
    '{field}: {before} → {after}',
    '{field}: {before} → {after}',
    '{field}: {before} → {after}',
    '{field}: {before} → {after}',
  ],
  renamed: [
    'змінено лише позначення {before} → {after}: жодна ціна від цього не змінюється',
    'only the id is another one, {before} → {after}: no price changes by it',
    'nur die Kennung ist eine andere, {before} → {after}: kein Preis ändert sich dadurch',
    'zmieniono tylko oznaczenie {before} → {after}: żadna cena się przez to nie zmienia',
  ],
  dearer: [
    'дорожче на {by}: {before} → {after} для: {who}',
    'dearer by {by}: {before} → {after} for: {who}',
    'teurer um {by}: {before} → {after} für: {who}',
    'drożej o {by}: {before} → {after} dla: {who}',
  ],
  cheaper: [
    'дешевше на {by}: {before} → {after} для: {who}',
    'cheaper by {by}: {before} → {after} for: {who}',
    'billiger um {by}: {before} → {after} für: {who}',
    'taniej o {by}: {before} → {after} dla: {who}',
  ],
  priceAdded: [
    'нова ціна {after} для: {who}',
    'a new price {after} for: {who}',
    'ein neuer Preis {after} für: {who}',
    'nowa cena {after} dla: {who}',
  ],
  priceRemoved: [
    'ціни {before} більше немає для: {who}',
    'no more price (was {before}) for: {who}',
    'kein Preis mehr (bisher {before}) für: {who}',
    'nie ma już ceny {before} dla: {who}',
  ],
  rewritten: [
    'записано інакше (порядок рядків, примітки, дати й акт самого пакета); більше для пасажира нічого не змінюється',
    'is written otherwise (order of rows, remarks, dates and act of the package itself); nothing else changes for a rider',
    'ist anders geschrieben (Reihenfolge, Anmerkungen, Daten und Akt des Pakets selbst); sonst ändert sich für Fahrgäste nichts',
    'zapisano inaczej (kolejność wierszy, uwagi, daty i akt samego pakietu); poza tym dla pasażera nic się nie zmienia',
  ],
  nothing: [
    'для пасажира нічого не змінюється',
    'nothing changes for a rider',
    'für Fahrgäste ändert sich nichts',
    'dla pasażera nic się nie zmienia',
  ],
  anyone: ['усі', 'everyone', 'alle', 'wszyscy'],
  anyMedium: ['будь-який носій', 'any medium', 'jedes Medium', 'dowolny nośnik'],
  rest: ['решта', 'all others', 'alle übrigen', 'pozostałe'],
  none: ['немає', 'none', 'keine', 'brak'],
  yes: ['так', 'yes', 'ja', 'tak'],
  no: ['ні', 'no', 'nein', 'nie'],
} as const satisfies Readonly<Record<string, Words>>;
