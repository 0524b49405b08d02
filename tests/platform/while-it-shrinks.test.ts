import { expect, test } from 'vitest';
import { whileItShrinks } from '#platform/while-it-shrinks.ts';

/** Looks of a world in which each pause takes its time and nothing else does. */
function watch(looks: readonly number[], options: { idleMsMax: number; nudgeEveryMs?: number }) {
  let atMs = 0;
  const nudges: number[] = [];
  let look = 0;
  const left = whileItShrinks(() => looks[Math.min(look++, looks.length - 1)] ?? 0, {
    everyMs: 10,
    ...options,
    nudge: () => nudges.push(atMs),
    nowMs: () => atMs,
    pause: async (ms) => {
      atMs += ms;
    },
  });
  return left.then((value) => ({ left: value, tookMs: atMs, nudges }));
}

test('goes on for as long as there is less and less, however long that takes', async () => {
  const looks = Array.from({ length: 1000 }, (_, i) => 999 - i);
  expect(await watch(looks, { idleMsMax: 20 })).toMatchObject({ left: 0, tookMs: 9990 });
});

test('gives up after the time without progress, not before, and says what is left', async () => {
  const still = { left: 3, tookMs: 50 };
  expect(await watch([7, 5, 3], { idleMsMax: 30 })).toMatchObject(still);
  // What comes back is no progress: two that take turns would keep a house open for ever.
  expect(await watch([4, 3, 4, 3, 4, 3, 4], { idleMsMax: 40 })).toMatchObject({ tookMs: 50 });
});

test('nobody is waited for where nothing is left', async () => {
  expect(await watch([0], { idleMsMax: 30 })).toEqual({ left: 0, tookMs: 0, nudges: [] });
});

test('nudges at once, and again only where nothing moves', async () => {
  const { nudges } = await watch([9, 8, 7, 6, 5, 4, 4, 4, 4, 4, 4, 3, 0], {
    idleMsMax: 100,
    nudgeEveryMs: 20,
  });
  expect(nudges).toEqual([0, 70, 90]);
});
