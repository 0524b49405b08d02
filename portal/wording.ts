/**
 * Everything a page says, in one language: catalogue texts, money, times, durations and the names of things.
 */
import { formatMoney, minorUnitDigits } from '#contracts/money.ts';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import type { Catalogue, TextKey } from './catalogues/catalogue.ts';
import { de } from './catalogues/de.ts';
import { en } from './catalogues/en.ts';
import { pl } from './catalogues/pl.ts';
import { uk } from './catalogues/uk.ts';
import { type CityNames, nameOf, textOf } from './city-names.ts';

export const CATALOGUES: Readonly<Record<Language, Catalogue>> = { uk, en, de, pl };
/** Languages by their own names, in the order of the switch. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = {
  uk: 'Українська',
  en: 'English',
  de: 'Deutsch',
  pl: 'Polski',
};

type Params = Readonly<Record<string, string | number>>;

export interface Wording {
  readonly language: Language;
  t(key: TextKey, params?: Params): string;
  /** Text of a key made at run time, or the fallback. */
  maybe(key: string, fallback: string): string;
  money(amountMinor: string | bigint, currency: string): string;
  /** For sums in narrow places: without minor units once they do not matter. */
  moneyShort(amountMinor: string | bigint, currency: string): string;
  number(value: number): string;
  percent(share: number): string;
  /** Local wall time of the city, `07:04:12`. */
  time(instantMs: number): string;
  dateTime(instantMs: number): string;
  /** `вт, 14 жовтня` */
  date(instantMs: number): string;
  /** Class of the route's badge in /city/routes.css. */
  routeClass(routeId: string | null): string;
  /** `12 s`, `3 min`, never negative. */
  duration(durationMs: number): string;
  city(): string;
  route(routeId: string | null): string;
  routeTitle(routeId: string | null): string;
  stop(stopId: string | null): string;
  carrier(carrierId: string | null): string;
  category(categoryId: string | null): string;
  concession(concessionId: string | null): string;
  funding(fundingId: string | null): string;
  medium(mediumKind: string | null): string;
  act(actId: string): string;
  readonly names: CityNames;
}

/** A language from a text of unknown origin. */
export function readLanguage(text: unknown): Language | undefined {
  return LANGUAGES.find((language) => language === text);
}

/** The wording of a language for a city. Formatters are made once: they are what costs. */
export function createWording(language: Language, names: CityNames): Wording {
  const catalogue = CATALOGUES[language];
  const timeZone = names.city.zone;
  const clock = new Intl.DateTimeFormat(language, {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
  const stamp = new Intl.DateTimeFormat(language, {
    timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
  const day = new Intl.DateTimeFormat(language, {
    timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'long',
  });
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 });
  const t = (key: TextKey, params?: Params) => fill(catalogue[key], params);
  const maybe = (key: string, fallback: string) =>
    Object.hasOwn(catalogue, key) ? catalogue[key as TextKey] : fallback;
  const named = (map: CityNames['carriers'], id: string | null) =>
    id === null || id === '' ? t('money.unknown') : nameOf(map, id, language);

  return {
    language,
    names,
    t,
    maybe,
    money: (amountMinor, currency) => formatMoney({ amountMinor: BigInt(amountMinor), currency }, language),
    moneyShort: (amountMinor, currency) => shortMoney(BigInt(amountMinor), currency, language),
    number: (value) => number.format(value),
    percent: (share) => percent.format(share),
    time: (instantMs) => (isInstant(instantMs) ? clock.format(instantMs) : '–'),
    date: (instantMs) => (isInstant(instantMs) ? day.format(instantMs) : '–'),
    routeClass: (routeId) => {
      const route = routeId === null ? undefined : names.routes.get(routeId);
      return route === undefined ? 'route' : `route route-${route.order}`;
    },
    dateTime: (instantMs) => (isInstant(instantMs) ? stamp.format(instantMs) : '–'),
    duration: (durationMs) => durationText(durationMs, t),
    city: () => textOf(names.city.name, language) ?? names.city.id,
    route: (routeId) => (routeId === null ? '–' : (names.routes.get(routeId)?.name ?? routeId)),
    routeTitle: (routeId) => {
      const route = routeId === null ? undefined : names.routes.get(routeId);
      if (route === undefined) return routeId ?? t('explain.unknown');
      const longName = textOf(route.longName, language) ?? '';
      return longName === '' ? route.name : `${route.name} · ${longName}`;
    },
    stop: (stopId) => (stopId === null ? '–' : nameOf(names.stops, stopId, language)),
    carrier: (id) => named(names.carriers, id),
    category: (id) =>
      id !== null && id === names.defaultCategoryId ? t('category.default') : named(names.categories, id),
    concession: (id) => named(names.concessions, id),
    funding: (id) => named(names.funding, id),
    medium: (kind) =>
      kind === null ? t('money.unknown') : maybe(`medium.${kind}`, nameOf(names.media, kind, language)),
    act: (actId) => nameOf(names.acts, actId, language),
  };
}

/** From here on, in major units, a sum is shown without its minor units. */
const SHORT_FROM_MAJOR = 10_000n;

function shortMoney(amountMinor: bigint, currency: string, language: Language): string {
  const perMajor = 10n ** BigInt(minorUnitDigits(currency));
  if (amountMinor < SHORT_FROM_MAJOR * perMajor) return formatMoney({ amountMinor, currency }, language);
  return new Intl.NumberFormat(language, {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
    maximumFractionDigits: 0,
  }).format((amountMinor + perMajor / 2n) / perMajor);
}

function isInstant(instantMs: number): boolean {
  return Math.abs(instantMs) <= 8.64e15;
}

function fill(text: string, params: Params = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, key: string) => String(params[key] ?? whole));
}

const UNITS: readonly [TextKey, number, number][] = [
  // Unit, its milliseconds, and up to how many milliseconds it is used.
  ['unit.ms', 1, 1000],
  ['unit.s', 1000, 120_000],
  ['unit.min', 60_000, 7_200_000],
  ['unit.h', 3_600_000, 172_800_000],
  ['unit.d', 86_400_000, Number.POSITIVE_INFINITY],
];

function durationText(durationMs: number, t: Wording['t']): string {
  const positive = Math.max(0, durationMs);
  const [key, size] = UNITS.find(([, , until]) => positive < until) ?? (UNITS[0] as (typeof UNITS)[0]);
  return t(key, { n: Math.round(positive / size) });
}
