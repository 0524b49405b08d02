/** Which accounts keep, change or forget the newest day that stands beside their lock. */
import { expect, it } from 'vitest';
import {
  accountWrites,
  type KnownHead,
  type LockedAccounts,
} from '../../fare-engine/adapters/account-statements.ts';
import type { PricingWrites } from '../../fare-engine/ports.ts';

type Day = PricingWrites['days'][number];

const head = (fareDay: string, more: Partial<Day> = {}) => ({
  ...{ fareDay, stateIn: '{}', stateOut: '{"a":1}', baseIn: null, baseOut: null },
  ...{ running: '{"a":1}', lastTapMs: 5, ...more },
});
const day = (fareDay: string, more: Partial<Day> = {}): Day => ({
  ...{ accountId: 'acc-1', accountVersion: 2n, isNew: false, ...head(fareDay, more) },
});

function outcome(known: KnownHead, days: readonly Day[], emptied: readonly string[] = []) {
  const accounts: LockedAccounts = new Map([['acc-1', { version: 2n, place: '(0,1)', head: known }]]);
  const keys = emptied.map((fareDay) => ({ accountId: 'acc-1', fareDay }));
  const nothing = { decisions: [], postings: [], leaves: [], enqueue: [], troubles: [], atMs: 0 };
  const found = accountWrites(accounts, { ...nothing, days, emptied: keys });
  const became = { heads: 'set', kept: 'kept', forgotten: 'forgotten' } as const;
  const [name] = (['heads', 'kept', 'forgotten'] as const).filter((one) => found[one].length > 0);
  return [name && became[name], found.changed.map(({ fareDay }) => fareDay)];
}

it('a day that is the newest stands beside its account', () => {
  expect(outcome(null, [day('2026-03-02', { isNew: true })])).toEqual(['set', []]);
  expect(outcome(head('2026-03-01'), [day('2026-03-02', { isNew: true })])).toEqual(['set', []]);
});

it('of a day that goes on nothing else is written while it hands on the same', () => {
  const stored = head('2026-03-02');
  expect(outcome(stored, [day('2026-03-02', { running: '{"b":2}', lastTapMs: 9 })])).toEqual(['set', []]);
  expect(outcome(stored, [day('2026-03-02', { stateOut: '{"b":2}' })])).toEqual(['set', ['2026-03-02']]);
  expect(outcome(stored, [day('2026-03-02', { stateIn: '{"b":2}' })])).toEqual(['set', ['2026-03-02']]);
});

it('what happens to earlier days leaves it as it is', () => {
  expect(outcome(head('2026-03-02'), [])).toEqual(['kept', []]);
  expect(outcome(undefined, [])).toEqual(['kept', []]);
  expect(outcome(head('2026-03-02'), [day('2026-02-28')], ['2026-03-01'])).toEqual(['kept', ['2026-02-28']]);
});

it('where it cannot be told which day is the newest it is looked up later', () => {
  expect(outcome(undefined, [day('2026-03-02')])).toEqual(['forgotten', ['2026-03-02']]);
  expect(outcome(head('2026-03-02'), [], ['2026-03-02'])).toEqual(['forgotten', []]);
  expect(outcome(head('2026-03-02'), [day('2026-03-01'), day('2026-03-02')])).toEqual([
    'forgotten',
    ['2026-03-01'],
  ]);
  const based = day('2026-03-02', { baseOut: '{}', running: null, lastTapMs: null });
  expect(outcome(head('2026-03-02'), [based])).toEqual(['forgotten', ['2026-03-02']]);
});
