/** A simulation as text for people: tables under headings, in four languages. */
import { formatMoney } from '#contracts/money.ts';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import { packageNames } from '#pricing/name-book.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { DIMENSIONS, type Dimension } from './simulate.ts';
import type { Row, SimulationTables, Spread } from './simulation-tables.ts';
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

/** A heading with rows of cells; the first cell is a name, the others are numbers. */
export interface ShownTable {
  readonly heading: string;
  readonly columns: readonly string[];
  /** The same where there is little room; `▲` pay more, `▼` pay less. */
  readonly short: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The tables with their words; the same for a terminal and a page. The last row of each is the sum. */
export function shownTables(
  simulation: SimulationTables,
  draft: TariffPackage,
  language: Language,
): ShownTable[] {
  const { currency, total, owed } = simulation;
  const money = (amountMinor: bigint) => formatMoney({ amountMinor, currency }, language);
  const change = (minor: bigint) => `${minor > 0n ? '+' : ''}${money(minor)}`;
  const spread = ({ spread: s }: { readonly spread: Spread | null }) =>
    s === null
      ? []
      : [
          ...[String(s.more), change(s.moreMinor), String(s.less), change(s.lessMinor)],
          ...[change(s.medianMinor), change(s.riseMinor), change(s.fallMinor)],
        ];
  const words = ['riders', 'rides', 'before', 'after', 'difference'] as const;
  const spreadWords = ['payMore', 'moreSum', 'payLess', 'lessSum', 'median', 'rise', 'fall'] as const;
  const amounts = (sum: { beforeMinor: bigint; afterMinor: bigint }) => [
    ...[money(sum.beforeMinor), money(sum.afterMinor)],
    change(sum.afterMinor - sum.beforeMinor),
  ];
  return DIMENSIONS.map((dimension): ShownTable => {
    // What a budget owes for a rider is no rider's change.
    const spreads = !simulation.suppressed && dimension !== 'funding';
    const sums = dimension === 'funding' ? { ...owed, spread: null } : total;
    const people = dimension === 'funding' ? ['', ''] : [String(total.riders), String(total.rides)];
    const before = ['group', ...words].map((word) => say(word as 'group', language));
    const median = say('median', language);
    return {
      heading: say(dimension, language),
      short: [...before, ...(spreads ? ['▲', '▲ Σ', '▼', '▼ Σ', median, '▲ max', '▼ max'] : [])],
      columns: ['group', ...words, ...(spreads ? spreadWords : [])].map((word) =>
        say(word as 'group', language),
      ),
      rows: [
        ...simulation.tables[dimension].map((row) => [
          ...[rowName(row, dimension, draft, language), row.riders === null ? '' : String(row.riders)],
          ...[String(row.rides), ...amounts(row), ...(spreads ? spread(row) : [])],
        ]),
        [say('total', language), ...people, ...amounts(sums), ...(spreads ? spread(sums) : [])],
      ],
    };
  });
}

/** What stands above the tables, and below them. */
export function shownNotes(
  tables: SimulationTables,
  draft: TariffPackage,
  language: Language,
): { readonly title: string; readonly above: readonly string[]; readonly below: readonly string[] } {
  const { currency, total, owed, riders, quantilesMinor } = tables;
  const money = (amountMinor: bigint) => formatMoney({ amountMinor, currency }, language);
  const change = (minor: bigint) => `${minor > 0n ? '+' : ''}${money(minor)}`;
  const amounts = ({ beforeMinor, afterMinor }: { beforeMinor: bigint; afterMinor: bigint }) =>
    `${say('before', language)} ${money(beforeMinor)}, ${say('after', language)} ${money(afterMinor)}, ${say('difference', language)} ${change(afterMinor - beforeMinor)}`;
  const people = (n: number | null) => (n === null ? say('hidden', language) : String(n));
  const quantiles = Object.entries(quantilesMinor).map(([name, minor]) => `${name} ${change(minor)}`);
  return {
    title: say('title', language, { draft: draft.tariff.version_id }),
    above: [
      `${say('total', language)}: ${total.riders} ${say('riders', language)}, ${total.rides} ${say('rides', language)}; ${amounts(total)}`,
      `${say('owed', language)}: ${amounts(owed)}`,
      `${say('more', language)}: ${people(riders.more)}. ${say('less', language)}: ${people(riders.less)}. ${say('same', language)}: ${people(riders.same)}.`,
      `${say('quantiles', language)}: ${quantiles.join(', ')}`,
    ],
    below: [
      ...(tables.unpricedTaps === 0
        ? []
        : [say('unpriced', language, { taps: String(tables.unpricedTaps) })]),
      ...(tables.lostConcessions.length === 0
        ? []
        : [say('lost', language, { ids: tables.lostConcessions.join(', ') })]),
      say(tables.suppressed ? 'suppressed' : 'internal', language),
      say('assumed', language),
    ],
  };
}

/** The whole report for a terminal, a line each: columns one below the other, numbers at their right end. */
export function simulationLines(
  tables: SimulationTables,
  draft: TariffPackage,
  language: Language,
): string[] {
  const { title, above, below } = shownNotes(tables, draft, language);
  const shown = shownTables(tables, draft, language);
  const key = `▲ ${say('payMore', language)}, ▼ ${say('payLess', language)}; Σ ${say('moreSum', language)} / ${say('lessSum', language)}; max ${say('rise', language)} / ${say('fall', language)}`;
  const lines = shown.flatMap((table) => ['', ...tableLines(table)]);
  return [title, ...above, ...lines, '', ...(tables.suppressed ? [] : [key]), ...below];
}

function tableLines({ heading, short, rows }: ShownTable): string[] {
  const all = [[heading, ...short.slice(1)], ...rows];
  const widths = short.map((_, i) => Math.max(...all.map((row) => [...(row[i] ?? '')].length)));
  return all.map((row) =>
    row
      .map((cell, i) => {
        const gap = ' '.repeat((widths[i] ?? 0) - [...cell].length);
        return i === 0 ? `${cell}${gap}` : `${gap}${cell}`;
      })
      .join('  ')
      .trimEnd(),
  );
}
