/** A simulation as text for people: tables under headings, in four languages. */
import { formatMoney } from '#contracts/money.ts';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import { packageNames } from '#pricing/name-book.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { DIMENSIONS, type Dimension } from './simulate.ts';
import type { Row, SimulationTables } from './simulation-tables.ts';
import { SIMULATION_WORDS } from './simulation-words.ts';

/** A word in a language, with its slots filled. */
export function say(
  key: keyof typeof SIMULATION_WORDS,
  language: Language,
  values: Readonly<Record<string, string>> = {},
): string {
  const text = SIMULATION_WORDS[key][LANGUAGES.indexOf(language)] as string;
  return text.replace(/\{(\w+)\}/g, (_, slot: string) => values[slot] ?? '');
}

/** Name of a row: of its category or payer, of the small groups, or its id. */
export function rowName(row: Row, dimension: Dimension, draft: TariffPackage, language: Language): string {
  if (row.id === null) return say('others', language, { groups: String(row.groups) });
  if (row.id === '') return say('unknown', language);
  const names = packageNames(draft);
  const named = { category: names.categories, funding: names.funding, route: {}, carrier: {} }[dimension][
    row.id as never
  ] as string | Readonly<Record<Language, string>> | undefined;
  return named === undefined ? row.id : typeof named === 'string' ? named : named[language];
}

/** The whole report, a line each. */
export function simulationLines(
  tables: SimulationTables,
  draft: TariffPackage,
  language: Language,
): string[] {
  const { currency, total, riders, quantilesMinor } = tables;
  const money = (amountMinor: bigint) => formatMoney({ amountMinor, currency }, language);
  const change = (minor: bigint) => `${minor > 0n ? '+' : ''}${money(minor)}`;
  const amounts = ({ beforeMinor, afterMinor }: { beforeMinor: bigint; afterMinor: bigint }) =>
    `${say('before', language)} ${money(beforeMinor)}, ${say('after', language)} ${money(afterMinor)}, ${say('difference', language)} ${change(afterMinor - beforeMinor)}`;
  const people = (n: number | null) => (n === null ? say('hidden', language) : String(n));
  const quantiles = Object.entries(quantilesMinor).map(([name, minor]) => `${name} ${change(minor)}`);
  const table = (dimension: Dimension) => [
    '',
    say(dimension, language),
    ...tables.tables[dimension].map((row) => {
      const count = row.riders === null ? '' : `${row.riders} ${say('riders', language)}, `;
      return `  ${rowName(row, dimension, draft, language)}: ${count}${row.rides} ${say('rides', language)}; ${amounts(row)}`;
    }),
  ];
  return [
    say('title', language, { draft: draft.tariff.version_id }),
    `${say('total', language)}: ${total.riders} ${say('riders', language)}, ${total.rides} ${say('rides', language)}; ${amounts(total)}`,
    `${say('more', language)}: ${people(riders.more)}. ${say('less', language)}: ${people(riders.less)}. ${say('same', language)}: ${people(riders.same)}.`,
    `${say('quantiles', language)}: ${quantiles.join(', ')}`,
    ...DIMENSIONS.flatMap(table),
    '',
    ...(tables.unpricedTaps === 0 ? [] : [say('unpriced', language, { taps: String(tables.unpricedTaps) })]),
    ...(tables.lostConcessions.length === 0
      ? []
      : [say('lost', language, { ids: tables.lostConcessions.join(', ') })]),
    say('suppressed', language),
    say('assumed', language),
  ];
}
