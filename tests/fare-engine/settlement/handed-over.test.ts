/** What comes back for a pass that an earlier system sold: of what it left, over the days and rides that were left. */
import { expect, test } from 'vitest';
import { createFareCalendar } from '#pricing/fare-day.ts';
import type { ProductTerm } from '#pricing/tariff-schema.ts';
import { giveBack, type HeldPass } from '../../../fare-engine/holdings/give-back.ts';
import type { HandedOver } from '../../../fare-engine/holdings/handed-over.ts';
import { returnHolding } from '../../../fare-engine/holdings/return-command.ts';

const calendar = createFareCalendar('Europe/Kyiv', '04:00');
const ms = (text: string) => Date.parse(`${text}+02:00`);
const MONTH: ProductTerm = {
  ...{
    fare_product_id: 'p',
    kind: 'pass',
    activation: 'purchase',
    act: 'a',
    article: '1',
    give_back: 'days',
  },
  ...{ validity_amount: 30, validity_unit: 'day', validity_type: 'rolling' },
};
const TEN: ProductTerm = { ...MONTH, kind: 'carnet', rides: 10, give_back: 'rides' };
const OVER: HandedOver = { atMs: ms('2025-11-21T12:00'), rides: 0, firstUseMs: null };
const HELD: HeldPass = {
  ...{
    passId: 'x',
    accountId: 'a',
    fareProductId: 'p',
    validFromMs: ms('2025-11-01T12:00'),
    currency: 'UAH',
  },
  ...{ paidMinor: 1100n, returned: false, rides: 0, firstUseMs: null, handedOver: OVER },
};
function back(term: ProductTerm, at: string, change: Partial<HeldPass> = {}) {
  const parts = giveBack({ ...HELD, ...change }, { term, zone: 'Europe/Kyiv' }, ms(at), calendar);
  return parts.ok ? parts.refundMinor : parts.reason;
}

test('by days: of the eleven from the 21st on, this one counts as used', () => {
  expect(back(MONTH, '2025-11-21T13:00')).toBe(1000n);
  expect(back(MONTH, '2025-11-30T12:00')).toBe(100n);
  expect(back(MONTH, '2025-12-01T11:59:59')).toBe('HOLDING_NOTHING_LEFT');
  expect(back(MONTH, '2025-12-01T12:00')).toBe('HOLDING_EXPIRED');
  // Sold here, the same price is for all 31.
  expect(back(MONTH, '2025-11-21T13:00', { handedOver: null })).toBe(354n);
});

test('by rides: of those that were left', () => {
  const at = '2025-11-22T12:00';
  const used = (rides: number, own: number) =>
    back(TEN, at, {
      paidMinor: 400n,
      rides: own,
      handedOver: { ...OVER, rides, firstUseMs: HELD.validFromMs },
    });
  expect([used(6, 0), used(6, 1), used(6, 3)]).toEqual([400n, 300n, 100n]);
  expect([used(6, 4), used(10, 0)]).toEqual(['HOLDING_NOTHING_LEFT', 'HOLDING_NOTHING_LEFT']);
  const paidHere = { paidMinor: 1000n, rides: 1, handedOver: { ...OVER, atMs: null, rides: 6 } };
  expect(back(TEN, at, paidHere)).toBe(300n);
  expect(back({ ...TEN, give_back: 'whole' }, at, { handedOver: { ...OVER, rides: 1 } })).toBe(
    'HOLDING_USED',
  );
});

test('one of before the first package follows the terms in force', () => {
  const tariff = { tariff: { zone: 'Europe/Kyiv' }, heldTerms: new Map([['p', MONTH]]) };
  const refusal = (firstMs: number) => {
    const holdings = {
      tariffs: { at: (at: number) => (at >= firstMs ? tariff : undefined) },
      held: new Map([['x', HELD]]),
      waiting: new Set(),
    };
    const writes = { returns: [] as { refundMinor: string }[], postings: [], touched: [] };
    const desk = { context: { holdings }, writes, days: calendar };
    const payload = { passId: 'x', to: 'wallet', reason: 'r', by: 'b' };
    const naming = { knownFromMs: ms('2025-11-21T13:00') };
    return (
      returnHolding(payload as never, naming as never, desk as never)?.reason ??
      writes.returns[0]?.refundMinor
    );
  };
  expect(refusal(ms('2025-11-10T00:00'))).toBe('1000');
  expect(refusal(ms('2025-11-22T00:00'))).toBe('HOLDING_NOT_RETURNABLE');
});
