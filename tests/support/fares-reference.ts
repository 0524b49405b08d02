/**
 * A second pricer of GTFS Fares v2 for tests, written from the reference text (revised 2026-04-27) and decision 0030 alone.
 * It shares nothing with the engine: it works on the rows of the files as they are written, keeps no index, and tries every
 * combination of rows. Slow on purpose, and only as long as the text. Each function names the clause it is made from.
 */

/** A row: column → text; a column that the file lacks is absent. */
export type Row = Readonly<Record<string, string>>;
/** File → its rows. A file that the feed lacks is absent. */
export type FeedRows = Readonly<Record<string, readonly Row[]>>;

export interface ReferenceLeg {
  readonly route: string;
  readonly from: string;
  readonly to: string;
  readonly departureMs: number;
  readonly arrivalMs: number;
}

/** A leg, or several that are one to the rules. */
interface FareLeg extends ReferenceLeg {
  readonly network: string;
}

/** A leg rule that matched, with a product row that the rider may buy. */
interface Choice {
  readonly group: string;
  readonly currency: string;
  readonly amount: bigint;
  /** Of the proposed column transfer_only: the rule is there for transfers only. */
  readonly onlyAfter: boolean;
}

/** Lowest total of each currency in which the whole journey can be paid. None = no fare; several = nobody can say. */
export function referenceTotals(
  feed: FeedRows,
  journey: readonly ReferenceLeg[],
  medium: string,
  categories: readonly string[],
): Map<string, bigint> {
  const sold = (product: string) => rowsSold(feed, product, medium, categories);
  const legs = effectiveLegs(feed, journey);
  const choices = legs.map((leg) =>
    matchingRules(feed, leg).flatMap((rule) =>
      sold(rule['fare_product_id'] as string).map((row) => ({
        group: rule['leg_group_id'] ?? '',
        onlyAfter: rule['transfer_only'] === '1',
        ...priceOf(row),
      })),
    ),
  );
  const lowest = new Map<string, bigint>();
  for (const combination of everyCombination(choices)) {
    for (const { currencies, total } of everyTransfer(feed, legs, combination, sold)) {
      const [currency, other] = currencies;
      if (currency === undefined || other !== undefined) continue;
      const known = lowest.get(currency);
      if (known === undefined || total < known) lowest.set(currency, total);
    }
  }
  return lowest;
}

function rows(feed: FeedRows, file: string): readonly Row[] {
  return feed[file] ?? [];
}

/** fare_products.txt: an empty category is for any, an empty medium is unknown and excludes none. */
function rowsSold(feed: FeedRows, product: string, medium: string, categories: readonly string[]): Row[] {
  return rows(feed, 'fare_products.txt').filter(
    (row) =>
      row['fare_product_id'] === product &&
      ['', undefined, medium].includes(row['fare_media_id']) &&
      ['', undefined, ...categories].includes(row['rider_category_id']),
  );
}

function priceOf(row: Row): { currency: string; amount: bigint } {
  // Amounts of tests are written with all the places that their currency has.
  return { currency: row['currency'] as string, amount: BigInt((row['amount'] as string).replace('.', '')) };
}

/** routes.network_id, or route_networks.txt. */
function networkOf(feed: FeedRows, route: string): string {
  const linked = rows(feed, 'route_networks.txt').find((row) => row['route_id'] === route);
  const own = rows(feed, 'routes.txt').find((row) => row['route_id'] === route);
  return linked?.['network_id'] ?? own?.['network_id'] ?? '';
}

/** A stop, its platform or station, and so on upwards (stops.parent_station). */
function upwards(feed: FeedRows, stop: string): string[] {
  const parent = rows(feed, 'stops.txt').find((row) => row['stop_id'] === stop)?.['parent_station'] ?? '';
  return parent === '' ? [stop] : [stop, ...upwards(feed, parent)];
}

/** stop_areas.stop_id: what lies in a station lies in its areas, unless it is assigned to others. */
function areasOf(feed: FeedRows, stop: string): string[] {
  for (const place of upwards(feed, stop)) {
    const own = rows(feed, 'stop_areas.txt').filter((row) => row['stop_id'] === place);
    if (own.length > 0) return own.map((row) => row['area_id'] as string);
  }
  return [];
}

/** fare_leg_join_rules.txt: two consecutive legs that match a record are one; chains of them too. */
function effectiveLegs(feed: FeedRows, journey: readonly ReferenceLeg[]): FareLeg[] {
  const legs: FareLeg[] = [];
  for (const [i, leg] of journey.entries()) {
    const network = networkOf(feed, leg.route);
    const before = journey[i - 1];
    const open = legs.at(-1);
    const joined =
      before !== undefined &&
      rows(feed, 'fare_leg_join_rules.txt').some((rule) => joins(feed, rule, before, leg));
    if (!joined || open === undefined) legs.push({ ...leg, network });
    else
      legs[legs.length - 1] = {
        ...open,
        to: leg.to,
        arrivalMs: leg.arrivalMs,
        // "Each leg must have the same network_id which will be used for matching."
        network: open.network === network ? network : '',
      };
  }
  return legs;
}

function joins(feed: FeedRows, rule: Row, before: ReferenceLeg, after: ReferenceLeg): boolean {
  const blankOr = (field: string, values: readonly string[]) =>
    (rule[field] ?? '') === '' || values.includes(rule[field] as string);
  if (!blankOr('from_network_id', [networkOf(feed, before.route)])) return false;
  if (!blankOr('to_network_id', [networkOf(feed, after.route)])) return false;
  const [end, start] = [upwards(feed, before.to), upwards(feed, after.from)];
  const named = (rule['from_stop_id'] ?? '') !== '' || (rule['to_stop_id'] ?? '') !== '';
  if (!named) return end.at(-1) === start.at(-1);
  return blankOr('from_stop_id', end) && blankOr('to_stop_id', start);
}

/** fare_leg_rules.txt, steps 1 to 5. */
function matchingRules(feed: FeedRows, leg: FareLeg): Row[] {
  const all = rows(feed, 'fare_leg_rules.txt');
  const prioritised = all.some((row) => 'rule_priority' in row);
  // "Excluding the ones listed", asked for each value by itself.
  const matches = (rule: Row, field: string, values: readonly string[]) =>
    (values.length === 0 ? [''] : values).some((value) => {
      const written = rule[field] ?? '';
      if (written !== '') return written === value;
      return prioritised || value === '' || !all.some((row) => row[field] === value);
    });
  const found = all.filter(
    (rule) =>
      matches(rule, 'network_id', [leg.network]) &&
      matches(rule, 'from_area_id', areasOf(feed, leg.from)) &&
      matches(rule, 'to_area_id', areasOf(feed, leg.to)) &&
      within(feed, rule['from_timeframe_group_id'] ?? '', leg.from, leg.departureMs) &&
      within(feed, rule['to_timeframe_group_id'] ?? '', leg.to, leg.arrivalMs),
  );
  const priority = (rule: Row) => Number(rule['rule_priority'] || 0);
  // Where no transfer leads to the leg, a rule for transfers only is not there: it stands before no other rule.
  const rivals = (rule: Row) =>
    found.filter((other) => rule['transfer_only'] === '1' || other['transfer_only'] !== '1');
  return prioritised
    ? found.filter((rule) => rivals(rule).every((other) => priority(other) <= priority(rule)))
    : found;
}

/** timeframes.txt: wall clock and calendar date of the event's place, the start in, the end out. */
function within(feed: FeedRows, group: string, stop: string, atMs: number): boolean {
  if (group === '') return true;
  const clock = wallClock(feed, stop, atMs);
  return rows(feed, 'timeframes.txt').some(
    (frame) =>
      frame['timeframe_group_id'] === group &&
      runsOn(feed, frame['service_id'] as string, clock.date, clock.weekday) &&
      (frame['start_time'] || '00:00:00') <= clock.time &&
      clock.time < (frame['end_time'] || '24:00:00'),
  );
}

/** stops.stop_timezone: what has a station takes the station's; else the agency's. */
function wallClock(
  feed: FeedRows,
  stop: string,
  atMs: number,
): { date: string; time: string; weekday: string } {
  const station = upwards(feed, stop).at(-1);
  const own = rows(feed, 'stops.txt').find((row) => row['stop_id'] === station)?.['stop_timezone'];
  const timeZone = own || (rows(feed, 'agency.txt')[0]?.['agency_timezone'] as string);
  // Swedes write dates and times as texts that sort.
  const [date, time] = formatOf('sv-SE', timeZone, { dateStyle: 'short', timeStyle: 'medium' })
    .format(atMs)
    .split(' ') as [string, string];
  const weekday = formatOf('en-GB', timeZone, { weekday: 'long' }).format(atMs).toLowerCase();
  return { date: date.replaceAll('-', ''), time, weekday };
}

const formats = new Map<string, Intl.DateTimeFormat>();
function formatOf(
  locale: string,
  timeZone: string,
  options: Intl.DateTimeFormatOptions,
): Intl.DateTimeFormat {
  const key = `${locale} ${timeZone}`;
  const format = formats.get(key) ?? new Intl.DateTimeFormat(locale, { timeZone, ...options });
  formats.set(key, format);
  return format;
}

/** calendar.txt, modified by calendar_dates.txt. */
function runsOn(feed: FeedRows, service: string, date: string, weekday: string): boolean {
  const exception = rows(feed, 'calendar_dates.txt').find(
    (row) => row['service_id'] === service && row['date'] === date,
  );
  if (exception) return exception['exception_type'] === '1';
  return rows(feed, 'calendar.txt').some(
    (row) =>
      row['service_id'] === service &&
      row[weekday] === '1' &&
      (row['start_date'] as string) <= date &&
      date <= (row['end_date'] as string),
  );
}

function* everyCombination(choices: readonly (readonly Choice[])[]): Generator<Choice[]> {
  const [first, ...rest] = choices;
  if (first === undefined) yield [];
  else for (const tail of everyCombination(rest)) for (const head of first) yield [head, ...tail];
}

/** A journey priced up to some leg. */
interface Priced {
  /** Sub-journeys that are over. */
  readonly settled: bigint;
  /** S, the sub-journey that goes on. */
  readonly running: bigint;
  /** Transfer rules used in it. */
  readonly used: readonly Row[];
  readonly currencies: ReadonlySet<string>;
}

/** fare_transfer_rules.txt, steps 1 to 5: every way that the rules leave open. */
function everyTransfer(
  feed: FeedRows,
  legs: readonly FareLeg[],
  choice: readonly Choice[],
  sold: (product: string) => Row[],
): { currencies: string[]; total: bigint }[] {
  const first = choice[0] as Choice;
  if (first.onlyAfter) return [];
  let ways: Priced[] = [
    { settled: 0n, running: first.amount, used: [], currencies: new Set([first.currency]) },
  ];
  for (let i = 1; i < choice.length; i++)
    ways = ways.flatMap((way) => onwards(feed, legs, choice, sold, i, way));
  return ways.map((way) => ({ currencies: [...way.currencies], total: way.settled + way.running }));
}

function onwards(
  feed: FeedRows,
  legs: readonly FareLeg[],
  choice: readonly Choice[],
  sold: (product: string) => Row[],
  i: number,
  way: Priced,
): Priced[] {
  const to = choice[i] as Choice;
  const applying = transferRules(feed, legs, choice, i, way, sold);
  const currencies = new Set([...way.currencies, to.currency]);
  if (applying.length === 0 && to.onlyAfter) return [];
  if (applying.length === 0)
    return [{ settled: way.settled + way.running, running: to.amount, used: [], currencies }];
  return applying.flatMap((rule) => {
    const product = rule['fare_product_id'] ?? '';
    const prices = product === '' ? [{ currency: to.currency, amount: 0n }] : sold(product).map(priceOf);
    return prices.map((price) => ({
      settled: way.settled,
      running: costOf(rule['fare_transfer_type'] as string, way, price.amount, to.amount),
      used: [...way.used, rule],
      currencies: new Set([...currencies, price.currency]),
    }));
  });
}

/** The table of fare_transfer_type: A + AB, A + AB + B, AB; then S + BC, S + BC + C, S + BC. */
function costOf(type: string, way: Priced, transfer: bigint, to: bigint): bigint {
  if (type === '0') return way.running + transfer;
  if (type === '1') return way.running + transfer + to;
  return way.used.length === 0 ? transfer : way.running + transfer;
}

function transferRules(
  feed: FeedRows,
  legs: readonly FareLeg[],
  choice: readonly Choice[],
  i: number,
  way: Priced,
  sold: (product: string) => Row[],
): Row[] {
  const all = rows(feed, 'fare_transfer_rules.txt');
  const [from, to] = [choice[i - 1]?.group ?? '', choice[i]?.group ?? ''];
  if (from === '' || to === '') return [];
  const names = (field: string, group: string, rule: Row) =>
    (rule[field] ?? '') === '' ? !all.some((row) => row[field] === group) : rule[field] === group;
  const byGroups = all.filter(
    (rule) => names('from_leg_group_id', from, rule) && names('to_leg_group_id', to, rule),
  );
  const [one] = byGroups;
  if (one === undefined) return [];
  const transfers = runLength(choice, i, way, one);
  const fitting = byGroups.filter((rule) => {
    const product = rule['fare_product_id'] ?? '';
    return (
      limitOf(rule) >= transfers &&
      inTime(rule, legs[i - transfers] as FareLeg, legs[i] as FareLeg) &&
      (product === '' || sold(product).length > 0)
    );
  });
  // "The rule with the minimum transfer_count that is greater than or equal to the current transfer count."
  return fitting.filter((rule) => fitting.every((other) => limitOf(rule) <= limitOf(other)));
}

function limitOf(rule: Row): number {
  const count = Number(rule['transfer_count'] || -1);
  return count === -1 ? Number.MAX_SAFE_INTEGER : count;
}

/** Which number this transfer has among consecutive ones of its kind; 1 where it begins. */
function runLength(choice: readonly Choice[], i: number, way: Priced, rule: Row): number {
  const sides = (row: Row) => [row['from_leg_group_id'] ?? '', row['to_leg_group_id'] ?? ''].join();
  const sameSides = (row: Row) => (row['from_leg_group_id'] ?? '') === (row['to_leg_group_id'] ?? '');
  let length = 1;
  let current = rule;
  for (let at = i; at > 1; at--) {
    const before = way.used.at(at - 1 - i);
    if (before === undefined) break;
    const counted = (row: Row, leg: number) =>
      sameSides(row) || choice[leg - 1]?.group === choice[leg]?.group;
    if (!counted(current, at) || !counted(before, at - 1)) break;
    if (sameSides(current) && sides(before) !== sides(current)) break;
    length++;
    current = before;
  }
  return length;
}

/** duration_limit and duration_limit_type; exactly the limit is within it (0030). */
function inTime(rule: Row, first: FareLeg, last: FareLeg): boolean {
  if ((rule['duration_limit'] ?? '') === '') return true;
  const [start, end] = {
    '0': [first.departureMs, last.arrivalMs],
    '1': [first.departureMs, last.departureMs],
    '2': [first.arrivalMs, last.departureMs],
    '3': [first.arrivalMs, last.arrivalMs],
  }[rule['duration_limit_type'] as '0' | '1' | '2' | '3'] as [number, number];
  return end - start <= Number(rule['duration_limit']) * 1000;
}
