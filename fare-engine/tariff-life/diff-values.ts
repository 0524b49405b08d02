/** Values of a package's fields in the words of `kvytok tariff diff`: Ukrainian, English, German, Polish, in this order. */
import { WEEKDAYS } from '#pricing/cap-schema.ts';
import type { Words } from './diff-catalogue.ts';
import { FIELD_WORDS } from './diff-words.ts';

type ValueWords = Readonly<Record<string, Words>>;

/** Round of days, weekdays, lengths of time. */
const WINDOW: ValueWords = {
  day: ['день', 'day', 'Tag', 'dzień'],
  days: ['кілька днів', 'days in a row', 'mehrere Tage', 'kilka dni'],
  week: ['тиждень', 'week', 'Woche', 'tydzień'],
  month: ['місяць', 'month', 'Monat', 'miesiąc'],
  hour: ['година', 'hour', 'Stunde', 'godzina'],
  minute: ['хвилина', 'minute', 'Minute', 'minuta'],
};
const LEVEL: ValueWords = {
  state: ['держава', 'state', 'Staat', 'państwo'],
  oblast: ['область', 'oblast', 'Oblast', 'obwód'],
  city: ['місто', 'city', 'Stadt', 'miasto'],
  community: ['громада', 'community', 'Gemeinde', 'gmina'],
};
const WEEKDAY: ValueWords = Object.fromEntries(WEEKDAYS.map((day) => [day, FIELD_WORDS[day] as Words]));
const RUNS: ValueWords = { '1': ['так', 'yes', 'ja', 'tak'], '0': ['ні', 'no', 'nein', 'nie'] };

/** Words of files by field; a value that is not here is a name, an id or a number. */
export const VALUE_WORDS: Readonly<Record<string, ValueWords>> = {
  status: {
    'in-force': ['чинний', 'in force', 'in Kraft', 'obowiązuje'],
    superseded: ['замінений', 'superseded', 'abgelöst', 'zastąpiony'],
    draft: ['проєкт', 'draft', 'Entwurf', 'projekt'],
  },
  level: LEVEL,
  budget_level: LEVEL,
  discount_kind: {
    free: ['безкоштовно', 'free', 'kostenlos', 'bezpłatnie'],
    percent: ['відсоток', 'percent', 'Prozent', 'procent'],
    fixed: ['сума', 'a sum', 'fester Betrag', 'kwota'],
    product: ['власна ціна', 'a price of its own', 'eigener Preis', 'własna cena'],
  },
  round_mode: {
    down: ['униз', 'down', 'abwärts', 'w dół'],
    half_up: ['до найближчого', 'to the nearest', 'kaufmännisch', 'do najbliższej'],
    up: ['угору', 'up', 'aufwärts', 'w górę'],
  },
  window: WINDOW,
  quota_window: WINDOW,
  validity_unit: WINDOW,
  validity_type: {
    calendar: ['календарний', 'calendar', 'nach Kalender', 'kalendarzowa'],
    rolling: ['від початку', 'rolling', 'fortlaufend', 'od początku'],
  },
  mode: {
    in: ['на вході', 'on boarding', 'beim Einstieg', 'przy wejściu'],
    in_out: [
      'на вході та виході',
      'on boarding and leaving',
      'beim Ein- und Ausstieg',
      'przy wejściu i wyjściu',
    ],
  },
  earned_by: {
    days: ['дні дії', 'days of validity', 'Gültigkeitstage', 'dni ważności'],
    rides: ['поїздки', 'rides', 'Fahrten', 'przejazdy'],
  },
  give_back: {
    whole: [
      'усе до першої поїздки',
      'all before the first ride',
      'alles vor der ersten Fahrt',
      'całość przed pierwszym przejazdem',
    ],
    rides: ['за поїздки, що лишилися', 'for the rides left', 'für übrige Fahrten', 'za pozostałe przejazdy'],
    days: ['за дні, що лишилися', 'for the days left', 'für übrige Tage', 'za pozostałe dni'],
  },
  missing_tap: {
    max: ['найдорожча поїздка', 'the dearest journey', 'teuerste Fahrt', 'najdroższy przejazd'],
    flat: ['одна ціна', 'one price', 'ein Preis', 'jedna cena'],
    completion: ['звичайна поїздка', 'the usual journey', 'übliche Fahrt', 'zwykły przejazd'],
  },
  same_vehicle_transfer: {
    free: ['як в інший', 'as to any other', 'wie in jedes andere', 'jak do innego'],
    not: ['не пересадка', 'no transfer', 'kein Umstieg', 'nie jest przesiadką'],
  },
  kind: {
    single: ['разовий', 'single', 'Einzelfahrt', 'jednorazowy'],
    pass: ['проїзний', 'pass', 'Zeitkarte', 'okresowy'],
    carnet: ['на кілька поїздок', 'carnet', 'Mehrfahrtenkarte', 'karnet'],
    transfer: ['пересадка', 'transfer', 'Umstieg', 'przesiadka'],
    bag: ['багаж', 'baggage', 'Gepäck', 'bagaż'],
  },
  activation: {
    purchase: ['з купівлі', 'from purchase', 'mit dem Kauf', 'od zakupu'],
    first_use: ['з першої поїздки', 'from first use', 'mit der ersten Fahrt', 'od pierwszego użycia'],
    date: ['з обраної дати', 'from a chosen date', 'ab gewähltem Tag', 'od wybranej daty'],
  },
  next_routes: {
    same_route: ['той самий маршрут', 'the same route', 'dieselbe Linie', 'ta sama linia'],
    same_network: ['та сама мережа', 'the same network', 'dasselbe Netz', 'ta sama sieć'],
    any: ['будь-який', 'any', 'jede', 'dowolna'],
  },
  companions: {
    free: ['безкоштовно', 'free', 'kostenlos', 'bezpłatnie'],
    pay: ['платять', 'pay', 'zahlen', 'płacą'],
  },
  anchor: {
    first_tap: ['з першої поїздки', 'with the first ride', 'mit der ersten Fahrt', 'od pierwszego przejazdu'],
    sliding: ['останні дні', 'the last days', 'die letzten Tage', 'ostatnie dni'],
  },
  week_start: WEEKDAY,
  basis: {
    amount: ['сума', 'amount', 'Betrag', 'kwota'],
    rides: ['поїздки', 'rides', 'Fahrten', 'przejazdy'],
    fare_difference: ['різниця ціни', 'difference of fares', 'Preisunterschied', 'różnica ceny'],
    rate: ['ставка за поїздку', 'a rate for each ride', 'Satz je Fahrt', 'stawka za przejazd'],
    fixed_monthly: ['сума на місяць', 'a sum each month', 'fester Monatsbetrag', 'kwota miesięczna'],
  },
  strategy: {
    sequential: ['за порядком', 'one after the other', 'der Reihe nach', 'po kolei'],
    optimal: ['найвигідніше', 'the best', 'am günstigsten', 'najkorzystniej'],
  },
  suspends: {
    transfers: ['пересадки', 'transfers', 'Umstiege', 'przesiadki'],
    caps: ['межі витрат', 'caps', 'Preisdeckel', 'limity wydatków'],
    concessions: ['пільги', 'concessions', 'Ermäßigungen', 'ulgi'],
  },
  vat: {
    none: ['без ПДВ', 'none', 'keine', 'bez VAT'],
    included: ['у сумі, сплачується', 'included and paid', 'enthalten und bezahlt', 'zawarty i płacony'],
    excluded: [
      'у сумі, вираховується',
      'included and taken out',
      'enthalten und abgezogen',
      'zawarty i odliczany',
    ],
    added: ['понад суму', 'added on top', 'kommt hinzu', 'doliczany'],
  },
  method: {
    boardings: ['за посадками', 'by boardings', 'nach Einstiegen', 'według wejść'],
    first: [
      'за першою поїздкою',
      'by the first ride',
      'nach der ersten Fahrt',
      'według pierwszego przejazdu',
    ],
    weight: ['за частками', 'by weights', 'nach Anteilen', 'według udziałów'],
    own: ['кожен своє', 'each its own', 'jeder das Seine', 'każdy swoje'],
  },
  is_default_fare_category: RUNS,
  ...Object.fromEntries(WEEKDAYS.map((day) => [day, RUNS])),
  exception_type: {
    '1': ['їде', 'runs', 'verkehrt', 'kursuje'],
    '2': ['не їде', 'does not run', 'verkehrt nicht', 'nie kursuje'],
  },
};
