/** What every route works with. */
import type { FastifyRequest } from 'fastify';
import type { CallRefusal } from '#contracts/payment-api.ts';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import type { Clock } from '#platform/clock.ts';
import type { CityGeo } from './city-geo.ts';
import type { CityNames } from './city-names.ts';
import type { EventStream } from './event-stream.ts';
import type { LiveCity } from './live-city.ts';
import type { CityViews, Debts, OpenData, PublishedLog } from './ports.ts';
import { createWording, readLanguage, type Wording } from './wording.ts';

export interface PortalContext {
  readonly views: CityViews;
  readonly auditLog: PublishedLog;
  readonly openData: OpenData;
  readonly debts: Debts;
  readonly payments: PaymentCalls;
  readonly names: CityNames;
  readonly geo: CityGeo;
  readonly live: LiveCity;
  readonly stream: EventStream;
  readonly clock: Clock;
  readonly wordings: Readonly<Record<Language, Wording>>;
}

/** How calls of the payment provider are judged. */
export interface PaymentCalls {
  /** Secrets under which it signs now; none = no call is heard. */
  readonly callKeys: readonly Buffer[];
  /** Real time, whatever the city's clock says: the provider knows no other. */
  readonly realMs: () => number;
  readonly onRefused: (why: CallRefusal) => void;
}

/** Name of the cookie that remembers the language; it says nothing else. */
export const LANGUAGE_COOKIE = 'kvytok_lang';

/** A wording for each language, made once. */
export function createWordings(names: CityNames): Readonly<Record<Language, Wording>> {
  return Object.fromEntries(
    LANGUAGES.map((language) => [language, createWording(language, names)]),
  ) as Record<Language, Wording>;
}

/** Language of a request: `?lang=`, then the cookie, then what the browser asks for, then Ukrainian. */
export function languageOf(request: FastifyRequest): Language {
  const asked = readLanguage((request.query as { lang?: unknown } | undefined)?.lang);
  return (
    asked ??
    cookieLanguage(request.headers.cookie) ??
    browserLanguage(request.headers['accept-language']) ??
    'uk'
  );
}

function cookieLanguage(cookie: string | undefined): Language | undefined {
  const match = /(?:^|;\s*)kvytok_lang=([a-z]{2})(?:;|$)/.exec(cookie ?? '');
  return readLanguage(match?.[1]);
}

function browserLanguage(header: string | undefined): Language | undefined {
  for (const part of (header ?? '').slice(0, 200).split(',')) {
    const language = readLanguage(part.trim().slice(0, 2).toLowerCase());
    if (language) return language;
  }
  return undefined;
}

/** `Set-Cookie` for a language chosen in the switch; none otherwise. */
export function languageCookie(request: FastifyRequest): string | undefined {
  const asked = readLanguage((request.query as { lang?: unknown } | undefined)?.lang);
  return asked && `${LANGUAGE_COOKIE}=${asked}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly`;
}
