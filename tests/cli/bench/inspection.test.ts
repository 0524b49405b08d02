import { expect, test } from 'vitest';
import * as inspection from '../../../cli/bench/inspection.ts';
import { findingsOf } from './findings.ts';

test('an answer is measured from the card to the screen, for rides known by card, by validator and by nobody', async () => {
  const { result } = await findingsOf((context) => inspection.run(['--checks', '1'], context));
  expect(result.exact).toBe(true);
  const found = result.figures.map(({ name, value, target }) => ({ name, target, measured: value > 0 }));
  expect(found).toEqual(
    ["ride in the card's own log", 'ride known to a validator', 'no ride'].flatMap((kind) =>
      ['p50', 'p95'].map((share) => ({
        name: `${kind}: from the card to the answer, ${share}`,
        target: '≤ 1000',
        measured: true,
      })),
    ),
  );
});
