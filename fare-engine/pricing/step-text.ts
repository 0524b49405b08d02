/**
 * The sentence of a step in four languages: "Безкоштовно: пенсіонер, постанова КМУ 354". Texts are made from steps,
 * never stored instead of them.
 */
import { formatMoney } from '#contracts/money.ts';
import { journeyText } from './journey-text.ts';
import type { PriceStep } from './model.ts';
import type { NameBook } from './name-book.ts';

/** Languages of the platform, Ukrainian first. */
export const STEP_LANGUAGES = ['uk', 'en', 'de', 'pl'] as const;
export type StepLanguage = (typeof STEP_LANGUAGES)[number];

export interface StepTextContext {
  readonly language: StepLanguage;
  readonly currency: string;
  /** Names of the package that priced the line; without it ids stand in for names. */
  readonly names?: Partial<NameBook> | null | undefined;
}

/** What a sentence is made of; every part is text already. */
interface Parts {
  readonly before: string;
  readonly after: string;
  readonly free: boolean;
  /** `, постанова КМУ 354` or nothing. */
  readonly act: string;
  readonly name: string;
  readonly medium: string;
  readonly p: Readonly<Record<string, string>>;
}

type Sentences = Readonly<Record<PriceStep['kind'], (x: Parts) => string>>;

/** How many a remark is about, where it is about companions or bags. */
const count = (x: Parts): string => {
  const many = x.p['companions'] ?? x.p['bags'];
  return many ? `: ${many}` : '';
};

/** The name of a cap or product, where the tariff's names are at hand. */
const named = (x: Parts): string => (x.name === '' ? '' : ` (${x.name})`);

/** What is left of a carnet. */
const left = (x: Parts, words: string): string =>
  x.p['ridesLeft'] ? ` (${words}: ${x.p['ridesLeft']})` : '';

/** Of a cap that was taken together with an extension fare. */
const beyond = (x: Parts, words: string): string => (x.p['extension'] ? `, ${words}` : '');

const uk: Sentences = {
  base: (x) =>
    x.p['companions']
      ? `Супутники (${x.p['companions']}): ${x.after} замість ${x.before}${x.act}`
      : `Вартість поїздки ${x.after}: ${x.medium}${x.act}`,
  journey: (x) => journeyText('uk', x),
  transfer: (x) =>
    x.free
      ? `Безкоштовна пересадка: ${x.p['minutes']} хв від першої реєстрації${x.p['limitMinutes'] ? ` (дозволено ${x.p['limitMinutes']} хв)` : ''}${x.act}`
      : `Пересадка: ${x.after} замість ${x.before}${x.act}`,
  bag: (x) => `Багаж (${x.p['bags']}): ${x.after} замість ${x.before}${x.act}`,
  breakdown: (x) =>
    x.p['bags']
      ? `Безкоштовно для багажу (${x.p['bags']}): транспорт зламався, поїздка триває в іншому${x.act}`
      : x.p['companions']
        ? `Безкоштовно для супутників (${x.p['companions']}): транспорт зламався, поїздка триває в іншому${x.act}`
        : `Безкоштовно: транспорт зламався, поїздка триває в іншому (${x.p['minutes']} хв після поломки, дозволено ${x.p['limitMinutes']} хв)${x.act}`,
  concession: (x) =>
    x.p['quota'] !== undefined
      ? `Квоту пільги «${x.name}» вичерпано, ${x.after}${x.act}`
      : x.free
        ? `Безкоштовно: ${x.name}${x.act}`
        : `Пільга: ${x.name}, ${x.after} замість ${x.before}${x.act}`,
  pass: (x) => `Проїзний${named(x)}: ${x.after} замість ${x.before}${left(x, 'ще поїздок')}${x.act}`,
  suspended: (x) => `Тимчасово призупинено${named(x)}, до ${x.p['until']}${x.act}`,
  cap: (x) =>
    `Досягнуто межі витрат${named(x)}${beyond(x, 'з доплатою за частину поїздки, на яку межа не поширюється')}: ${x.after} замість ${x.before}${x.act}`,
  'same-ride': (x) => `Та сама поїздка: картку прикладено ще раз через ${x.p['seconds']} с, без оплати`,
  clock: (x) =>
    `Годинник валідатора неточний (до ${x.p['uncertaintyS']} с): ${x.after} замість ${x.p['nominal']}, дешевший варіант`,
  stop: (x) => `Зупинка визначена непевно: ${x.after} замість ${x.p['nominal']}, найдешевша з можливих зон`,
  unpriced: (x) => `Без оплати: ${UNPRICED.uk[x.p['reason'] ?? ''] ?? x.p['reason']}${count(x)}`,
};

const en: Sentences = {
  base: (x) =>
    x.p['companions']
      ? `Companions (${x.p['companions']}): ${x.after} instead of ${x.before}${x.act}`
      : `Fare ${x.after}: ${x.medium}${x.act}`,
  journey: (x) => journeyText('en', x),
  transfer: (x) =>
    x.free
      ? `Free transfer: ${x.p['minutes']} min after the first boarding${x.p['limitMinutes'] ? ` (${x.p['limitMinutes']} min allowed)` : ''}${x.act}`
      : `Transfer: ${x.after} instead of ${x.before}${x.act}`,
  bag: (x) => `Baggage (${x.p['bags']}): ${x.after} instead of ${x.before}${x.act}`,
  breakdown: (x) =>
    x.p['bags']
      ? `Free for baggage (${x.p['bags']}): the vehicle broke down, the ride goes on in another${x.act}`
      : x.p['companions']
        ? `Free for companions (${x.p['companions']}): the vehicle broke down, the ride goes on in another${x.act}`
        : `Free: the vehicle broke down, the ride goes on in another (${x.p['minutes']} min after the breakdown, ${x.p['limitMinutes']} min allowed)${x.act}`,
  concession: (x) =>
    x.p['quota'] !== undefined
      ? `The quota of the concession is used up: ${x.name}, ${x.after}${x.act}`
      : x.free
        ? `Free: ${x.name}${x.act}`
        : `Concession: ${x.name}, ${x.after} instead of ${x.before}${x.act}`,
  pass: (x) => `Pass${named(x)}: ${x.after} instead of ${x.before}${left(x, 'rides left')}${x.act}`,
  suspended: (x) => `Suspended for a time${named(x)}, until ${x.p['until']}${x.act}`,
  cap: (x) =>
    `Spending cap reached${named(x)}${beyond(x, 'with a supplement for the part of the ride that it does not cover')}: ${x.after} instead of ${x.before}${x.act}`,
  'same-ride': (x) => `The same ride: card presented again after ${x.p['seconds']} s, no charge`,
  clock: (x) =>
    `The validator's clock is not exact (up to ${x.p['uncertaintyS']} s): ${x.after} instead of ${x.p['nominal']}, the cheaper side`,
  stop: (x) =>
    `The stop is not sure: ${x.after} instead of ${x.p['nominal']}, the cheapest area that may be meant`,
  unpriced: (x) => `Not charged: ${UNPRICED.en[x.p['reason'] ?? ''] ?? x.p['reason']}${count(x)}`,
};

const de: Sentences = {
  base: (x) =>
    x.p['companions']
      ? `Mitfahrende (${x.p['companions']}): ${x.after} statt ${x.before}${x.act}`
      : `Fahrpreis ${x.after}: ${x.medium}${x.act}`,
  journey: (x) => journeyText('de', x),
  transfer: (x) =>
    x.free
      ? `Kostenloser Umstieg: ${x.p['minutes']} Min. nach dem ersten Einstieg${x.p['limitMinutes'] ? ` (${x.p['limitMinutes']} Min. erlaubt)` : ''}${x.act}`
      : `Umstieg: ${x.after} statt ${x.before}${x.act}`,
  bag: (x) => `Gepäck (${x.p['bags']}): ${x.after} statt ${x.before}${x.act}`,
  breakdown: (x) =>
    x.p['bags']
      ? `Kostenlos für Gepäck (${x.p['bags']}): das Fahrzeug hatte eine Panne, die Fahrt geht in einem anderen weiter${x.act}`
      : x.p['companions']
        ? `Kostenlos für Mitfahrende (${x.p['companions']}): das Fahrzeug hatte eine Panne, die Fahrt geht in einem anderen weiter${x.act}`
        : `Kostenlos: das Fahrzeug hatte eine Panne, die Fahrt geht in einem anderen weiter (${x.p['minutes']} Min. nach der Panne, ${x.p['limitMinutes']} Min. erlaubt)${x.act}`,
  concession: (x) =>
    x.p['quota'] !== undefined
      ? `Das Kontingent der Ermäßigung ist aufgebraucht: ${x.name}, ${x.after}${x.act}`
      : x.free
        ? `Kostenlos: ${x.name}${x.act}`
        : `Ermäßigung: ${x.name}, ${x.after} statt ${x.before}${x.act}`,
  pass: (x) => `Zeitkarte${named(x)}: ${x.after} statt ${x.before}${left(x, 'Fahrten übrig')}${x.act}`,
  suspended: (x) => `Vorübergehend ausgesetzt${named(x)}, bis ${x.p['until']}${x.act}`,
  cap: (x) =>
    `Preisdeckel erreicht${named(x)}${beyond(x, 'mit Zuschlag für den Teil der Fahrt, den er nicht abdeckt')}: ${x.after} statt ${x.before}${x.act}`,
  'same-ride': (x) =>
    `Dieselbe Fahrt: Karte nach ${x.p['seconds']} s noch einmal vorgehalten, ohne Berechnung`,
  clock: (x) =>
    `Die Uhr des Validators geht nicht genau (bis ${x.p['uncertaintyS']} s): ${x.after} statt ${x.p['nominal']}, der günstigere Preis`,
  stop: (x) =>
    `Die Haltestelle ist nicht sicher: ${x.after} statt ${x.p['nominal']}, die günstigste mögliche Zone`,
  unpriced: (x) => `Nicht berechnet: ${UNPRICED.de[x.p['reason'] ?? ''] ?? x.p['reason']}${count(x)}`,
};

const pl: Sentences = {
  base: (x) =>
    x.p['companions']
      ? `Osoby towarzyszące (${x.p['companions']}): ${x.after} zamiast ${x.before}${x.act}`
      : `Cena przejazdu ${x.after}: ${x.medium}${x.act}`,
  journey: (x) => journeyText('pl', x),
  transfer: (x) =>
    x.free
      ? `Bezpłatna przesiadka: ${x.p['minutes']} min od pierwszej rejestracji${x.p['limitMinutes'] ? ` (dozwolone ${x.p['limitMinutes']} min)` : ''}${x.act}`
      : `Przesiadka: ${x.after} zamiast ${x.before}${x.act}`,
  bag: (x) => `Bagaż (${x.p['bags']}): ${x.after} zamiast ${x.before}${x.act}`,
  breakdown: (x) =>
    x.p['bags']
      ? `Bezpłatnie dla bagażu (${x.p['bags']}): pojazd uległ awarii, przejazd trwa w innym${x.act}`
      : x.p['companions']
        ? `Bezpłatnie dla osób towarzyszących (${x.p['companions']}): pojazd uległ awarii, przejazd trwa w innym${x.act}`
        : `Bezpłatnie: pojazd uległ awarii, przejazd trwa w innym (${x.p['minutes']} min po awarii, dozwolone ${x.p['limitMinutes']} min)${x.act}`,
  concession: (x) =>
    x.p['quota'] !== undefined
      ? `Limit ulgi jest wyczerpany: ${x.name}, ${x.after}${x.act}`
      : x.free
        ? `Bezpłatnie: ${x.name}${x.act}`
        : `Ulga: ${x.name}, ${x.after} zamiast ${x.before}${x.act}`,
  pass: (x) =>
    `Bilet okresowy${named(x)}: ${x.after} zamiast ${x.before}${left(x, 'pozostało przejazdów')}${x.act}`,
  suspended: (x) => `Czasowo zawieszono${named(x)}, do ${x.p['until']}${x.act}`,
  cap: (x) =>
    `Osiągnięto limit wydatków${named(x)}${beyond(x, 'z dopłatą za część przejazdu, której limit nie obejmuje')}: ${x.after} zamiast ${x.before}${x.act}`,
  'same-ride': (x) => `Ten sam przejazd: kartę przyłożono ponownie po ${x.p['seconds']} s, bez opłaty`,
  clock: (x) =>
    `Zegar kasownika jest niedokładny (do ${x.p['uncertaintyS']} s): ${x.after} zamiast ${x.p['nominal']}, tańszy wariant`,
  stop: (x) => `Przystanek nie jest pewny: ${x.after} zamiast ${x.p['nominal']}, najtańsza możliwa strefa`,
  unpriced: (x) => `Bez opłaty: ${UNPRICED.pl[x.p['reason'] ?? ''] ?? x.p['reason']}${count(x)}`,
};

const SENTENCES: Readonly<Record<StepLanguage, Sentences>> = { uk, en, de, pl };

const UNPRICED: Readonly<Record<StepLanguage, Readonly<Record<string, string>>>> = {
  uk: {
    'no-tariff': 'на цей час немає чинного тарифу',
    'tap-out': 'це реєстрація виходу, платять лише за посадку',
    'unknown-route': 'маршрут невідомий',
    'unknown-medium': 'для цього носія немає тарифу',
    'no-leg-rule': 'для цієї поїздки немає правила тарифу',
    'no-product': 'для цього носія немає ціни',
    'companions-over-max': 'супутники понад кількість, яку дозволяє тариф',
    'companions-same-ride': 'супутники при повторному прикладанні',
    'bags-over-max': 'багаж понад кількість, яку дозволяє тариф',
    'bags-no-price': 'для багажу з цим носієм немає ціни',
    'bags-same-ride': 'багаж при повторному прикладанні',
  },
  en: {
    'no-tariff': 'no tariff is in force at this time',
    'tap-out': 'this was a tap on leaving, only boarding is charged',
    'unknown-route': 'the route is not known',
    'unknown-medium': 'the tariff does not know this medium',
    'no-leg-rule': 'no tariff rule fits this ride',
    'no-product': 'there is no price for this medium',
    'companions-over-max': 'companions beyond the number that the tariff allows',
    'companions-same-ride': 'companions of a repeated touch',
    'bags-over-max': 'baggage beyond the number that the tariff allows',
    'bags-no-price': 'there is no price for baggage with this medium',
    'bags-same-ride': 'baggage of a repeated touch',
  },
  de: {
    'no-tariff': 'zu dieser Zeit gilt kein Tarif',
    'tap-out': 'das war eine Abmeldung beim Aussteigen, bezahlt wird nur der Einstieg',
    'unknown-route': 'die Linie ist nicht bekannt',
    'unknown-medium': 'der Tarif kennt dieses Medium nicht',
    'no-leg-rule': 'keine Tarifregel passt auf diese Fahrt',
    'no-product': 'für dieses Medium gibt es keinen Preis',
    'companions-over-max': 'Mitfahrende über die Zahl hinaus, die der Tarif erlaubt',
    'companions-same-ride': 'Mitfahrende bei erneutem Vorhalten',
    'bags-over-max': 'Gepäck über die Zahl hinaus, die der Tarif erlaubt',
    'bags-no-price': 'für Gepäck gibt es mit diesem Medium keinen Preis',
    'bags-same-ride': 'Gepäck bei erneutem Vorhalten',
  },
  pl: {
    'no-tariff': 'w tym czasie nie obowiązuje żadna taryfa',
    'tap-out': 'to rejestracja wyjścia, płaci się tylko za wejście',
    'unknown-route': 'linia jest nieznana',
    'unknown-medium': 'taryfa nie zna tego nośnika',
    'no-leg-rule': 'żadna reguła taryfy nie pasuje do tego przejazdu',
    'no-product': 'nie ma ceny dla tego nośnika',
    'companions-over-max': 'osoby towarzyszące ponad liczbę dozwoloną taryfą',
    'companions-same-ride': 'osoby towarzyszące przy ponownym przyłożeniu',
    'bags-over-max': 'bagaż ponad liczbę dozwoloną taryfą',
    'bags-no-price': 'nie ma ceny bagażu dla tego nośnika',
    'bags-same-ride': 'bagaż przy ponownym przyłożeniu',
  },
};

/** Makes the sentence. Never throws for a step that was stored: unknown names are shown as ids. */
export function stepText(step: PriceStep, context: StepTextContext): string {
  const { language, currency, names } = context;
  const money = (minor: bigint) =>
    currency === '' ? minor.toString() : formatMoney({ amountMinor: minor, currency }, language);
  const act = step.act === null ? undefined : (names?.acts?.[step.act]?.[language] ?? step.act);
  const medium = step.params['medium'] ?? '';
  const named = names?.media?.[medium];
  const nominal = step.params['nominalMinor'];
  return SENTENCES[language][step.kind]({
    before: money(step.beforeMinor),
    after: money(step.afterMinor),
    free: step.afterMinor === 0n,
    act: act === undefined ? '' : `, ${act}`,
    name: nameOf(step, language, names),
    medium: (typeof named === 'string' ? named : named?.[language]) ?? medium,
    p: nominal === undefined ? step.params : { ...step.params, nominal: money(BigInt(nominal)) },
  });
}

/** The name of the concession, cap, emergency rule or product that a step is about; ids only for concessions. */
function nameOf({ params }: PriceStep, language: StepLanguage, names: StepTextContext['names']): string {
  const { concession, cap, rule, product } = params;
  if (concession !== undefined) return names?.concessions?.[concession]?.[language] ?? concession;
  const own = names?.caps?.[cap ?? ''] ?? names?.emergency?.[rule ?? ''] ?? names?.products?.[product ?? ''];
  return (typeof own === 'string' ? own : own?.[language]) ?? '';
}
