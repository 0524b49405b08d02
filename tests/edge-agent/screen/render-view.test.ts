import { describe, expect, it } from 'vitest';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import type { ScreenView } from '../../../edge-agent/ports.ts';
import { renderView } from '../../../edge-agent/screen/render-view.ts';

const ASKING: ScreenView = { sign: 'accepted', repeated: true, language: 'de', online: true, atMs: 1 };
const BOTH: ScreenView = {
  ...ASKING,
  companions: 1,
  escorts: 1,
  bags: 2,
  added: 'bag',
  asking: ['escort', 'bag'],
};

describe('what is said of companions, escorts and bags', () => {
  it.each(LANGUAGES)(
    'every question has a title, a key for each of its offers and one that ends it, in %s',
    (language) => {
      const titles = (
        [['companion'], ['bag'], ['escort'], ['companion', 'bag'], ['escort', 'bag']] as const
      ).map((asking) => {
        const { title, keys, sound, text } = renderView({ ...ASKING, language, asking });
        expect(keys.map(({ act }) => (act as { press: string }).press)).toEqual([
          ...asking.map((offer) => (offer === 'bag' ? 'bag' : 'companion')),
          'enough',
        ]);
        expect(new Set(keys.map(({ label }) => label)).size).toBe(keys.length);
        expect(sound).toBe('asking');
        expect(text).not.toBe('');
        return title;
      });
      expect(new Set(titles).size).toBe(5);
      const { text, marks, sound } = renderView({ ...BOTH, language });
      expect(text).toMatch(/: .* 1, .* 2\. .*: .* 1$/);
      expect([marks, sound]).toEqual([['person', 'person', 'bag', 'bag'], 'bag']);
    },
  );

  it('more shapes than there is room for are left to the number', () => {
    expect(renderView({ ...BOTH, bags: 20 }).marks).toHaveLength(6);
  });
});
