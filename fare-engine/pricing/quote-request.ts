/** Requests of `kvytok quote`: one JSON line each, parsed and checked against the feed. */
import { type Static, Type } from 'typebox';
import { decodeJsonText, describeProblems, parserOf } from '#contracts/parse.ts';
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { RideLeg } from './fares-v2/join-legs.ts';
import { zoneOfEvent } from './fares-v2/match-timeframe.ts';
import { parseIsoDate } from './gtfs/cells.ts';

/** Longest request line in bytes. */
export const QUOTE_LINE_BYTES_MAX = 256 * 1024;
/** Most legs of one journey. */
export const QUOTE_LEGS_MAX = 100;

const Id = Type.String({ minLength: 1, maxLength: 1000 });
const NumberId = Type.Number({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER });

export const QuoteLeg = Type.Object({
  routeId: Id,
  fromStopId: Id,
  toStopId: Id,
  /** ISO 8601 with offset or Z, or local wall time of the feed's zone without one. */
  departure: Type.String({ maxLength: 40 }),
  arrival: Type.String({ maxLength: 40 }),
});

export const QuoteRequest = Type.Object({
  /** Given back as it came: a number that would come back rounded is refused, so that two ids never become one. */
  id: Type.Optional(Type.Union([Type.String({ maxLength: 1000 }), NumberId, Type.Null()])),
  legs: Type.Array(QuoteLeg, { minItems: 1, maxItems: QUOTE_LEGS_MAX }),
  fareMediaId: Type.Optional(Type.Union([Type.String({ maxLength: 1000 }), Type.Null()])),
  riderCategoryId: Type.Optional(Type.Union([Id, Type.Null()])),
});
export type QuoteRequest = Static<typeof QuoteRequest>;

/** What tells answers apart; `null` when the request has none. */
export type QuoteId = string | number | null;

/** Why a request was not priced. */
export const QUOTE_ERRORS = {
  QUOTE_NOT_JSON: 'the line is no JSON text',
  QUOTE_BAD_REQUEST: 'a field is missing, has another type, or is too long',
  QUOTE_LINE_TOO_LONG: 'the line is longer than is taken',
  QUOTE_UNKNOWN_ROUTE: 'the feed has no such route',
  QUOTE_UNKNOWN_STOP: 'the feed has no such stop',
  QUOTE_UNKNOWN_MEDIUM: 'the feed names media, but not this one',
  QUOTE_UNKNOWN_CATEGORY: 'the feed names rider categories, but not this one',
  QUOTE_BAD_TIME: 'a time is no ISO 8601 time, or has no offset where the feed has no zone',
  QUOTE_LEGS_OUT_OF_ORDER: 'a leg ends before it begins, or begins before the one before it',
} as const;
export type QuoteErrorCode = keyof typeof QUOTE_ERRORS;

export interface QuoteError {
  readonly id: QuoteId;
  readonly error: { readonly code: QuoteErrorCode; readonly message: string };
}

const parseRequest = parserOf(QuoteRequest);

/** Parses one line. The id is given back even where the rest is wrong, as far as it can be read. */
export function parseQuoteLine(line: string): QuoteRequest | QuoteError {
  const json = decodeJsonText(line);
  if (!json.ok) return quoteError(null, 'QUOTE_NOT_JSON', describeProblems(json.problems));
  const request = parseRequest(json.value);
  if (request.ok) return request.value;
  const id = (json.value as { id?: unknown } | null)?.id;
  const exact = typeof id === 'number' && Math.abs(id) <= Number.MAX_SAFE_INTEGER;
  const known = typeof id === 'string' || exact ? id : null;
  return quoteError(known, 'QUOTE_BAD_REQUEST', describeProblems(request.problems.slice(0, 5)));
}

/** Makes an error answer. */
export function quoteError(id: QuoteId | undefined, code: QuoteErrorCode, message: string): QuoteError {
  return { id: id ?? null, error: { code, message } };
}

/** The legs as pricing needs them, or the first thing wrong with them. */
export function readLegs(feed: FareFeed, request: QuoteRequest): RideLeg[] | QuoteError {
  const legs: RideLeg[] = [];
  for (const [index, leg] of request.legs.entries()) {
    const where = `leg ${index}`;
    const networkId = feed.networkOfRoute === null ? '' : feed.networkOfRoute.get(leg.routeId);
    if (networkId === undefined) {
      return quoteError(
        request.id,
        'QUOTE_UNKNOWN_ROUTE',
        `${where}: route ${JSON.stringify(leg.routeId)} is not in the feed`,
      );
    }
    for (const stopId of [leg.fromStopId, leg.toStopId]) {
      if (feed.stops === null || feed.stops.has(stopId)) continue;
      return quoteError(
        request.id,
        'QUOTE_UNKNOWN_STOP',
        `${where}: stop ${JSON.stringify(stopId)} is not in the feed`,
      );
    }
    const departureMs = readInstant(feed, leg.departure, leg.fromStopId);
    const arrivalMs = readInstant(feed, leg.arrival, leg.toStopId);
    if (departureMs === undefined || arrivalMs === undefined) {
      const text = departureMs === undefined ? leg.departure : leg.arrival;
      const form = feed.zone ? 'YYYY-MM-DDTHH:MM[:SS][Z|±HH:MM]' : 'YYYY-MM-DDTHH:MM[:SS] with Z or ±HH:MM';
      return quoteError(
        request.id,
        'QUOTE_BAD_TIME',
        `${where}: ${JSON.stringify(text)} is no time; write ${form}`,
      );
    }
    if (arrivalMs < departureMs || departureMs < (legs.at(-1)?.departureMs ?? Number.NEGATIVE_INFINITY)) {
      return quoteError(
        request.id,
        'QUOTE_LEGS_OUT_OF_ORDER',
        `${where} ends before it begins, or begins before the leg before it`,
      );
    }
    legs.push({ networkId, fromStopId: leg.fromStopId, toStopId: leg.toStopId, departureMs, arrivalMs });
  }
  return legs;
}

const ISO =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(Z|[+-]\d{2}(?::?\d{2})?)?$/i;

/** An instant: with an offset as it says, without one wall time of the place. */
export function readInstant(feed: FareFeed, text: string, stopId: string): number | undefined {
  const match = ISO.exec(text.trim());
  if (!match) return undefined;
  const [, date = '', hour, minute, second = '0', fraction = '', offset] = match;
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (Number(hour) === 24 && (Number(minute) > 0 || Number(second) > 0)) return undefined;
  const day = parseIsoDate(date);
  if (day === undefined) return undefined;
  const wallMs =
    day * 86_400_000 +
    Number(hour) * 3_600_000 +
    Number(minute) * 60_000 +
    Number(second) * 1000 +
    Number(fraction.padEnd(3, '0').slice(0, 3));
  if (offset === undefined) return zoneOfEvent(feed, stopId)?.instantMs(wallMs);
  if (offset.toUpperCase() === 'Z') return wallMs;
  const digits = offset.slice(1).replace(':', '').padEnd(4, '0');
  const offsetMs = Number(digits.slice(0, 2)) * 3_600_000 + Number(digits.slice(2)) * 60_000;
  if (offsetMs > 18 * 3_600_000 || Number(digits.slice(2)) > 59) return undefined;
  return offset.startsWith('-') ? wallMs + offsetMs : wallMs - offsetMs;
}
