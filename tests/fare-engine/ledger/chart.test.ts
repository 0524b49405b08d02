import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  ACCOUNT_KINDS,
  budgetAccount,
  CAP_REBATE,
  kindOfAccount,
  LATE_TAP_LOSS,
  PASS_LIABILITY,
  revenueAccount,
  riderAccount,
  tillAccount,
} from '../../../fare-engine/ledger/chart-of-accounts.ts';

test('docs/LEDGER.md shows the chart as it is', () => {
  const text = readFileSync(new URL('../../../docs/LEDGER.md', import.meta.url), 'utf8');
  const chart = text.slice(text.indexOf('## Chart'), text.indexOf('## What is posted'));
  const rows = [...chart.matchAll(/^\| `(.+)` \| (.+) \| (.+) \|$/gm)].map(
    ([, kind, normalSide, meaning]) => ({
      kind,
      normalSide,
      meaning,
    }),
  );
  expect(rows).toEqual(ACCOUNT_KINDS);
});

test('every account has a kind', () => {
  const accounts = [
    riderAccount('p'),
    revenueAccount('tet'),
    revenueAccount(null),
    budgetAccount('f'),
    budgetAccount(null),
    tillAccount('kiosk-7'),
    LATE_TAP_LOSS,
    PASS_LIABILITY,
    CAP_REBATE,
  ];
  expect(accounts.map((account) => kindOfAccount(account)?.kind)).toEqual([
    'rider',
    'revenue',
    'suspense',
    'budget',
    'suspense',
    'till',
    'loss',
    'liability',
    'rebate',
  ]);
  for (const account of ['purse:a', 'rider', 'riders:a', ':a', ''])
    expect(kindOfAccount(account)).toBeUndefined();
});
