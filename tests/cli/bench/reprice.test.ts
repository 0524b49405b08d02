import { expect, test } from 'vitest';
import * as reprice from '../../../cli/bench/reprice.ts';
import { findingsOf } from './findings.ts';

test('a month is exact if each turn was, and the one that was not is told', () => {
  const turn = {
    ...{ taps: 10, decisions: 10, differing: 3, differences: [], stoppedAt: null },
    seconds: 2,
    sql: 1,
  };
  const more = { ...{ accountDays: 1, postings: 1, totals: [], ownMs: 1, serverMs: 1 }, ...turn };
  const of = (...turns: reprice.Turn[]) =>
    reprice.resultOf({
      ...{ plan: { seed: 1, accounts: 1, days: 1, dayStart: '04:00' }, workers: 1, planted: 3 },
      turns,
    });
  expect(of(more, more).exact).toBe(true);
  const { exact, notes } = of(more, { ...more, differing: 4 });
  expect(exact).toBe(false);
  expect(notes[0]).toContain('4 were found to differ');
});

test('kvytok bench reprice writes a month, computes it again and finds what was changed, and nothing else', async () => {
  const { result, rate } = await findingsOf((context) =>
    reprice.run(['--taps', '1000', '--workers', '1', '--rounds', '2'], context),
  );
  expect(result.exact, result.notes.join('; ')).toBe(true);
  expect(Number(result.setting['planted'])).toBeGreaterThan(0);
  expect(rate('re-priced and compared')).toBeGreaterThan(0);
  // Of two turns the greater is the middle.
  const said = result.notes.find((note) => note.includes('turn by turn')) as string;
  const months = [...said.matchAll(/(\d+) \/ \d+/g)].map(([, seconds]) => Number(seconds));
  expect(months.length).toBe(2);
  expect(Math.round(rate('a city-month of 12 million taps at this pace'))).toBe(Math.max(...months));
});
