import { expect, test } from 'vitest';
import * as denials from '../../../cli/bench/denials.ts';
import { findingsOf } from './findings.ts';

test('online validators refuse a denied card within a minute of its commit, with a list of many entries', {
  timeout: 180_000,
}, async () => {
  const { result } = await findingsOf((context) =>
    denials.run(['--agents', '5', '--denials', '3', '--entries', '5000'], context),
  );
  // That every validator refused within sixty seconds is what `exact` stands for: one that does not ends the run.
  expect(result.exact).toBe(true);
  console.log(
    result.figures.map(({ name, value, unit }) => `${name}: ${Math.round(value)} ${unit}`).join('\n'),
  );
});
