/** Words of `kvytok tariff diff` in four languages: Ukrainian, English, German, Polish, in this order in each row. */
import type { Language } from '#contracts/reason-codes.ts';
import type { Subject } from './compare.ts';

type Words = readonly [uk: string, en: string, de: string, pl: string];
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
};

/** Fields by name; one that is not here is shown by its name in the file. */
export const FIELD_WORDS: Readonly<Record<string, Words>> = {
  valid_from: ['діє з', 'holds from', 'gilt ab', 'obowiązuje od'],
  valid_to: ['діє до', 'holds until', 'gilt bis', 'obowiązuje do'],
  status: ['стан', 'status', 'Stand', 'stan'],
  currency: ['валюта', 'currency', 'Währung', 'waluta'],
  zone: ['часовий пояс', 'time zone', 'Zeitzone', 'strefa czasowa'],
  act: ['акт', 'act', 'Rechtsakt', 'akt prawny'],
  article: ['стаття', 'article', 'Artikel', 'artykuł'],
  level: ['рівень', 'level', 'Ebene', 'poziom'],
  discount_kind: ['вид знижки', 'kind of discount', 'Art der Ermäßigung', 'rodzaj ulgi'],
  discount_bp: ['знижка', 'discount', 'Ermäßigung', 'ulga'],
  discount_minor: ['знижка', 'discount', 'Ermäßigung', 'ulga'],
  round_minor: ['округлення до', 'rounded to', 'gerundet auf', 'zaokrąglenie do'],
  round_mode: ['спосіб округлення', 'way of rounding', 'Rundungsart', 'sposób zaokrąglenia'],
  network_id: ['мережа', 'network', 'Netz', 'sieć'],
  network_ids: ['мережі', 'networks', 'Netze', 'sieci'],
  media_required: ['лише з носієм', 'only with medium', 'nur mit Medium', 'tylko z nośnikiem'],
  fare_media_ids: ['носії', 'media', 'Medien', 'nośniki'],
  priority: ['пріоритет', 'priority', 'Vorrang', 'priorytet'],
  rule_priority: [
    'місце за пріоритетом',
    'rank by priority',
    'Rang nach Vorrang',
    'miejsce według priorytetu',
  ],
  rider_category_id: ['категорія', 'category', 'Personengruppe', 'kategoria'],
  rider_category_ids: ['категорії', 'categories', 'Personengruppen', 'kategorie'],
  funding_id: ['хто компенсує', 'funding', 'Kostenträger', 'finansowanie'],
  budget_level: ['рівень бюджету', 'budget level', 'Haushaltsebene', 'poziom budżetu'],
  fare_product_id: ['квиток', 'product', 'Fahrschein', 'bilet'],
  leg_group_id: ['група поїздок', 'leg group', 'Fahrtgruppe', 'grupa przejazdów'],
  transfer_count: ['кількість пересадок', 'number of transfers', 'Zahl der Umstiege', 'liczba przesiadek'],
  duration_limit_s: ['час на пересадку', 'time for transfers', 'Zeit zum Umsteigen', 'czas na przesiadkę'],
  fare_transfer_type: [
    'спосіб оплати пересадки',
    'how transfers are paid',
    'Berechnung des Umstiegs',
    'sposób opłaty przesiadki',
  ],
  passback_s: ['повторне прикладання', 'pass-back', 'erneutes Vorhalten', 'ponowne przyłożenie'],
  companion_max: [
    'супутників щонайбільше',
    'companions at most',
    'Mitfahrende höchstens',
    'osób towarzyszących najwyżej',
  ],
  bag_product_id: ['квиток на багаж', 'baggage product', 'Gepäckfahrschein', 'bilet na bagaż'],
  bag_max: ['багажу щонайбільше', 'bags at most', 'Gepäckstücke höchstens', 'sztuk bagażu najwyżej'],
  extra_max: [
    'супутників і багажу разом щонайбільше',
    'companions and bags together at most',
    'Mitfahrende und Gepäck zusammen höchstens',
    'osób towarzyszących i bagażu razem najwyżej',
  ],
  mode: ['де прикладають картку', 'where cards are tapped', 'wo angemeldet wird', 'gdzie się rejestruje'],
  max_journey_s: ['найдовша поїздка', 'longest journey', 'längste Fahrt', 'najdłuższy przejazd'],
  same_stop_cancel_s: [
    'вихід на тій самій зупинці без оплати',
    'left at the same stop without a charge',
    'Verlassen an derselben Haltestelle ohne Berechnung',
    'wyjście na tym samym przystanku bez opłaty',
  ],
  missing_tap: ['незареєстрований вихід', 'missing tap', 'fehlende Abmeldung', 'brak rejestracji wyjścia'],
  penalty_product_id: [
    'ціна незареєстрованого виходу',
    'price of a missing tap',
    'Preis einer fehlenden Abmeldung',
    'cena braku rejestracji wyjścia',
  ],
  completion: ['звичайні поїздки', 'usual journeys', 'übliche Fahrten', 'zwykłe przejazdy'],
  repair: [
    'виправлення пасажиром',
    'repairs by passengers',
    'Nachträge durch Fahrgäste',
    'poprawki pasażera',
  ],
  late_tap_accept_s: [
    'прийом запізнілих записів',
    'late taps taken',
    'verspätete Anmeldungen',
    'przyjmowanie spóźnionych rejestracji',
  ],
  same_vehicle_transfer: [
    'пересадка в той самий транспорт',
    'transfer to the same vehicle',
    'Umstieg ins selbe Fahrzeug',
    'przesiadka do tego samego pojazdu',
  ],
  ride_window_s: ['поїздка чинна', 'a ride stands for', 'Fahrt gilt', 'przejazd ważny'],
  next_window_s: [
    'час на наступний транспорт',
    'time for the next vehicle',
    'Zeit bis zum nächsten Fahrzeug',
    'czas na następny pojazd',
  ],
  penalty: ['штраф', 'penalty', 'Bußgeld', 'kara'],
  window: ['період', 'window', 'Zeitraum', 'okres'],
  cap_minor: ['межа', 'limit', 'Grenze', 'limit'],
  cap_rides: ['межа поїздок', 'limit of rides', 'Grenze der Fahrten', 'limit przejazdów'],
  areas: ['зони', 'areas', 'Zonen', 'strefy'],
  times: ['час', 'times', 'Zeiten', 'czas'],
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
} as const satisfies Readonly<Record<string, Words>>;
