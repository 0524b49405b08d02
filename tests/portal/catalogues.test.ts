import { describe, expect, it } from 'vitest';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import { CATALOGUES } from '../../portal/wording.ts';

const keys = Object.keys(CATALOGUES.uk).sort();
const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([found]) => found).sort();

describe('the four catalogues', () => {
  it.each(LANGUAGES)('%s has every text of the Ukrainian one and no other', (language) => {
    expect(Object.keys(CATALOGUES[language]).sort()).toEqual(keys);
  });

  it.each(LANGUAGES)('%s leaves no text empty and fills the same places', (language) => {
    for (const key of keys as (keyof typeof CATALOGUES.uk)[]) {
      expect(CATALOGUES[language][key].trim(), key).not.toBe('');
      expect(placeholders(CATALOGUES[language][key]), key).toEqual(placeholders(CATALOGUES.uk[key]));
    }
  });

  it('is Ukrainian in the Ukrainian one: no Latin words besides names', () => {
    const latin = Object.entries(CATALOGUES.uk).filter(([, text]) =>
      /[a-z]{4,}/i.test(text.replace(/\{\w+\}/g, '')),
    );
    expect(latin.map(([key]) => key)).toEqual(['app.api', 'explain.malformedText']);
  });
});
