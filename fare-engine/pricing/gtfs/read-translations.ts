/** Reads translations.txt as far as fares are named by it. GTFS: https://gtfs.org/documentation/schedule/reference/#translationstxt */
import type { FareMedium, ProductRow, RiderCategory, Translated } from '../fares-v2/fare-feed.ts';
import type { FileProblem } from '../file-problem.ts';
import { type FeedFiles, openTable, quote, type RowReader } from './row-reader.ts';

/** What may be translated here: id → the name in the feed's own language. */
interface Named {
  readonly fieldName: string;
  readonly names: ReadonlyMap<string, string>;
}

/** Translations by `<table>/<id>`. Rows of other tables and fields are somebody else's and left alone. */
export function readTranslations(
  files: FeedFiles,
  feed: {
    readonly media: readonly FareMedium[];
    readonly categories: ReadonlyMap<string, RiderCategory>;
    readonly products: ReadonlyMap<string, readonly ProductRow[]>;
  },
  problems: FileProblem[],
): Map<string, Translated> {
  const tables: Readonly<Record<string, Named>> = {
    fare_media: {
      fieldName: 'fare_media_name',
      names: new Map(feed.media.map((medium) => [medium.mediaId, medium.name])),
    },
    rider_categories: {
      fieldName: 'rider_category_name',
      names: new Map([...feed.categories.values()].map((c) => [c.categoryId, c.name])),
    },
    fare_products: {
      fieldName: 'fare_product_name',
      names: new Map([...feed.products].map(([id, rows]) => [id, rows[0]?.name ?? ''])),
    },
  };
  const found = new Map<string, Record<string, string>>();
  const columns = ['table_name', 'field_name', 'language', 'translation'];
  openTable(files, 'translations.txt', columns, problems)?.each((row) => {
    const tableName = row.text('table_name');
    const table = Object.hasOwn(tables, tableName) ? tables[tableName] : undefined;
    if (!table || row.text('field_name') !== table.fieldName) return;
    const [language, translation] = [row.required('language'), row.required('translation')];
    if (language === '' || translation === '') return;
    for (const id of recordsOf(row, table)) {
      const key = `${tableName}/${id}`;
      found.set(key, { ...found.get(key), [language]: translation });
    }
  });
  return found;
}

/** A row means one record by its id, or every record that has this name. */
function recordsOf(row: RowReader, { names }: Named): string[] {
  const [recordId, value] = [row.text('record_id'), row.text('field_value')];
  if (recordId !== '') {
    if (names.has(recordId)) return [recordId];
    row.warn(
      'TARIFF_VALUE_INVALID',
      'record_id',
      `there is no record ${quote(recordId)}`,
      'Write an id of the table, or remove the row.',
    );
    return [];
  }
  if (value === '')
    row.warn(
      'TARIFF_VALUE_MISSING',
      'record_id',
      'neither record_id nor field_value is given',
      'Write the id of the record.',
    );
  return value === '' ? [] : [...names].filter(([, name]) => name === value).map(([id]) => id);
}
