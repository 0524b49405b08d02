/**
 * What things are called: routes, stops, carriers, rider categories, concessions, payers. From the city's data;
 * an id without a name is shown as itself, so that a page never has holes.
 */
import type { Language, Text } from '#contracts/reason-codes.ts';

/** A name in four languages, or one for all. */
export type Name = string | Text;

/** The city, for page headers. */
export interface CityFacts {
  readonly id: string;
  readonly name: Name;
  /** IANA zone in which times are shown. */
  readonly zone: string;
  readonly currency: string;
  readonly center: { readonly lat: number; readonly lon: number } | null;
}

/** A route as people know it: `5`, `Вул. Миру – Вул. Київська`, its colour and its place in the feed. */
export interface RouteName {
  readonly name: string;
  readonly longName: Name;
  /** `#rrggbb` */
  readonly colour: string;
  readonly order: number;
}

/** Every dictionary of names. Keys are the ids of the feed and of the tariff packages. */
export interface CityNames {
  readonly city: CityFacts;
  readonly routes: ReadonlyMap<string, RouteName>;
  readonly stops: ReadonlyMap<string, Name>;
  readonly carriers: ReadonlyMap<string, Name>;
  readonly categories: ReadonlyMap<string, Name>;
  /** The category of those who have no concession, where the feed names one. */
  readonly defaultCategoryId: string | null;
  readonly concessions: ReadonlyMap<string, Name>;
  readonly funding: ReadonlyMap<string, Name>;
  readonly acts: ReadonlyMap<string, Name>;
  /** GTFS fare media. */
  readonly media: ReadonlyMap<string, Name>;
}

/** The name in a language, or the id itself. */
export function nameOf(names: ReadonlyMap<string, Name>, id: string, language: Language): string {
  return textOf(names.get(id), language) ?? id;
}

/** The text of a name in a language. */
export function textOf(name: Name | undefined, language: Language): string | undefined {
  if (name === undefined || typeof name === 'string') return name;
  return name[language];
}

/** Reads a name out of loose data: a text, or an object with all four languages; anything else is none. */
export function readName(value: unknown): Name | undefined {
  if (typeof value === 'string' && value !== '') return value.slice(0, 200);
  if (typeof value !== 'object' || value === null) return undefined;
  const texts = value as Record<string, unknown>;
  const any = ['uk', 'en', 'de', 'pl'].map((key) => texts[key]).find((text) => typeof text === 'string');
  if (typeof any !== 'string') return undefined;
  const pick = (key: string) => (typeof texts[key] === 'string' ? (texts[key] as string) : any).slice(0, 200);
  return { uk: pick('uk'), en: pick('en'), de: pick('de'), pl: pick('pl') };
}

/** A row of GTFS `translations.txt`. */
type TranslationRow = Readonly<Record<string, string>>;

/** Name of a record in its table and field: the feed's own, with the languages that `translations.txt` has of it. */
export type Translate = (table: string, field: string, recordId: string, own: string) => Name;

/** Reads `translations.txt`: rows by `record_id`, or by `field_value` for every record that says so. */
export function translator(rows: readonly TranslationRow[]): Translate {
  const found = new Map<string, Record<string, string>>();
  const keyOf = (table: string, field: string, by: string) => JSON.stringify([table, field, by]);
  for (const row of rows) {
    const { table_name: table = '', field_name: field = '', language = '', translation = '' } = row;
    const by = row['record_id'] ? `=${row['record_id']}` : `~${row['field_value'] ?? ''}`;
    if (translation === '') continue;
    const key = keyOf(table, field, by);
    found.set(key, { ...found.get(key), [language]: translation });
  }
  return (table, field, recordId, own) => {
    const texts = found.get(keyOf(table, field, `=${recordId}`)) ?? found.get(keyOf(table, field, `~${own}`));
    return texts ? (readName({ uk: own, en: own, de: own, pl: own, ...texts }) ?? own) : own;
  };
}
