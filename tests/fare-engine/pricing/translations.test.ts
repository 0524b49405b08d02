import { describe, expect, it } from 'vitest';
import { articleText } from '#pricing/article-text.ts';
import { packageNames } from '#pricing/name-book.ts';
import { type STEP_LANGUAGES, stepText } from '#pricing/step-text.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { PACKAGE, packageOf } from '../../support/tariff.ts';

const HEAD = 'table_name,field_name,language,translation,record_id,field_value\n';
const MEDIA = `${HEAD}fare_media,fare_media_name,en,Citizen card,social_card,
fare_media,fare_media_name,pl,Karta mieszkańca,,Соціальна карта
rider_categories,rider_category_name,en,full fare,full,
fare_products,fare_product_name,de,Fahrt,ride-municipal,
stops,stop_name,en,Centre,centre,
`;

describe('translations.txt of a package', () => {
  it('names media, categories and products in the languages that it has, the others as the feed does', () => {
    const names = packageNames(packageOf({ 'translations.txt': MEDIA }));
    expect(names.media['social_card']).toEqual({
      ...{ uk: 'Соціальна карта', en: 'Citizen card', de: 'Соціальна карта', pl: 'Karta mieszkańca' },
    });
    expect(names.categories['full']).toMatchObject({ en: 'full fare' });
    expect(names.products['ride-municipal']).toMatchObject({ de: 'Fahrt' });
    const step = {
      ...{ kind: 'base' as const, ruleId: 'r', act: null, article: null, beforeMinor: 0n, afterMinor: 800n },
      params: { medium: 'social_card' },
    };
    const text = (language: (typeof STEP_LANGUAGES)[number]) =>
      stepText(step, { language, currency: 'UAH', names });
    expect(text('en')).toContain(': Citizen card');
    expect(text('uk')).toContain(': Соціальна карта');
  });

  it('a package without it reads as before', () => {
    expect(typeof packageNames(packageOf()).media['social_card']).toBe('string');
  });

  it.each([
    ['a record that is not there', 'fare_media,fare_media_name,en,X,nobody,\n', 'nobody'],
    ['neither record nor value', 'fare_media,fare_media_name,en,X,,\n', 'record_id'],
    ['no text', 'fare_media,fare_media_name,en,,social_card,\n', 'translation is empty'],
  ])('is refused with its line for %s', (_what, row, said) => {
    const read = readTariffPackage(filesOf({ ...PACKAGE, 'translations.txt': HEAD + row }));
    expect(read.ok).toBe(false);
    expect(read.problems[0]).toMatchObject({ file: 'translations.txt', line: 2 });
    expect(read.problems[0]?.message).toContain(said);
  });
});

describe('an article for people', () => {
  it.each([
    ['п. 1', 'para. 1'],
    ['ст. 12, ч. 1, п. 7', 'Art. 12, part 1, para. 7'],
    ['not-established', 'article not established'],
    ['ст. 15 (not-checked)', 'Art. 15 (not checked against the text)'],
    ['Section 4', 'Section 4'],
  ])('%s', (article, english) => {
    expect(articleText(article, 'en')).toBe(english);
    for (const language of ['en', 'de', 'pl'] as const)
      expect(articleText(article, language)).not.toMatch(/\p{Script=Cyrillic}|not-/u);
    expect(articleText(article, 'uk')).not.toMatch(/not-/);
  });

  it('the Ukrainian form is the law’s own', () => {
    expect(articleText('ст. 12, ч. 1, п. 7', 'uk')).toBe('ст. 12, ч. 1, п. 7');
    expect(articleText('not-established', 'uk')).toBe('статтю не встановлено');
  });
});
