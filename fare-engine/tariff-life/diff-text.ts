/** The sentence of a change between two tariffs, in four languages. */
import { formatMoney } from '#contracts/money.ts';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import { articleText } from '#pricing/article-text.ts';
import { packageNames } from '#pricing/name-book.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import type { TariffChange } from './compare.ts';
import { SENTENCES, SUBJECT_WORDS, word } from './diff-catalogue.ts';
import { VALUE_WORDS } from './diff-values.ts';
import { FIELD_WORDS } from './diff-words.ts';

type NamesById = Readonly<Record<string, string | Readonly<Record<Language, string>>>>;

interface Words {
  readonly language: Language;
  readonly currency: string;
  /** Name of an id, of whatever kind; the id where it has none. */
  name(id: string, ...kinds: Book[]): string;
}

type Book = 'acts' | 'concessions' | 'funding' | 'caps' | 'emergency' | 'media' | 'categories' | 'products';

/** All changes, one sentence each; one sentence where there are none. */
export function diffTexts(
  older: TariffPackage,
  newer: TariffPackage,
  changes: readonly TariffChange[],
  language: Language,
): string[] {
  const books = [packageNames(newer), packageNames(older)];
  const words: Words = {
    language,
    currency: newer.tariff.currency,
    name(id, ...kinds) {
      for (const book of books) {
        for (const kind of kinds) {
          const named = (book[kind] as NamesById)[id];
          if (named !== undefined) return typeof named === 'string' ? named : named[language];
        }
      }
      return id;
    },
  };
  if (changes.length === 0) {
    return [`${word(SUBJECT_WORDS.tariff, language)}: ${word(SENTENCES.nothing, language)}`];
  }
  return changes.map((change) => sentence(change, words));
}

const BOOKS: Readonly<Partial<Record<TariffChange['subject'], readonly Book[]>>> = {
  act: ['acts'],
  medium: ['media'],
  category: ['categories'],
  product: ['products'],
  funding: ['funding'],
  concession: ['concessions'],
  cap: ['caps'],
  emergency: ['emergency'],
  price: ['products'],
  'product-terms': ['products'],
  'revenue-split': ['products', 'caps'],
};

function sentence(change: TariffChange, words: Words): string {
  const { language } = words;
  const { subject } = change;
  const name = subject === 'tariff' || subject === 'bank-terms' ? '' : ` ${nameText(change, words)}`;
  return `${word(SUBJECT_WORDS[subject], language)}${name}${priceScope(change, words)}: ${told(change, words)}${law(change, words)}`;
}

function nameText({ subject, id, row }: TariffChange, { language, name }: Words): string {
  const ofNetwork = subject === 'tap-policy' || subject === 'inspection' || subject === 'breakdown';
  if (id === '' && ofNetwork) return word(SENTENCES.rest, language);
  if (subject === 'leg-rule') return placeText(id);
  if (subject === 'file') return row ? `${id} (${row})` : id;
  return name(id, ...(BOOKS[subject] ?? []));
}

function priceScope({ subject, mediaId, place }: TariffChange, { language, name }: Words): string {
  if (subject !== 'price') return '';
  const medium = mediaId ? name(mediaId, 'media') : word(SENTENCES.anyMedium, language);
  return `${place ? ` (${placeText(place)})` : ''}, ${medium}`;
}

/** Network, areas and timeframes, as far as the rule names them. */
function placeText(place: string): string {
  return (
    place
      .split('|')
      .filter((part) => part !== '')
      .join(', ') || '*'
  );
}

function told(change: TariffChange, words: Words): string {
  const { language } = words;
  if (change.subject === 'price') {
    const key = { added: 'priceAdded', removed: 'priceRemoved' }[change.change as string] ?? change.change;
    return fill(word(SENTENCES[key as 'dearer'], language), {
      before: valueText('amount_minor', change.before, words),
      after: valueText('amount_minor', change.after, words),
      by: byText(change, words),
      who: (change.categoryIds ?? [])
        .map((id) => (id === '' ? word(SENTENCES.anyone, language) : words.name(id, 'categories')))
        .join(', '),
    });
  }
  if (change.change === 'added' && RULES.has(change.subject))
    return `${word(SENTENCES.added, language)}${rowText(change.after, words)}`;
  const field = change.field ?? '';
  const plain = change.change === 'renamed';
  const [before, after] =
    isNames(change.before) || isNames(change.after)
      ? namesText(change.before, change.after, words)
      : [change.before, change.after].map((v) => (plain ? String(v) : valueText(field, v, words)));
  return fill(word(SENTENCES[change.change as 'changed'], language), {
    field: fieldText(field, language),
    before: before ?? '',
    after: after ?? '',
  });
}

/** What a new row of these says is what a rider meets; of other rows the name is enough, or their prices are told. */
const RULES: ReadonlySet<TariffChange['subject']> = new Set([
  'breakdown',
  'cap',
  'concession',
  'emergency',
  'inspection',
  'product-terms',
  'tap-policy',
  'timeframe',
  'transfer-rule',
]);
/** Told beside it, or its own id. */
const TOLD_BESIDE = /^(names|act|article|url|cap_id|concession_id|rule_id|fare_product_id)$/;

/** The fields of a new row, as far as they are set. */
function rowText(row: unknown, words: Words): string {
  const fields = Object.entries((row ?? {}) as Record<string, unknown>).filter(
    ([field, value]) => !TOLD_BESIDE.test(field) && value !== null && value !== undefined && value !== '',
  );
  return fields.length === 0 ? '' : `: ${valueText('', Object.fromEntries(fields), words)}`;
}

type Names = Readonly<Record<Language, string>>;

function isNames(value: unknown): value is Names {
  return value !== null && typeof value === 'object' && LANGUAGES.every((language) => language in value);
}

/** Names in the reader's language, or, where they are the same, in those in which they differ. */
function namesText(before: unknown, after: unknown, words: Words): [string, string] {
  const [was, is] = [before, after].map((value) => (isNames(value) ? value : null));
  const differ = LANGUAGES.filter((language) => was?.[language] !== is?.[language]);
  const shown = differ.includes(words.language) ? [words.language] : differ;
  const text = (names: Names | null | undefined) =>
    names
      ? shown.map((l) => (l === words.language ? names[l] : `${names[l]} (${l})`)).join(', ')
      : word(SENTENCES.none, words.language);
  return [text(was), text(is)];
}

function byText({ before, after }: TariffChange, { currency, language }: Words): string {
  if (typeof before !== 'bigint' || typeof after !== 'bigint') return '';
  const amountMinor = after > before ? after - before : before - after;
  return formatMoney({ amountMinor, currency }, language);
}

function law({ subject, act, article, field }: TariffChange, { language, name }: Words): string {
  if (act === undefined || act === '' || subject === 'tariff' || field === 'act') return '';
  return ` (${name(act, 'acts')}${article === undefined ? '' : `, ${articleText(article, language)}`})`;
}

/** Ids that have no name in a package; another thing may bear the same id. */
const OWN_IDS = /^(network_ids?|area_ids|areas|resident_required|timeframe_group_id|agency_id|stack_group)$/;

/** A value as people read it: the field's name says what it is. */
function valueText(field: string, value: unknown, words: Words): string {
  const { language, currency } = words;
  if (value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0))
    return word(SENTENCES.none, language);
  if (typeof value === 'bigint' || (typeof value === 'number' && field.endsWith('_minor')))
    return formatMoney({ amountMinor: BigInt(value), currency }, language);
  if (typeof value === 'boolean') return word(value ? SENTENCES.yes : SENTENCES.no, language);
  if (typeof value === 'number') {
    if (field.endsWith('_bp')) return `${value / 100} %`;
    return field.endsWith('_s') ? `${value} s` : String(value);
  }
  if (Array.isArray(value)) return value.map((item) => valueText(field, item, words)).join('; ');
  if (typeof value === 'object') {
    const parts = Object.entries(value as Record<string, unknown>);
    return parts
      .map(([key, part]) => `${fieldText(key, language)} ${valueText(key, part, words)}`)
      .join(', ');
  }
  if (field === 'article') return articleText(String(value), language);
  const known = VALUE_WORDS[field]?.[String(value)];
  if (known) return word(known, language);
  if (OWN_IDS.test(field)) return String(value);
  return words.name(
    String(value),
    'acts',
    'media',
    'categories',
    'products',
    'funding',
    'caps',
    'concessions',
  );
}

function fieldText(field: string, language: Language): string {
  const label = FIELD_WORDS[field];
  return label ? word(label, language) : field;
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_, key: string) => values[key] ?? '');
}
