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

const DECIMAL = /^([+-]?)(\d{1,12})(?:\.(\d{1,6}))?$/;

/** A GTFS currency amount ("8.00", "-0.5") as minor units, without ever being a float. */
export function parseAmount(text: string, currency: string): AmountCell {
  const match = DECIMAL.exec(text);
  if (!match) return { ok: false, reason: 'not-a-number' };
  const [, sign, whole, fraction = ''] = match as unknown as [string, string, string, string | undefined];
  const places = minorUnitDigits(currency);
  // Zeros beyond the currency's places say nothing and lose nothing.
  const significant = fraction.slice(places);
  if (/[1-9]/.test(significant)) return { ok: false, reason: 'too-many-decimals' };
  const minor = BigInt(whole + fraction.slice(0, places).padEnd(places, '0'));
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

/** A date `YYYY-MM-DD` as days since 1970-01-01; `undefined` for a date that no calendar has. */
export function parseIsoDate(text: string): number | undefined {
  const match = ISO_DATE.exec(text);
  return match ? dayNumber(Number(match[1]), Number(match[2]), Number(match[3])) : undefined;
}

function dayNumber(year: number, month: number, day: number): number | undefined {
  const ms = Date.UTC(year, month - 1, day);
  const date = new Date(ms);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? ms / DAY_MS : undefined;
}

/** Days since 1970-01-01 as `YYYY-MM-DD`. */
export function formatIsoDate(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** A whole number within safe bounds. */
export function parseWhole(text: string): number | undefined {
  return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined;
}
