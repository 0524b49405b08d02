/** Random small feeds with Fares v2, journeys on them, and the text of their files in the many ways that strangers write. */
import fc from 'fast-check';
import type { FeedRows, ReferenceLeg, Row } from './fares-reference.ts';

const STOPS: readonly Row[] = [
  ...['a', 'b', 'c'].map((id) => stop(id, '', '')),
  stop('west', '', 'America/New_York'),
  stop('hall', '', 'America/New_York'),
  stop('h1', 'hall', ''),
  stop('yard', '', ''),
  stop('y1', 'yard', ''),
  // A zone of its own counts for nothing in a station.
  stop('y2', 'yard', 'America/New_York'),
  stop('y2door', 'y2', ''),
];

function stop(id: string, parent: string, zone: string): Row {
  return { stop_id: id, stop_name: id, parent_station: parent, stop_timezone: zone };
}

const stopIds = STOPS.map((row) => row['stop_id'] as string);
const places = fc.constantFrom(...stopIds);
const networks = ['n1', 'n2', 'n3'];
const areas = ['x', 'y', 'z'];
const groups = ['g', 'h', 'k'];
const maybe = (...values: string[]) => fc.constantFrom('', ...values);
/** Often the same, so that random rules meet random legs. */
const often = (value: string, ...others: string[]) =>
  fc.oneof(
    { weight: 7, arbitrary: fc.constant(value) },
    { weight: 3, arbitrary: fc.constantFrom(...others) },
  );

/** The nights in which clocks change, and a plain Monday, at midnight UTC. */
const DAYS_MS = ['2026-03-02', '2026-03-08', '2026-03-28', '2026-10-24', '2026-10-31'].map(Date.parse);

const distinct = (...columns: string[]) => ({
  selector: (row: Row) => columns.map((column) => row[column]).join('\u0000'),
});

const productRow = fc
  .record({
    fare_product_id: fc.constantFrom('p1', 'p2', 'p3', 'p4'),
    rider_category_id: often('', 'adult', 'senior', 'student'),
    fare_media_id: often('', 'card', 'cash'),
    minor: fc.integer({ min: -3, max: 9 }),
    currency: often('UAH', 'JPY', 'KWD'),
  })
  .map(({ minor, currency, ...row }): Row => {
    const digits = String(Math.abs(minor));
    const amount = { UAH: `0.0${digits}`, JPY: digits, KWD: `0.00${digits}` }[currency] as string;
    return { ...row, amount: minor < 0 ? `-${amount}` : amount, currency };
  });

const legRule = fc.record({
  leg_group_id: fc.constantFrom('g', 'g', 'h', 'h', 'k', ''),
  network_id: often('', ...networks),
  from_area_id: often('', ...areas),
  to_area_id: often('', ...areas),
  from_timeframe_group_id: fc.constantFrom('', '', 't1', 't2'),
  to_timeframe_group_id: often('', 't1', 't2'),
  fare_product_id: fc.constantFrom('p1', 'p2', 'p3', 'p4'),
  rule_priority: maybe('0', '1', '2'),
  transfer_only: fc.constantFrom('', '0', '1'),
});

const transferRule = fc
  .record({
    from_leg_group_id: maybe(...groups),
    to_leg_group_id: maybe(...groups),
    transfer_count: fc.constantFrom('-1', '1', '2'),
    duration_limit: often('', '1800', '3600', '5400'),
    duration_limit_type: fc.constantFrom('0', '1', '2', '3'),
    fare_transfer_type: fc.constantFrom('0', '1', '2'),
    fare_product_id: maybe('p2', 'p3', 'p4'),
  })
  .map((row): Row => {
    const counted = row.from_leg_group_id === row.to_leg_group_id;
    return {
      ...row,
      transfer_count: counted ? row.transfer_count : '',
      duration_limit_type: row.duration_limit === '' ? '' : row.duration_limit_type,
    };
  });

const timeframe = fc
  .record({
    timeframe_group_id: fc.constantFrom('t1', 't2'),
    between: fc.constantFrom(
      ['00:00:00', '03:30:00'],
      ['02:00:00', '03:00:00'],
      ['00:00:00', '24:00:00'],
      ['21:30:00', '24:00:00'],
      ['', ''],
    ),
    service_id: fc.constantFrom('weekdays', 'sundays', 'festive', 'never'),
  })
  .map(
    ({ between, ...row }): Row => ({
      ...row,
      start_time: between[0] as string,
      end_time: between[1] as string,
    }),
  );

const WEEK = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
const service = (id: string, days: readonly string[]): Row => ({
  service_id: id,
  ...Object.fromEntries(WEEK.map((day) => [day, days.includes(day) ? '1' : '0'])),
  start_date: '20260101',
  end_date: '20261101',
});
const CALENDAR = [
  service('weekdays', WEEK.slice(0, 5)),
  service('sundays', ['sunday']),
  service('never', []),
];
const calendarDate = fc.record({
  service_id: fc.constantFrom('weekdays', 'sundays', 'festive'),
  date: fc.constantFrom('20260302', '20260329', '20261025', '20261101'),
  exception_type: fc.constantFrom('1', '2'),
});

type Join = { from_network_id: string; to_network_id: string; stops: [string, string] | null };

const joinRule: fc.Arbitrary<Join> = fc.record({
  from_network_id: often('', ...networks),
  to_network_id: often('', ...networks),
  stops: fc.option(fc.tuple(places, places), { freq: 2 }),
});

/** A feed of random rows. */
export const randomFeed: fc.Arbitrary<FeedRows> = fc
  .record({
    routes: fc.tuple(...['r1', 'r2', 'r3'].map(() => maybe(...networks))),
    twoFiles: fc.boolean(),
    stopAreas: fc.uniqueArray(fc.record({ area_id: fc.constantFrom(...areas), stop_id: places }), {
      ...distinct('area_id', 'stop_id'),
      maxLength: 10,
    }),
    frames: fc.array(timeframe, { maxLength: 5 }),
    dates: fc.uniqueArray(calendarDate, { ...distinct('service_id', 'date'), maxLength: 3 }),
    media: fc.boolean(),
    categories: fc.boolean(),
    products: fc.uniqueArray(productRow, {
      ...distinct('fare_product_id', 'rider_category_id', 'fare_media_id'),
      minLength: 5,
      maxLength: 12,
    }),
    rules: fc.array(legRule, { minLength: 2, maxLength: 8 }),
    priority: fc.boolean(),
    draft: often('', 'transfer_only'),
    joins: fc.option(fc.array(joinRule, { maxLength: 2 }), { freq: 1, nil: [] as Join[] }),
    transfers: fc.array(transferRule, { maxLength: 7 }),
  })
  .map((r) => {
    const routes = r.routes.map((network, i) => ({ route_id: `r${i + 1}`, network }));
    const rules = r.rules.map(
      ({ rule_priority, transfer_only, ...row }): Row => ({
        ...row,
        ...(r.priority && { rule_priority }),
        ...(r.draft !== '' && { transfer_only }),
      }),
    );
    const feed: Record<string, readonly Row[]> = {
      'agency.txt': [{ agency_name: 'A', agency_timezone: 'Europe/Kyiv' }],
      'stops.txt': STOPS,
      'routes.txt': routes.map(({ route_id, network }) => ({
        route_id,
        network_id: r.twoFiles ? '' : network,
      })),
      'areas.txt': areas.map((area_id) => ({ area_id })),
      'stop_areas.txt': r.stopAreas,
      'calendar.txt': CALENDAR,
      'calendar_dates.txt': r.dates,
      'timeframes.txt': r.frames,
      'fare_products.txt': r.products,
      'fare_leg_rules.txt': rules,
      'fare_leg_join_rules.txt': r.joins.map(({ stops, ...row }) => ({
        ...row,
        from_stop_id: stops?.[0] ?? '',
        to_stop_id: stops?.[1] ?? '',
      })),
      'fare_transfer_rules.txt': r.transfers,
    };
    if (r.twoFiles)
      feed['route_networks.txt'] = routes
        .filter(({ network }) => network !== '')
        .map(({ route_id, network }) => ({ route_id, network_id: network }));
    if (r.media) feed['fare_media.txt'] = ['card', 'cash'].map((id, i) => medium(id, String(2 * i)));
    if (r.categories)
      feed['rider_categories.txt'] = ['adult', 'senior', 'student'].map((id) => ({
        rider_category_id: id,
        rider_category_name: id,
        is_default_fare_category: id === 'adult' ? '1' : '0',
      }));
    return feed;
  });

function medium(id: string, type: string): Row {
  return { fare_media_id: id, fare_media_type: type };
}

/** A journey of one to four legs, around the edges of days, timeframes and limits. */
export const randomJourney: fc.Arbitrary<ReferenceLeg[]> = fc
  .tuple(
    fc.constantFrom(...DAYS_MS),
    // Among all half hours often those at which a timeframe begins or ends in Kyiv.
    fc.oneof(fc.integer({ min: 0, max: 47 }), fc.constantFrom(0, 2, 3, 39, 42, 44)),
    fc.array(
      fc.record({
        route: fc.constantFrom('r1', 'r2', 'r3'),
        from: fc.option(places, { freq: 2 }),
        to: places,
        wait: fc.constantFrom(0, 0, 1, 600, 1200, 1800, 3601),
        ride: fc.constantFrom(0, 600, 1199, 1200, 1800),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([dayMs, halfHours, steps]) => {
    let clockMs = dayMs + halfHours * 1_800_000;
    let here = 'a';
    return steps.map(({ route, from, to, wait, ride }) => {
      const departureMs = clockMs + wait * 1000;
      clockMs = departureMs + ride * 1000;
      const leg = { route, from: from ?? here, to, departureMs, arrivalMs: clockMs };
      here = to;
      return leg;
    });
  });

/** How the text of the files is written: nothing of it may matter. */
export interface Hand {
  readonly bom: boolean;
  readonly crlf: boolean;
  readonly quoted: boolean;
  readonly spaces: boolean;
  readonly blankLines: boolean;
  /** A column that the standard does not know, at the front. */
  readonly ownColumn: boolean;
}

export const randomHand: fc.Arbitrary<Hand> = fc.record({
  bom: fc.boolean(),
  crlf: fc.boolean(),
  quoted: fc.boolean(),
  spaces: fc.boolean(),
  blankLines: fc.boolean(),
  ownColumn: fc.boolean(),
});

/** The files as bytes. A file without rows is left out, unless its mere columns mean something. */
export function filesOfRows(feed: FeedRows, hand?: Hand): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const [name, list] of Object.entries(feed)) {
    const columns = Object.keys(list[0] ?? {});
    if (columns.length === 0) continue;
    const lines = [columns, ...list.map((row) => columns.map((column) => row[column] ?? ''))];
    files.set(name, Buffer.from(textOf(lines, hand), 'utf8'));
  }
  return files;
}

function textOf(lines: readonly (readonly string[])[], hand?: Hand): string {
  const cell = (value: string) => {
    const quoted = hand?.quoted === true ? `"${value.replaceAll('"', '""')}"` : value;
    return hand?.spaces === true ? ` ${quoted}\t` : quoted;
  };
  const written = lines.map((cells, i) => {
    const own = hand?.ownColumn === true ? [i === 0 ? 'x_note' : 'any, thing'] : [];
    return [...own.map((value) => (value.includes(',') ? `"${value}"` : value)), ...cells.map(cell)].join(
      ',',
    );
  });
  const end = hand?.crlf === true ? '\r\n' : '\n';
  const between = hand?.blankLines === true ? `${end}${end}  ${end}` : end;
  return `${hand?.bom === true ? '\uFEFF' : ''}${written.join(between)}${end}`;
}
