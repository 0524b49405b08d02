import { expect, it } from 'vitest';
import { createOutages } from '../../../edge-agent/validator/outages.ts';

it('remembers when it took no cards, newest first, also while it lasts', () => {
  const outages = createOutages(0);
  outages.note(true, 100);
  outages.note(true, 150);
  outages.note(false, 200);
  outages.note(false, 250);
  expect(outages.since(199)).toEqual([{ fromMs: 100, untilMs: 200 }]);
  expect(outages.since(200)).toEqual([]);
  outages.note(true, 300);
  expect(outages.since(0)).toEqual([
    { fromMs: 300, untilMs: null },
    { fromMs: 100, untilMs: 200 },
  ]);
  expect(outages.knowsSinceMs).toBe(0);
});

it('forgets the oldest beyond its bound, and says that it knows less', () => {
  const outages = createOutages(0);
  for (let n = 1; n <= 65; n++) {
    outages.note(true, n * 10);
    outages.note(false, n * 10 + 5);
  }
  expect(outages.since(0)).toHaveLength(64);
  expect(outages.knowsSinceMs).toBe(15);
});
