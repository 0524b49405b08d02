import { expect, test } from 'vitest';
import * as reprice from '../../../cli/bench/reprice.ts';
import { findingsOf } from './findings.ts';

test('kvytok bench reprice writes a month, computes it again and finds what was changed, and nothing else', async () => {
  const { result, rate } = await findingsOf((context) =>
    reprice.run(['--taps', '1000', '--workers', '1'], context),
  );
  expect(result.exact, result.notes.join('; ')).toBe(true);
  expect(Number(result.setting['planted'])).toBeGreaterThan(0);
  expect(rate('re-priced and compared')).toBeGreaterThan(0);
});
