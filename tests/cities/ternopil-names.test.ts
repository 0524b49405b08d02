/** The city's names in the languages of its guests. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { latin, polish } from '../../scripts/transliterate.ts';

const city = join(import.meta.dirname, '../../cities/ternopil');
const rowsOf = (path: string) =>
  parse(readFileSync(join(city, path), 'utf8'), { columns: true }) as Record<string, string>[];

/** Each table with its key and the column that people read. */
const FEED = [
  ['agency', 'agency_id', 'agency_name'],
  ['stops', 'stop_id', 'stop_name'],
  ['routes', 'route_id', 'route_long_name'],
] as const;
const FARES = [
  ['fare_media', 'fare_media_id', 'fare_media_name'],
  ['fare_products', 'fare_product_id', 'fare_product_name'],
  ['rider_categories', 'rider_category_id', 'rider_category_name'],
] as const;
const packages = readdirSync(join(city, 'tariff')).map((name) => [`tariff/${name}`, FARES] as const);

describe('translations.txt', () => {
  it.each([['gtfs', FEED] as const, ...packages])('%s: every name in en, de and pl', (folder, tables) => {
    const rows = rowsOf(`${folder}/translations.txt`);
    const wanted = tables.flatMap(([table, key, column]) =>
      [...new Set(rowsOf(`${folder}/${table}.txt`).map((row) => row[key]))].flatMap((id) =>
        ['en', 'de', 'pl'].map((language) => `${table} ${column} ${language} ${id}`),
      ),
    );
    const there = rows.map((r) => `${r['table_name']} ${r['field_name']} ${r['language']} ${r['record_id']}`);
    expect(there.toSorted()).toEqual(wanted.toSorted());
    for (const { translation } of rows) expect(translation).toMatch(/^[^\p{Script=Cyrillic}]+$/u);
  });
});

it('no article of a package is a Ukrainian sentence: what is not known is said by a reserved word', () => {
  for (const [folder] of packages) {
    const yaml = ['concessions', 'funding', 'tap-policy', 'product-terms'].flatMap((name) =>
      Object.values(parseYaml(readFileSync(join(city, folder, `${name}.yaml`), 'utf8')))
        .filter(Array.isArray)
        .flat(),
    );
    const rules = ['fare_leg_rules', 'fare_transfer_rules'].flatMap((name) =>
      rowsOf(`${folder}/${name}.txt`),
    );
    const articles = [...yaml, ...rules].map((row: { article: string }) => row.article);
    expect(articles.length).toBeGreaterThan(15);
    for (const article of articles)
      expect(article).toMatch(/^(not-established|((ст|ч|п|абз)\. [\d-–]+(, )?)+( \(not-checked\))?)$/);
  }
});

describe('transliteration', () => {
  it.each([
    ['Євгена', 'Yevhena', 'Jewhena'],
    ['Кутківці', 'Kutkivtsi', 'Kutkiwci'],
    ['Згурського', 'Zghurskoho', 'Zhurśkoho'],
    ['Лесі Українки', 'Lesi Ukrainky', 'Łesi Ukrajinky'],
    ['Володимира Великого', 'Volodymyra Velykoho', 'Wołodymyra Wełykoho'],
    ['Коновальця', 'Konovaltsia', 'Konowalcia'],
    ['Сім’я', 'Simia', 'Simja'],
  ])('%s', (name, official, pl) => {
    expect(latin(name)).toBe(official);
    expect(polish(name)).toBe(pl);
  });
});
