/** What stands in the fields of a case, one by one: times, dates, numbers, amounts; and how a wrong one is written right. */
import { FARE_AT_MS_MAX, FARE_AT_MS_MIN } from '#pricing/fare-day.ts';
import { parseAmount, parseIsoDate } from '#pricing/gtfs/cells.ts';
import { getZone, type Zone } from '#pricing/local-time.ts';
import type { FileProblemCode } from '#pricing/problem-codes.ts';

/** A value, or what is wrong with it. */
export type CaseValue<T> = { readonly ok: true; readonly value: T } | ({ readonly ok: false } & WrongValue);
export interface WrongValue {
  readonly code: FileProblemCode;
  readonly message: string;
  readonly howToMend: string;
}

const wrong = (code: FileProblemCode, message: string, howToMend: string) =>
  ({ ok: false, code, message, howToMend }) as const;

const TIME = /^(\d{4}-\d\d-\d\d)[ T]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?$/;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Wall time of the tariff's zone without an offset, an instant with one. A wall time that the clocks show twice or never is none. */
export function readTime(written: string, zoneName: string): CaseValue<number> {
  const [, date = '', hours, minutes, seconds = '0', offset] = TIME.exec(written) ?? [];
  const day = parseIsoDate(date);
  if (day === undefined)
    return wrong(
      'TARIFF_DATE_INVALID',
      `${shown(written)} is no time`,
      `Write date and time as 2026-03-01 08:00 or 2026-03-01 08:00:00 (wall time in ${zoneName}).`,
    );
  const wallMs = day * DAY_MS + ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  const zone = getZone(zoneName);
  const atMs = offset === undefined ? zone.instantMs(wallMs) : wallMs - offsetMinutes(offset) * MINUTE_MS;
  if (atMs < FARE_AT_MS_MIN || atMs > FARE_AT_MS_MAX)
    return wrong(
      'TARIFF_DATE_INVALID',
      `no ride is priced at ${shown(written)}`,
      'Write a date from 1970-01-02 on.',
    );
  return (
    (offset === undefined ? clockChange(written, wallMs, atMs, zone) : undefined) ?? { ok: true, value: atMs }
  );
}

/** On the nights on which clocks are changed an hour is missing, or there twice. */
function clockChange(written: string, wallMs: number, atMs: number, zone: Zone) {
  const offsetAt = (ms: number) => offsetText((zone.wallMs(ms) - ms) / MINUTE_MS);
  if (zone.wallMs(atMs) !== wallMs)
    return wrong(
      'TARIFF_CASE_TIME',
      `clocks in ${zone.name} never show ${shown(written)}: they go forward over it`,
      `Write a time before or after it, or one with its offset, as ${written}${offsetAt(atMs - DAY_MS)}.`,
    );
  const again = [30, 60, 120]
    .map((minutes) => atMs + minutes * MINUTE_MS)
    .find((ms) => zone.wallMs(ms) === wallMs);
  if (again === undefined) return undefined;
  return wrong(
    'TARIFF_CASE_TIME',
    `clocks in ${zone.name} show ${shown(written)} twice that night`,
    `Say which: ${written}${offsetAt(atMs)} or ${written}${offsetAt(again)}.`,
  );
}

function offsetMinutes(offset: string): number {
  if (offset === 'Z') return 0;
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4));
  return offset.startsWith('-') ? -minutes : minutes;
}

function offsetText(minutes: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(Math.round(size % 60))}`;
}

/** A local date, as the first instant of it. */
export function readDate(written: string, zoneName: string): CaseValue<number> {
  const day = parseIsoDate(written);
  return day === undefined
    ? wrong('TARIFF_DATE_INVALID', `${shown(written)} is no date`, 'Write it as YYYY-MM-DD.')
    : { ok: true, value: getZone(zoneName).instantMs(day * DAY_MS) };
}

/** An amount of the city's currency, as minor units. */
export function readMoney(written: string, currency: string): CaseValue<bigint> {
  const amount = /^\d{1,9}(\.\d+)?$/.test(written) ? parseAmount(written, currency) : undefined;
  return amount?.ok && written.includes('.')
    ? { ok: true, value: amount.amountMinor }
    : wrong(
        'TARIFF_VALUE_INVALID',
        `${shown(written)} is no amount`,
        `Write it in ${currency} with two places, as 12.00.`,
      );
}

/** A whole number between two others, both included. */
export function readNumber(written: string, min: number, max: number): CaseValue<number> {
  const value = /^\d{1,6}$/.test(written) ? Number(written) : -1;
  return value >= min && value <= max
    ? { ok: true, value }
    : wrong(
        'TARIFF_VALUE_INVALID',
        `${shown(written)} is no number that fits here`,
        `Write one from ${min} to ${max}.`,
      );
}

/** A value as it is told: short, and on one line. */
export function shown(written: string): string {
  const plain = printable(written);
  return JSON.stringify(plain.length > 60 ? `${plain.slice(0, 60)}…` : plain);
}

/** Text of a file as one line of a terminal: no line breaks, nothing that moves its cursor. */
export function printable(written: string): string {
  return written.replace(/\s+/g, ' ').replace(/\p{C}/gu, '').trim();
}
