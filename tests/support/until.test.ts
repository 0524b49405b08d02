import { expect, test } from 'vitest';
import { until } from './until.ts';

/** Stands still as a stopped process does: no timer and no event comes through. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test('time in which this process stood still is not counted, time in which it looked is', async () => {
  let looks = 0;
  const second = until(
    () => {
      looks += 1;
      if (looks === 1) setTimeout(() => standStill(1200), 0);
      return looks > 1;
    },
    { withinMs: 600 },
  );
  expect(await second).toBe(true);
  const slow = until(() => standStill(30), { withinMs: 60, everyMs: 1, what: 'what never comes' });
  await expect(slow).rejects.toThrow('Waited 60 ms in vain for what never comes; last seen: undefined');
});
