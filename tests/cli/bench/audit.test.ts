import { expect, test } from 'vitest';
import * as audit from '../../../cli/bench/audit.ts';
import { findingsOf } from './findings.ts';

test('kvytok bench audit seals, verifies and compares', async () => {
  const { result, rate } = await findingsOf((context) =>
    audit.run(['--taps', '300', '--rounds', '1'], context),
  );
  expect(result.exact, result.notes.join('; ')).toBe(true);
  for (const name of ['numbered and signed', 'verified from an export', 'posting while the log is sealed'])
    expect(rate(name)).toBeGreaterThan(0);
});
