/**
 * What the files of two packages say beyond what their rows of rules and prices have told: names, days of services, columns of
 * other makers; and, where nothing else is told of a file, that its bytes are others. So no difference is silent.
 */
import { compareText } from '#pricing/file-problem.ts';
import { type CsvRow, parseCsvTable } from '#pricing/gtfs/csv-table.ts';
import type { FeedFiles } from '#pricing/gtfs/row-reader.ts';
import type { Subject, TariffChange } from './compare.ts';
import { type IdChanges, type IdKind, newerId, type Translate } from './id-changes.ts';

/** How rows of a file are told apart, and what package-rows.ts compares already. */
interface Told {
  readonly key: readonly string[];
  readonly columns: readonly string[];
  /** Rows that come and go are told elsewhere. */
  readonly rows: boolean;
}

const PLACE = [
  'network_id',
  'from_area_id',
  'to_area_id',
  'from_timeframe_group_id',
  'to_timeframe_group_id',
];
const GROUPS = ['from_leg_group_id', 'to_leg_group_id'];
const TRANSFER = ['transfer_count', 'duration_limit', 'duration_limit_type', 'fare_transfer_type'];
const TABLES: Readonly<Record<string, Told>> = {
  'fare_media.txt': { key: ['fare_media_id'], columns: [], rows: true },
  'rider_categories.txt': { key: ['rider_category_id'], columns: [], rows: true },
  'fare_products.txt': {
    key: ['fare_product_id', 'rider_category_id', 'fare_media_id'],
    columns: ['amount', 'currency'],
    rows: true,
  },
  'fare_leg_rules.txt': {
    key: [...PLACE, 'fare_product_id'],
    columns: ['leg_group_id', 'rule_priority', 'act', 'article'],
    rows: true,
  },
  'fare_transfer_rules.txt': {
    key: [...GROUPS, 'fare_product_id', ...TRANSFER],
    columns: ['act', 'article'],
    rows: true,
  },
  'route_networks.txt': { key: ['route_id'], columns: ['network_id'], rows: true },
  'stop_areas.txt': { key: ['stop_id', 'area_id'], columns: [], rows: true },
  'timeframes.txt': {
    key: ['timeframe_group_id', 'start_time', 'end_time', 'service_id'],
    columns: [],
    rows: true,
  },
  'networks.txt': { key: ['network_id'], columns: [], rows: false },
  'areas.txt': { key: ['area_id'], columns: [], rows: false },
  'calendar.txt': { key: ['service_id'], columns: [], rows: false },
  'calendar_dates.txt': { key: ['service_id', 'date'], columns: [], rows: false },
  'translations.txt': {
    key: ['table_name', 'field_name', 'language', 'record_id', 'record_sub_id', 'field_value'],
    columns: [],
    rows: false,
  },
};

const KINDS: Readonly<Record<string, IdKind>> = {
  fare_media_id: 'medium',
  rider_category_id: 'category',
  fare_product_id: 'product',
  network_id: 'network',
  leg_group_id: 'leg-group',
  from_leg_group_id: 'leg-group',
  to_leg_group_id: 'leg-group',
  act: 'act',
};

/** Files in which a subject's rows stand. */
const FILES_OF: Readonly<Partial<Record<Subject, readonly string[]>>> = {
  tariff: ['tariff.yaml'],
  act: ['tariff.yaml'],
  price: ['fare_products.txt'],
  product: ['fare_products.txt'],
  medium: ['fare_media.txt'],
  'medium-kind': ['tap-policy.yaml'],
  category: ['rider_categories.txt'],
  'leg-rule': ['fare_leg_rules.txt'],
  'transfer-rule': ['fare_transfer_rules.txt'],
  route: ['route_networks.txt', 'routes.txt'],
  area: ['stop_areas.txt'],
  timeframe: ['timeframes.txt'],
  concession: ['concessions.yaml'],
  cap: ['caps.yaml'],
  emergency: ['emergency.yaml'],
  funding: ['funding.yaml'],
  compensation: ['compensation.yaml'],
  'revenue-split': ['revenue-split.yaml'],
  'tap-policy': ['tap-policy.yaml'],
  inspection: ['inspection.yaml'],
  breakdown: ['breakdown.yaml'],
  'product-terms': ['product-terms.yaml'],
  'bank-terms': ['bank-terms.yaml'],
  'bank-code': ['bank-terms.yaml'],
};

/** What is left to tell of the files after `told`. */
export function compareFiles(
  older: FeedFiles,
  newer: FeedFiles,
  ids: IdChanges,
  told: readonly TariffChange[],
): TariffChange[] {
  const names = [...new Set([...older.keys(), ...newer.keys()])].sort(compareText);
  return names.flatMap((file) => {
    const [before, after] = [older.get(file), newer.get(file)];
    if (before && after && Buffer.compare(before, after) === 0) return [];
    const changes = file.endsWith('.txt')
      ? compareTable(file, before, after, (kind, id) => newerId(ids, kind, id))
      : [];
    return changes.length > 0 || isTold(file, told, [before, after]) ? changes : [rewritten(file)];
  });
}

function rewritten(file: string): TariffChange {
  return { subject: 'file', change: 'rewritten', id: file, before: null, after: null };
}

/** Whether a change stands in this file: one of its rows, or an id in it that has another name. */
function isTold(file: string, told: readonly TariffChange[], bytes: readonly (Uint8Array | undefined)[]) {
  const texts = bytes.map((b) => (b ? Buffer.from(b).toString('utf8') : ''));
  const names = (id: unknown) => texts.some((text) => text.includes(String(id)));
  return told.some(({ subject, change, before, after }) =>
    change === 'renamed' ? names(before) || names(after) : FILES_OF[subject]?.includes(file) === true,
  );
}

type Cells = ReadonlyMap<string, string>;

function compareTable(
  file: string,
  older: Uint8Array | undefined,
  newer: Uint8Array | undefined,
  translate: Translate,
): TariffChange[] {
  const [before, after] = [readRows(file, older, translate), readRows(file, newer, (_, id) => id)];
  const { columns: known = [], rows = false } = TABLES[file] ?? {};
  const change = (more: Omit<TariffChange, 'subject' | 'id'>): TariffChange => ({
    subject: 'file',
    id: file,
    ...more,
  });
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort(compareText);
  const changes = keys.flatMap((row) => {
    const [was, is] = [before.get(row), after.get(row)];
    if (!was || !is)
      return rows ? [] : [change({ change: is ? 'added' : 'removed', row, before: null, after: null })];
    const columns = [...new Set([...was.keys(), ...is.keys()])].filter((name) => !known.includes(name));
    return columns.flatMap((field) => {
      const [old, fresh] = [was.get(field) ?? '', is.get(field) ?? ''];
      return old === fresh ? [] : [change({ change: 'changed', row, field, before: old, after: fresh })];
    });
  });
  return alike(changes);
}

/** Rows that change alike are one line. */
function alike(changes: readonly TariffChange[]): TariffChange[] {
  const groups = Map.groupBy(changes, (change) => JSON.stringify({ ...change, row: '' }));
  return [...groups.values()].flatMap(([first, ...more]) =>
    first ? [{ ...first, row: [first, ...more].map(({ row }) => row).join('; ') }] : [],
  );
}

/** Rows by their key, the rest of their cells by column; rows of one key are numbered in the order of their text. */
function readRows(file: string, bytes: Uint8Array | undefined, translate: Translate): Map<string, Cells> {
  const rows = new Map<string, Cells>();
  if (!bytes) return rows;
  const { table } = parseCsvTable(file, bytes);
  const names = [...table.columns.keys()];
  const keys = TABLES[file]?.key ?? names.slice(0, 1);
  const cell = (row: CsvRow, name: string) => {
    const text = row.values[table.columns.get(name) ?? -1] ?? '';
    const kind = KINDS[name];
    return kind ? translate(kind, text) : text;
  };
  const read = table.rows.map((row) => ({
    key: keys
      .map((name) => cell(row, name))
      .filter((text) => text !== '')
      .join(', '),
    cells: new Map(names.filter((name) => !keys.includes(name)).map((name) => [name, cell(row, name)])),
  }));
  read.sort((a, b) => compareText(a.key, b.key) || compareText([...a.cells].join(), [...b.cells].join()));
  for (const { key, cells } of read) {
    let own = key;
    for (let n = 2; rows.has(own); n++) own = `${key} (${n})`;
    rows.set(own, cells);
  }
  return rows;
}
