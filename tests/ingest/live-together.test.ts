/** Epochs of one device are judged together without comparing each with each; the answer is that of comparing them all. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type EpochFacts, judgeDevice, liveTogether } from '../../ingest/link-chain.ts';
import { markJournals } from '../../ingest/mark-journals.ts';

const summary = { lastSeq: 10, gaps: 0, unlinked: 0, linkedToSeq: null };
const lost = (epoch: string, fromMs: number, toMs: number): EpochFacts => ({
  epoch,
  follows: { kind: 'lost' },
  summary,
  alive: { fromMs, toMs },
});

/** The rule as it is said: each pair of which each outlives the other's beginning. */
function byPairs(epochs: readonly EpochFacts[]): Map<string, number | null> {
  const found = new Map<string, number | null>();
  for (const { epoch, alive: own } of epochs)
    for (const { epoch: other, alive } of epochs) {
      if (epoch === other || own === undefined || alive === undefined) continue;
      if (own.toMs <= alive.fromMs || alive.toMs <= own.fromMs) continue;
      const before = found.get(epoch);
      const fromMs = alive.fromMs <= own.fromMs ? null : alive.fromMs;
      if (before === undefined) found.set(epoch, fromMs);
      else found.set(epoch, before === null || fromMs === null ? null : Math.min(before, fromMs));
    }
  return found;
}

test('whatever their times, the same epochs are found as by comparing each with each', () => {
  const times = fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: -3, max: 8 })), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(times, (given) => {
      const epochs = given.map(([fromMs, lasts], n) => lost(`e${n}`, fromMs, fromMs + lasts));
      const found = liveTogether(epochs);
      expect(new Map(found.map(({ epoch, fromMs }) => [epoch, fromMs]))).toEqual(byPairs(epochs));
      expect(found).toHaveLength(new Set(found.map(({ epoch }) => epoch)).size);
    }),
    { numRuns: 2000 },
  );
});

test('whatever they follow and whoever signed, the same rivals are found as by comparing each with each', () => {
  const one = fc.record({
    follows: fc.constantFrom('none', 'lost', 'unknown', 'x', 'y'),
    keyIds: fc.subarray(['k1', 'k2', 'k3']),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 7 }), (given) => {
      const rivals = given.flatMap((own, i) => {
        const same = given.some((other, j) => {
          if (i === j || own.follows !== other.follows) return false;
          if (own.follows !== 'none') return ['x', 'y'].includes(own.follows);
          const open = own.keyIds.length === 0 || other.keyIds.length === 0;
          return open || own.keyIds.some((keyId) => other.keyIds.includes(keyId));
        });
        return same ? [`e${i}`] : [];
      });
      const epochs = given.map(({ follows, keyIds }, n): EpochFacts => {
        const epoch = `e${n}`;
        if (follows === 'x' || follows === 'y')
          return { epoch, summary, keyIds, follows: { kind: 'epoch', epoch: follows, seq: 1, head: 'h' } };
        return { epoch, summary, keyIds, follows: { kind: follows as 'none' } };
      });
      expect(judgeDevice(epochs).forks.map(({ epoch }) => epoch)).toEqual(rivals);
    }),
    { numRuns: 1000 },
  );
});

test('ten thousand epochs of one device, one after the other, are looked at by their neighbours only', () => {
  let asked = 0;
  const epochs = Array.from({ length: 10_000 }, (_, n): EpochFacts => {
    const counted = {
      get fromMs() {
        asked += 1;
        return n * 10;
      },
      toMs: n * 10 + 10,
    };
    return {
      epoch: `e${n}`,
      follows: n === 0 ? { kind: 'none' } : { kind: 'epoch', epoch: `e${n - 1}`, seq: 10, head: 'h' },
      summary,
      alive: counted,
    };
  });
  const { forks } = judgeDevice(epochs);
  expect(forks).toEqual([]);
  expect(markJournals(epochs, [{ kind: 'outlived', epoch: 'e5', seq: 11 }])[6]?.forkedFromSeq).toBe(1);
  expect(asked).toBeLessThan(10 * epochs.length);
});
