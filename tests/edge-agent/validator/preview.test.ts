import { describe, expect, it } from 'vitest';
import type { CardFacts } from '../../../edge-agent/ports.ts';
import { renderView } from '../../../edge-agent/screen/render-view.ts';
import { previewOf } from '../../../edge-agent/validator/preview.ts';
import { CARD, startRig } from '../support/agent-rig.ts';

const NOW = Date.UTC(2026, 2, 2, 10);
const city = { nowMs: NOW, zone: 'Europe/Kyiv', currency: 'UAH' };
const card = (more: Partial<CardFacts>): CardFacts => ({ ...CARD, ...more });
const pass = (validUntilMs: number) => ({ productId: '0011223344556677', validUntilMs });

describe('what can be known', () => {
  it.each<[string, Partial<CardFacts>, object | undefined]>([
    ['nothing', {}, undefined],
    ['a pass', { product: pass(NOW + 1) }, { passUntilMs: NOW + 1, zone: 'Europe/Kyiv' }],
    ['a pass that is over is none', { product: pass(NOW) }, undefined],
    [
      'a quota',
      { hint: { asOfMs: NOW, quotaLeft: 0 } },
      { hint: { asOfMs: NOW, quotaLeft: 0 }, zone: 'Europe/Kyiv' },
    ],
    ['a hint of the future is none', { hint: { asOfMs: NOW + 1, quotaLeft: 3 } }, undefined],
    ['a hint that says nothing', { hint: { asOfMs: NOW } }, undefined],
    [
      'a debt',
      { hint: { asOfMs: 5, balanceMinor: '-150' } },
      { hint: { asOfMs: 5, balance: { amountMinor: '-150', currency: 'UAH' } }, zone: 'Europe/Kyiv' },
    ],
  ])('%s', (_what, more, known) => {
    expect(previewOf(card(more), city)).toEqual(known);
  });

  it('an amount without a currency is not said', () => {
    expect(
      previewOf(card({ hint: { asOfMs: 1, balanceMinor: '5' } }), { ...city, currency: undefined }),
    ).toBeUndefined();
  });
});

it('stands on the panel with its age, in the language of the card; a pass by its last day', async () => {
  const rig = await startRig();
  const product = pass(Date.UTC(2035, 0, 1));
  const view = await rig.touch(
    card({ product, hint: { asOfMs: Date.UTC(2026, 1, 3), quotaLeft: 7 }, language: 'en' }),
  );
  expect(renderView(view).lines).toEqual(['Pass valid to Dec 31, 2034', 'Rides left: 7 (as of Feb 3, 2026)']);
});

it('is nothing where nothing is known, and never of a card that is refused', async () => {
  const rig = await startRig();
  expect(renderView(await rig.touch(CARD)).lines).toEqual([]);
  const expired = card({ product: pass(Date.UTC(2035, 0, 1)), validUntilMs: 1 });
  expect((await rig.touch(expired)).preview).toBeUndefined();
});
