/**
 * Why a tap cost what it cost: the steps of its decisions with law and article, the postings, and every revision. Read
 * from published views, so the passenger's page, the auditor and the command show the same.
 */
import { formatMoney } from '#contracts/money.ts';
import { type Language, REASON_TEXTS, type ReasonCode, reasonText } from '#contracts/reason-codes.ts';
import { routeByText } from '#contracts/route-by.ts';
import type { PriceStep } from '#pricing/model.ts';
import type { NameBook } from '#pricing/name-book.ts';
import { stepText } from '#pricing/step-text.ts';
import { onOneSnapshot, type Queryable, type ReaderPool, rowsOf } from './database-reader.ts';
import { articleText } from './pricing/article-text.ts';

/** A posting as it is published: the rider is just "rider". */
export interface PublishedPosting {
  readonly postingId: string;
  readonly debit: string;
  readonly credit: string;
  readonly amountMinor: string;
  readonly currency: string;
  readonly reverses: string | null;
}

/** One revision of a tap's price. */
export interface ExplainedRevision {
  readonly revision: number;
  readonly fareDay: string;
  readonly kind: string;
  readonly packageHash: string | null;
  readonly packageName: Partial<NameBook> | null;
  readonly steps: readonly PriceStep[];
  readonly postings: readonly PublishedPosting[];
  readonly decidedAtMs: number;
}

/** A tap with all it cost, newest revision first. */
export interface Explanation {
  readonly tapId: string;
  readonly deviceId: string;
  readonly vehicleId: string | null;
  readonly carrierId: string | null;
  readonly routeId: string | null;
  readonly tripId: string | null;
  readonly directionId: number | null;
  /** By which sort of fact the route stands (contracts/route-by.ts), and the id of that fact. */
  readonly routeBy: string | null;
  readonly routeFactId: string | null;
  readonly stopId: string | null;
  readonly fareAtMs: number;
  readonly mediumKind: string;
  readonly flags: readonly string[];
  readonly currency: string;
  readonly grossMinor: bigint;
  readonly riderMinor: bigint;
  readonly revisions: readonly ExplainedRevision[];
}

const REVISIONS_MAX = 100;

type StepText = Omit<PriceStep, 'beforeMinor' | 'afterMinor'> & { beforeMinor: string; afterMinor: string };

/** Reads an explanation; `null` when no tap of this id has been decided. */
export function explainTap(pool: ReaderPool, tapId: string): Promise<Explanation | null> {
  return onOneSnapshot(pool, async (client) => {
    const [tap] = await rowsOf<Record<string, unknown>>(
      client,
      `SELECT device_id, vehicle_id, carrier_id, route_id, stop_id, fare_at_ms::text, medium_kind, flags, currency,
              gross_minor::text, rider_minor::text, trip_id, direction_id, route_by, route_fact_id
       FROM fare.published_tap WHERE tap_id = $1`,
      [tapId],
    );
    if (tap === undefined) return null;
    const text = (name: string): string | null => (tap[name] as string | null) ?? null;
    return {
      tapId,
      deviceId: text('device_id') ?? '',
      vehicleId: text('vehicle_id'),
      carrierId: text('carrier_id'),
      routeId: text('route_id'),
      tripId: text('trip_id'),
      directionId: (tap['direction_id'] as number | null) ?? null,
      routeBy: text('route_by'),
      routeFactId: text('route_fact_id'),
      stopId: text('stop_id'),
      fareAtMs: Number(tap['fare_at_ms']),
      mediumKind: text('medium_kind') ?? '',
      flags: tap['flags'] as string[],
      currency: text('currency') ?? '',
      grossMinor: BigInt(tap['gross_minor'] as string),
      riderMinor: BigInt(tap['rider_minor'] as string),
      revisions: await revisionsOf(client, tapId),
    };
  });
}

async function revisionsOf(client: Queryable, tapId: string): Promise<ExplainedRevision[]> {
  const rows = await rowsOf<{
    revision: number;
    fare_day: string;
    package_hash: string | null;
    package_name: Partial<NameBook> | null;
    kind: string;
    steps: StepText[];
    postings: PublishedPosting[];
    decided_at_ms: string;
  }>(
    client,
    `SELECT revision, fare_day::text, package_hash, package_name, kind, steps, postings, decided_at_ms::text
     FROM fare.published_explanation WHERE tap_id = $1 ORDER BY revision DESC LIMIT ${REVISIONS_MAX}`,
    [tapId],
  );
  return rows.map((row) => ({
    revision: row.revision,
    fareDay: row.fare_day,
    kind: row.kind,
    packageHash: row.package_hash,
    packageName: row.package_name,
    steps: row.steps.map((step) => ({
      ...step,
      beforeMinor: BigInt(step.beforeMinor),
      afterMinor: BigInt(step.afterMinor),
    })),
    postings: row.postings,
    decidedAtMs: Number(row.decided_at_ms),
  }));
}

interface Words {
  readonly tap: string;
  readonly route: string;
  readonly trip: string;
  readonly carrier: string;
  readonly pays: string;
  readonly tariff: string;
  readonly decided: string;
  readonly revision: string;
  readonly ledger: string;
  readonly undoes: string;
  readonly unmoved: string;
  readonly flags: string;
}

const WORDS: Readonly<Record<Language, Words>> = {
  uk: {
    tap: 'Поїздка',
    route: 'маршрут',
    trip: 'рейс',
    carrier: 'перевізник',
    pays: 'Платить пасажир',
    tariff: 'тариф',
    decided: 'визначено',
    revision: 'Редакція',
    ledger: 'Проводки',
    undoes: 'скасовує',
    unmoved: 'суми не змінились',
    flags: 'позначки',
  },
  en: {
    tap: 'Tap',
    route: 'route',
    trip: 'trip',
    carrier: 'carrier',
    pays: 'The rider pays',
    tariff: 'tariff',
    decided: 'decided',
    revision: 'Revision',
    ledger: 'Postings',
    undoes: 'undoes',
    unmoved: 'no amount moved',
    flags: 'flags',
  },
  de: {
    tap: 'Fahrt',
    route: 'Linie',
    trip: 'Fahrtnummer',
    carrier: 'Betreiber',
    pays: 'Der Fahrgast zahlt',
    tariff: 'Tarif',
    decided: 'entschieden',
    revision: 'Fassung',
    ledger: 'Buchungen',
    undoes: 'storniert',
    unmoved: 'kein Betrag bewegt',
    flags: 'Vermerke',
  },
  pl: {
    tap: 'Przejazd',
    route: 'linia',
    trip: 'kurs',
    carrier: 'przewoźnik',
    pays: 'Pasażer płaci',
    tariff: 'taryfa',
    decided: 'ustalono',
    revision: 'Wersja',
    ledger: 'Księgowania',
    undoes: 'cofa',
    unmoved: 'żadna kwota się nie zmieniła',
    flags: 'uwagi',
  },
};

/** The explanation as lines for a person. `zone` = IANA zone for the times; UTC when none is known. */
export function formatExplanation(explanation: Explanation, language: Language, zone = 'UTC'): string {
  const words = WORDS[language];
  const { currency } = explanation;
  const money = (minor: bigint): string => formatMoney({ amountMinor: minor, currency }, language);
  const at = (ms: number): string =>
    new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium', timeZone: zone }).format(
      ms,
    );
  const place = [
    explanation.routeId === null ? null : `${words.route} ${explanation.routeId}`,
    explanation.carrierId === null ? null : `${words.carrier} ${explanation.carrierId}`,
    explanation.vehicleId,
    explanation.stopId,
    explanation.mediumKind,
  ];
  const lines = [
    `${words.tap} ${explanation.tapId}`,
    `  ${at(explanation.fareAtMs)} (${zone}), ${place.filter((part) => part !== null).join(', ')}`,
    ...routeLines(explanation, words, language),
    ...(explanation.flags.length > 0
      ? [`  ${words.flags}: ${explanation.flags.map((code) => flagText(code, language)).join(' ')}`]
      : []),
    `  ${words.pays}: ${money(explanation.riderMinor)}`,
  ];
  for (const revision of explanation.revisions)
    lines.push('', ...revisionLines(revision, explanation, language, at));
  return `${lines.join('\n')}\n`;
}

/** By which fact the route stands. */
function routeLines(explanation: Explanation, words: Words, language: Language): string[] {
  const { routeBy, routeFactId, tripId } = explanation;
  const said = routeByText(routeBy, language);
  if (said === null) return [];
  const trip = tripId === null ? '' : `, ${words.trip} ${tripId}`;
  return [`  ${words.route}: ${said}${routeFactId === null ? '' : ` (${routeFactId})`}${trip}`];
}

/** A flag as a sentence; a code of a later version is shown as it is. */
function flagText(code: string, language: Language): string {
  return Object.hasOwn(REASON_TEXTS, code) ? reasonText(code as ReasonCode, language) : code;
}

function revisionLines(
  revision: ExplainedRevision,
  { currency }: Explanation,
  language: Language,
  at: (ms: number) => string,
): string[] {
  const words = WORDS[language];
  const names = revision.packageName;
  const money = (minor: bigint): string => formatMoney({ amountMinor: minor, currency }, language);
  const tariff = names?.[language] ?? revision.packageHash?.slice(0, 12) ?? '–';
  const lines = [
    `${words.revision} ${revision.revision}, ${words.decided} ${at(revision.decidedAtMs)}, ${words.tariff}: ${tariff}`,
  ];
  for (const step of revision.steps) {
    const article = step.article === null ? null : articleText(step.article, language);
    const law = [step.act, article].filter((part) => part !== null).join(', ');
    lines.push(
      `  ${money(step.beforeMinor)} → ${money(step.afterMinor)}  ${stepText(step, { language, currency, names })}`,
      `      ${step.ruleId}${law === '' ? '' : ` (${law})`}`,
    );
  }
  lines.push(`  ${words.ledger}:${revision.postings.length === 0 ? ` ${words.unmoved}` : ''}`);
  for (const { debit, credit, amountMinor, reverses } of revision.postings) {
    const undoes =
      reverses === null ? '' : `  (${words.undoes} …${reverses.slice(reverses.lastIndexOf('#'))})`;
    lines.push(`    ${debit} → ${credit}  ${money(BigInt(amountMinor))}${undoes}`);
  }
  return lines;
}
