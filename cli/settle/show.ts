/** `kvytok settle preview|list|act`: reads only. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { formatMoney } from '#contracts/money.ts';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import { type City, loadCity } from '#platform/city-data.ts';
import { OperatorError } from '#platform/errors.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import {
  findAct,
  listSettlements,
  previewSettlement,
  type SettlementPreview,
} from '../../fare-engine/read-settlement.ts';
import { actCsv, actPage } from '../../fare-engine/settlement/act-page.ts';
import { lineName } from '../../fare-engine/settlement/act-words.ts';
import { instantsOf, parsePeriod, type SettlementPeriod } from '../../fare-engine/settlement/period.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { type AuditDatabase, openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import type { SettleValues } from '../commands/settle.ts';
import { actPdf } from './act-pdf.ts';

/** A month from an argument. */
export function periodOf(text: string): SettlementPeriod {
  const period = parsePeriod(text);
  if (period === undefined)
    throw new UsageError(`PERIOD is a month like 2025-10, not ${JSON.stringify(text)}`);
  return period;
}

/** The city whose times and tariffs hold. */
export function cityOf(cityDir: string | null): { dir: string; city: City } {
  if (cityDir === null)
    throw new UsageError('KVYTOK_CITY_DIR is needed: calendar and tariffs are the city’s');
  return { dir: cityDir, city: loadCity(cityDir).city };
}

async function withDatabase(
  values: SettleValues,
  io: CommandIo,
  work: (database: AuditDatabase) => Promise<number>,
): Promise<number> {
  const database = openAuditDatabase(values.data, io);
  try {
    return await work(database);
  } finally {
    await database.pool.end();
  }
}

export function preview(month: string, values: SettleValues, io: CommandIo): Promise<number> {
  const period = periodOf(month);
  return withDatabase(values, io, async ({ pool, cityDir }) => {
    const { dir, city } = cityOf(cityDir);
    const loaded = await loadTariffTimeline(join(dir, 'tariff'));
    if (!loaded.ok) throw new UsageError(`the tariffs in ${dir} have errors: kvytok tariff check shows them`);
    const { untilMs } = instantsOf(period, city);
    const rules = loaded.timeline.at(untilMs - 1)?.revenueSplit ?? [];
    const terms = { tariffs: loaded.timeline, calendar: createFareCalendar(city.zone, city.dayStart) };
    const found = await previewSettlement(pool, period, untilMs, rules, terms);
    io.stdout.write(
      values.json === true ? toJson(found) : previewText(period.id, found, languageOf(values.lang)),
    );
    return found.settled.ok && found.differing.length === 0 ? EXIT.ok : EXIT.failed;
  });
}

function previewText(period: string, found: SettlementPreview, language: Language): string {
  const { settled, closedAtMs, differing, passesAsSold, withoutTerms } = found;
  if (!settled.ok) {
    const rows = settled.differences.map(
      (row) =>
        `  ${row.account} ${row.currency}: decisions ${row.decisionsMinor}, ledger ${row.ledgerMinor}\n`,
    );
    return `${period} cannot be settled: decisions and ledger differ (minor units)\n${rows.join('')}`;
  }
  const carriers = settled.settlement.carriers.map(({ carrierId, currency, figures, lines, totalMinor }) => {
    const money = (amountMinor: bigint) => formatMoney({ amountMinor, currency }, language).padStart(16);
    const rows = lines.map(
      (line) =>
        `  ${money(line.minor)}  ${line.origin}  ${lineName(line.kind, line.ref, language)}${line.rides === 0 ? '' : ` (${line.rides})`}\n`,
    );
    return `${carrierId ?? 'no carrier'} ${currency}: ${figures.rides} + ${figures.transfers}\n${rows.join('')}  ${money(totalMinor)}\n`;
  });
  const carried = settled.settlement.carried.map(
    (pool) =>
      `Carried on: ${pool.fareProductId} ${formatMoney({ amountMinor: pool.minor, currency: pool.currency }, language)}\n`,
  );
  const unknown = withoutTerms.map(
    (pool) =>
      `! No package knows ${pool.fareProductId}: ${formatMoney({ amountMinor: pool.minor, currency: pool.currency }, language)} stay in liability:passes until one says its terms\n`,
  );
  const state = closedAtMs === null ? 'not settled yet' : `settled ${new Date(closedAtMs).toISOString()}`;
  const again = differing.map((carrier) => `! the kept act of ${carrier} says other sums\n`);
  const asSold = passesAsSold
    ? 'This month was settled when passes were divided at their sale: the shares of passes in its acts stand, and those above are what\nits facts would give by the rule of now. They are not compared.\n'
    : '';
  return `${period}, ${state}\n${carriers.join('')}${carried.join('')}${unknown.join('')}${asSold}${again.join('')}`;
}

export function listActs(values: SettleValues, io: CommandIo): Promise<number> {
  return withDatabase(values, io, async ({ pool }) => {
    const found = await listSettlements(pool);
    const acts = found.acts.map(
      ({ period, carrierId, state, objections, qualified, closedBy, actSha256 }) =>
        `${period} ${carrierId} ${state}${objections ? ' with objections' : ''}${state !== 'drafted' && !qualified ? ' (not qualified)' : ''}, closed by ${closedBy}, ${actSha256}\n`,
    );
    const signers = found.signers.map((signer) => `signer ${JSON.stringify(signer)}\n`);
    io.stdout.write(values.json === true ? toJson(found) : [...acts, ...signers].join(''));
    return EXIT.ok;
  });
}

export function writeAct(
  carrierId: string,
  month: string,
  values: SettleValues,
  io: CommandIo,
): Promise<number> {
  const period = periodOf(month);
  const language = languageOf(values.lang);
  return withDatabase(values, io, async ({ pool, cityDir }) => {
    const found = await findAct(pool, period.id, carrierId);
    if (found === null) throw actUnknown(period.id, carrierId);
    if (values.out === undefined) {
      io.stdout.write(found.bytes);
      return EXIT.ok;
    }
    const dir = resolve(io.cwd, values.out);
    mkdirSync(dir, { recursive: true });
    const name = join(dir, `act-${period.id}-${carrierId.replace(/[^A-Za-z0-9_-]/g, '_')}`);
    const { zone } = cityOf(cityDir).city;
    writeFileSync(`${name}.json`, found.bytes);
    writeFileSync(`${name}.csv`, actCsv(found));
    writeFileSync(`${name}.${language}.html`, actPage(found, language, zone));
    writeFileSync(`${name}.${language}.pdf`, await actPdf(found, language, zone));
    io.stdout.write(
      `${JSON.stringify({ out: `${name}.{json,csv,${language}.html,${language}.pdf}`, sha256: found.sha256 })}\n`,
    );
    return EXIT.ok;
  });
}

/** There is no such act. */
export function actUnknown(period: string, carrierId: string): OperatorError {
  return new OperatorError({
    code: 'ACT_UNKNOWN',
    happened: `The month ${period} was not settled with ${carrierId}.`,
    kept: 'Nothing was written.',
    todo: 'kvytok settle list shows what was settled.',
  });
}

/** Of a page; Ukrainian unless another is asked for. @throws UsageError */
export function languageOf(text: string | undefined): Language {
  if (text === undefined) return 'uk';
  if ((LANGUAGES as readonly string[]).includes(text)) return text as Language;
  throw new UsageError(`--lang takes ${LANGUAGES.join(', ')}`);
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, (_key, v: unknown) => (typeof v === 'bigint' ? v.toString() : v), 2)}\n`;
}
