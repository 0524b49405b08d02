import { describe, expect, it } from 'vitest';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import type { ScreenView } from '../../../edge-agent/ports.ts';
import { qrCode } from '../../../edge-agent/screen/qr-code.ts';
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

describe('the debt page of a refused bank card', () => {
  const refused: ScreenView = {
    ...{ sign: 'refused', reason: 'CARD_DENIED', language: 'uk', online: true, atMs: 1 },
    lookUp: 'K7MP2XHA94CT3ETX',
  };
  it('is a QR code where the device knows its address; the code stands beside it in words', () => {
    const { qr, lines } = renderView(refused, 'https://kvytok.example/debt');
    expect(lines[0]).toContain('K7MP 2XHA 94CT 3ETX');
    // Version 4 has 33 modules; 4 light ones on each side. Dark ones begin with the finder pattern.
    expect([qr?.size, qr?.path.slice(0, 12)]).toEqual([41, 'M4 4h7v1h-7z']);
    expect(qr?.path).toMatch(/^(M\d+ \d+h\d+v1h-\d+z)+$/);
    expect(renderView(refused).qr).toBeNull();
    const { lookUp: _, ...other } = refused;
    expect(renderView(other, 'https://kvytok.example/debt').qr).toBeNull();
  });

  it('fits the longest address that a device takes, and nothing that no camera reads from a panel', () => {
    expect(renderView(refused, `https://${'a'.repeat(120)}`).qr?.size).toBeLessThanOrEqual(57 + 8);
    expect(() => qrCode('a'.repeat(300))).toThrow(RangeError);
  });
});
