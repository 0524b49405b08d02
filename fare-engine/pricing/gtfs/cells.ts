/** Meaning of single cells: amounts, dates, times, numbers. Each returns `undefined` for what it cannot read. */
import { minorUnitDigits } from '#contracts/money.ts';

/** What the runtime knows, old codes among them, and the codes of ISO 4217 that it lacks. */
const CURRENCIES = new Set([
  ...Intl.supportedValuesOf('currency'),
  ...'BOV CHE CHW CLF COU MXV USN UYI UYW VED'.split(' '),
]);

/** Whether a code is a currency of ISO 4217. */
export function isCurrency(code: string): boolean {
  return CURRENCIES.has(code);
}

/** What an amount's text says. `digits` lets the caller see a wrong number of decimal places. */
export type AmountCell =
  | { readonly ok: true; readonly amountMinor: bigint; readonly digits: number }
  | { readonly ok: false; readonly reason: 'not-a-number' | 'too-many-decimals' };

const DECIMAL = /^([+-]?)(?=\.?\d)(\d{0,12})(?:\.(\d{0,6}))?$/;

/** A GTFS currency amount ("8.00", "-0.5", also ".50" and "8.") as minor units, without ever being a float. */
export function parseAmount(text: string, currency: string): AmountCell {
  const match = DECIMAL.exec(text);
  if (!match) return { ok: false, reason: 'not-a-number' };
  const [, sign, whole, fraction = ''] = match as unknown as [string, string, string, string | undefined];
  const places = minorUnitDigits(currency);
  // Zeros beyond the currency's places say nothing and lose nothing.
  const significant = fraction.slice(places);
  if (/[1-9]/.test(significant)) return { ok: false, reason: 'too-many-decimals' };
  const minor = BigInt(whole + fraction.slice(0, places).padEnd(places, '0') || '0');
  return { ok: true, amountMinor: sign === '-' ? -minor : minor, digits: fraction.length };
}

const LOCAL_TIME = /^(\d{1,2}):([0-5]\d):([0-5]\d)$/;

/** A local time of timeframes.txt as seconds of the day, 0 … 86 400. */
export function parseLocalTimeS(text: string): number | undefined {
  const match = LOCAL_TIME.exec(text);
  if (!match) return undefined;
  const seconds = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
  return seconds <= 86_400 ? seconds : undefined;
}

const GTFS_DATE = /^(\d{4})(\d{2})(\d{2})$/;
const DAY_MS = 86_400_000;

/** A GTFS date `YYYYMMDD` as days since 1970-01-01. */
export function parseGtfsDate(text: string): number | undefined {
  const match = GTFS_DATE.exec(text);
  return match ? dayNumber(Number(match[1]), Number(match[2]), Number(match[3])) : undefined;
}

const ISO_DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
// Few dates are asked for, and those again and again: a century has 36,525.
const DATES_MAX = 50_000;
const dayOfText = new Map<string, number>();
const textOfDay = new Map<number, string>();

/** A date `YYYY-MM-DD` as days since 1970-01-01; `undefined` for a date that no calendar has. */
export function parseIsoDate(text: string): number | undefined {
  const known = dayOfText.get(text);
  if (known !== undefined) return known;
  const match = ISO_DATE.exec(text);
  const day = match ? dayNumber(Number(match[1]), Number(match[2]), Number(match[3])) : undefined;
  if (day !== undefined) remember(dayOfText, text, day);
  return day;
}

function remember<K, V>(known: Map<K, V>, key: K, value: V): void {
  if (known.size >= DATES_MAX) known.clear();
  known.set(key, value);
}

function dayNumber(year: number, month: number, day: number): number | undefined {
  const ms = Date.UTC(year, month - 1, day);
  const date = new Date(ms);
  // The first hundred years would be taken for those of the twentieth century.
  const real =
    date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return real ? ms / DAY_MS : undefined;
}

const ZONED = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/;

/** An instant with its zone, `2026-03-02T06:30:00Z`, in ms; `undefined` for one on no date of a calendar. */
export function parseZonedInstant(text: string): number | undefined {
  const [, date = ''] = ZONED.exec(text) ?? [];
  // Date.parse alone takes 30 February for 2 March.
  const ms = parseIsoDate(date) === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Days since 1970-01-01 as `YYYY-MM-DD`. */
export function formatIsoDate(day: number): string {
  let text = textOfDay.get(day);
  if (text === undefined) {
    text = new Date(day * DAY_MS).toISOString().slice(0, 10);
    remember(textOfDay, day, text);
  }
  return text;
}

/** A whole number within safe bounds. */
export function parseWhole(text: string): number | undefined {
  return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined;
}
