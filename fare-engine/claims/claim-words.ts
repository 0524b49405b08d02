/** Words of a compensation claim in four languages. */
import type { Language } from '#contracts/reason-codes.ts';
import type { Difference } from './claim-text.ts';

export interface ClaimWords {
  readonly title: string;
  readonly version: string;
  readonly carrier: string;
  readonly to: string;
  readonly funding: string;
  readonly month: string;
  readonly concession: string;
  readonly route: string;
  readonly basis: string;
  readonly rides: string;
  readonly difference: string;
  readonly claimed: string;
  readonly unfunded: string;
  readonly vat: string;
  readonly noRule: string;
  readonly bases: Readonly<Record<'fare_difference' | 'rate' | 'fixed_monthly', string>>;
  /** `{id}` stands for the objection. */
  readonly correction: string;
  readonly total: string;
  readonly ledger: string;
  readonly equal: string;
  readonly differs: Readonly<Record<Difference, string>>;
  /** `{month}` stands for the claim's month. */
  readonly late: string;
  readonly made: string;
  readonly hash: string;
}

export const CLAIM_WORDS: Readonly<Record<Language, ClaimWords>> = {
  uk: {
    title: 'Заявка на компенсацію за пільгові перевезення',
    version: 'Версія',
    carrier: 'Перевізник',
    to: 'Кому',
    funding: 'Джерело коштів',
    month: 'Місяць',
    concession: 'Пільга',
    route: 'Маршрут',
    basis: 'Підстава',
    rides: 'Поїздки',
    difference: 'Недоотримано',
    claimed: 'До сплати',
    unfunded: 'Без фінансування',
    vat: 'з них ПДВ',
    noRule: 'правила немає',
    bases: { fare_difference: 'різниця тарифу', rate: 'ставка за поїздку', fixed_monthly: 'сума на місяць' },
    correction: 'Виправлення за запереченням {id}',
    total: 'Разом до сплати',
    ledger: 'За обліком міста',
    equal: 'збігається',
    differs: {
      rate: 'ставка за поїздку',
      'fixed-sum': 'сума на місяць',
      coefficient: 'коефіцієнт',
      vat: 'ПДВ',
      'reference-medium': 'ціна іншого носія',
      limit: 'межа фінансування',
      'no-rule': 'немає правила',
      'no-reference-price': 'немає ціни для порівняння',
      rounding: 'заокруглення',
      objections: 'заперечення',
    },
    late: 'Рядки з іншим місяцем, ніж {month}, – те, що надійшло після заявки за той місяць.',
    made: 'Складено',
    hash: 'SHA-256 файлу claim.json',
  },
  en: {
    title: 'Claim for compensation of concession rides',
    version: 'Version',
    carrier: 'Carrier',
    to: 'To',
    funding: 'Source of money',
    month: 'Month',
    concession: 'Concession',
    route: 'Route',
    basis: 'Basis',
    rides: 'Rides',
    difference: 'Not received',
    claimed: 'Claimed',
    unfunded: 'Unfunded',
    vat: 'VAT within',
    noRule: 'no rule',
    bases: { fare_difference: 'fare difference', rate: 'rate a ride', fixed_monthly: 'sum a month' },
    correction: 'Correction by objection {id}',
    total: 'Claimed in all',
    ledger: 'By the city’s ledger',
    equal: 'equal',
    differs: {
      rate: 'rate a ride',
      'fixed-sum': 'sum a month',
      coefficient: 'coefficient',
      vat: 'VAT',
      'reference-medium': 'price of another medium',
      limit: 'limit of funding',
      'no-rule': 'no rule',
      'no-reference-price': 'no price to compare with',
      rounding: 'rounding',
      objections: 'objections',
    },
    late: 'Lines of another month than {month} are what came after the claim of that month.',
    made: 'Made',
    hash: 'SHA-256 of claim.json',
  },
  de: {
    title: 'Antrag auf Ausgleich für ermäßigte Fahrten',
    version: 'Fassung',
    carrier: 'Verkehrsunternehmen',
    to: 'An',
    funding: 'Geldquelle',
    month: 'Monat',
    concession: 'Ermäßigung',
    route: 'Linie',
    basis: 'Grundlage',
    rides: 'Fahrten',
    difference: 'Entgangen',
    claimed: 'Beantragt',
    unfunded: 'Nicht gedeckt',
    vat: 'darin USt.',
    noRule: 'keine Regel',
    bases: { fare_difference: 'Preisdifferenz', rate: 'Satz je Fahrt', fixed_monthly: 'Summe je Monat' },
    correction: 'Berichtigung nach Einwand {id}',
    total: 'Beantragt insgesamt',
    ledger: 'Nach den Büchern der Stadt',
    equal: 'gleich',
    differs: {
      rate: 'Satz je Fahrt',
      'fixed-sum': 'Summe je Monat',
      coefficient: 'Koeffizient',
      vat: 'USt.',
      'reference-medium': 'Preis eines anderen Mediums',
      limit: 'Grenze der Mittel',
      'no-rule': 'keine Regel',
      'no-reference-price': 'kein Vergleichspreis',
      rounding: 'Rundung',
      objections: 'Einwände',
    },
    late: 'Zeilen eines anderen Monats als {month} gingen nach dem Antrag für jenen Monat ein.',
    made: 'Erstellt',
    hash: 'SHA-256 von claim.json',
  },
  pl: {
    title: 'Wniosek o rekompensatę za przejazdy ulgowe',
    version: 'Wersja',
    carrier: 'Przewoźnik',
    to: 'Do',
    funding: 'Źródło środków',
    month: 'Miesiąc',
    concession: 'Ulga',
    route: 'Linia',
    basis: 'Podstawa',
    rides: 'Przejazdy',
    difference: 'Nieotrzymane',
    claimed: 'Do zapłaty',
    unfunded: 'Bez pokrycia',
    vat: 'w tym VAT',
    noRule: 'brak reguły',
    bases: {
      fare_difference: 'różnica taryfy',
      rate: 'stawka za przejazd',
      fixed_monthly: 'kwota miesięczna',
    },
    correction: 'Korekta po zastrzeżeniu {id}',
    total: 'Razem do zapłaty',
    ledger: 'Według ksiąg miasta',
    equal: 'zgodne',
    differs: {
      rate: 'stawka za przejazd',
      'fixed-sum': 'kwota miesięczna',
      coefficient: 'współczynnik',
      vat: 'VAT',
      'reference-medium': 'cena innego nośnika',
      limit: 'limit środków',
      'no-rule': 'brak reguły',
      'no-reference-price': 'brak ceny do porównania',
      rounding: 'zaokrąglenie',
      objections: 'zastrzeżenia',
    },
    late: 'Wiersze innego miesiąca niż {month} nadeszły po wniosku za tamten miesiąc.',
    made: 'Sporządzono',
    hash: 'SHA-256 pliku claim.json',
  },
};
