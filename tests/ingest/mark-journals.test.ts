import { describe, expect, it } from 'vitest';
import type { EpochFacts, Follows } from '../../ingest/link-chain.ts';
import { markJournals } from '../../ingest/mark-journals.ts';

const facts = (
  epoch: string,
  more: Partial<EpochFacts> = {},
  linkedToSeq: number | null = null,
): EpochFacts => ({
  epoch,
  follows: { kind: 'none' },
  summary: { lastSeq: 10, gaps: 0, unlinked: 0, linkedToSeq },
  ...more,
});
const follows = (epoch: string, seq: number): { follows: Follows } => ({
  follows: { kind: 'epoch', epoch, seq, head: 'h' },
});
const unmarked = { linkedToSeq: null, forkedFromSeq: null, forkedFromMs: null };

describe('marks of a device', () => {
  it('are none while its epochs follow each other', () => {
    expect(markJournals([facts('a'), facts('b', follows('a', 10))], [])).toEqual([
      { epoch: 'a', ...unmarked },
      { epoch: 'b', ...unmarked },
    ]);
  });

  it('say from where on a predecessor is missing', () => {
    expect(markJournals([facts('a', {}, 4)], [])).toEqual([{ epoch: 'a', ...unmarked, linkedToSeq: 4 }]);
  });

  it('begin at the first number under which two records stand, whatever was seen first', () => {
    const forks = [7, 5, 9].map((seq) => ({ kind: 'same-number', epoch: 'a', seq }) as const);
    expect(markJournals([facts('a')], forks)).toEqual([{ epoch: 'a', ...unmarked, forkedFromSeq: 5 }]);
  });

  it('are on both sides of an epoch that outlived its successor, or that the successor remembers differently', () => {
    const epochs = [facts('a'), facts('b', follows('a', 7)), facts('c', follows('a', 3))];
    expect(markJournals(epochs, [{ kind: 'outlived', epoch: 'a', seq: 8 }])).toEqual([
      { epoch: 'a', ...unmarked, forkedFromSeq: 8 },
      { epoch: 'b', ...unmarked, forkedFromSeq: 1 },
      { epoch: 'c', ...unmarked },
    ]);
    expect(markJournals(epochs, [{ kind: 'other-head', epoch: 'a', seq: 3 }])).toEqual([
      { epoch: 'a', ...unmarked, forkedFromSeq: 3 },
      { epoch: 'b', ...unmarked },
      { epoch: 'c', ...unmarked, forkedFromSeq: 1 },
    ]);
  });

  it('begin with the later of two that are alive together: in all of it, and in the other from then on', () => {
    const epochs = [
      facts('a', { alive: { fromMs: 100, toMs: 900 } }),
      facts('b', { follows: { kind: 'lost' }, alive: { fromMs: 500, toMs: 1000 } }),
      facts('c', { follows: { kind: 'lost' } }),
    ];
    const forks = ['a', 'b'].map((epoch) => ({ kind: 'live-together', epoch, seq: 1 }) as const);
    expect(markJournals(epochs, forks)).toEqual([
      { epoch: 'a', ...unmarked, forkedFromMs: 500 },
      { epoch: 'b', ...unmarked, forkedFromSeq: 1 },
      { epoch: 'c', ...unmarked },
    ]);
  });

  it('are not set by reports that come by turns: which records it concerns is not known from them', () => {
    expect(markJournals([facts('a')], [{ kind: 'two-boots', epoch: 'a', seq: 1 }])).toEqual([
      { epoch: 'a', ...unmarked },
    ]);
  });
});
