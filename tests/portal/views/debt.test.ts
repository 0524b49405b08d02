/** A debt page that awaits the bank's word looks again by itself, a bounded number of times; every other one stays as it is. */
import { describe, expect, it } from 'vitest';
import { readCityFolder } from '../../../portal/adapters/city-folder.ts';
import type { DebtView } from '../../../portal/ports.ts';
import { debtPage, LOOKS_MAX } from '../../../portal/views/debt.ts';
import { createWording } from '../../../portal/wording.ts';

const REFERENCE = 'K7MP2XHA94CT3EX2';
const NOTHING: DebtView = {
  ...{ debts: [], rides: [], asking: false, denied: null, onValidators: false, payment: null },
};
const DEBT = {
  ...{ amountMinor: '1500', currency: 'UAH', state: 'declined', sinceMs: 1_760_000_000_000 },
  days: [{ fareDay: '2025-10-14', amountMinor: '1500' }],
};
const english = createWording('en', (await readCityFolder('cities/ternopil')).names);
const shown = (view: DebtView | null, looks = 0): string => debtPage(REFERENCE, view, english, looks);
const reloads = (page: string): string | undefined =>
  /http-equiv="refresh" content="([^"]+)"/.exec(page)?.[1];

describe('a debt page', () => {
  it.each([
    ['its bank is being asked', { ...NOTHING, asking: true }],
    ['its bank is being asked once more', { ...NOTHING, debts: [DEBT], denied: 'debt', asking: true }],
    ['its bank has said no, and what is owed is not reckoned yet', { ...NOTHING, denied: 'debt' }],
    ['its bank has never been heard', { ...NOTHING, denied: 'unconfirmed' }],
  ])('looks again while %s', (_, view) => {
    const page = shown(view);
    expect(reloads(page)?.replaceAll('&#61;', '=').replaceAll('&#38;', '&')).toBe(
      `4; url=/debt/${REFERENCE}?lang=en&n=1`,
    );
    expect(page).toContain('This page looks again by itself.');
    expect(page).not.toContain('<form method="post"');
    expect(reloads(shown(view, LOOKS_MAX - 1))).toContain(`n&#61;${LOOKS_MAX}`);
    expect(reloads(shown(view, LOOKS_MAX))).toBeUndefined();
    expect(shown(view, LOOKS_MAX)).not.toContain('by itself');
  });

  it.each([
    ['unknown', null],
    ['paid', NOTHING],
    ['of a lost card', { ...NOTHING, denied: 'lost' }],
    ['that can be paid', { ...NOTHING, debts: [DEBT], denied: 'debt' }],
    ['that is being paid', { ...NOTHING, debts: [{ ...DEBT, state: 'held' }], denied: 'debt' }],
  ])('stays as it is when it is one %s', (_, view) => {
    expect(reloads(shown(view))).toBeUndefined();
    expect(shown(view)).not.toContain('by itself');
  });
});
