import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addToSegments,
  type EpochFacts,
  type Follows,
  judgeDevice,
  type LinkRecord,
  type Segment,
  summarizeEpoch,
} from '../../ingest/link-chain.ts';

const ZERO = '0'.repeat(64);
/** Records of one healthy epoch. */
const chain = (count: number): LinkRecord[] =>
  Array.from({ length: count }, (_, i) => ({
    seq: i + 1,
    prev: i === 0 ? ZERO : `h${i}`,
    hash: `h${i + 1}`,
  }));
const pick = (...seqs: number[]): LinkRecord[] => chain(20).filter((r) => seqs.includes(r.seq));
const summary = (records: readonly LinkRecord[]) => summarizeEpoch(addToSegments([], records));

describe('the chain of one epoch', () => {
  it('whole', () =>
    expect(summary(chain(5))).toEqual({ lastSeq: 5, gaps: 0, unlinked: 0, breaks: [], linkedToSeq: null }));
  it('a missing middle is a gap, and what follows is unlinked', () =>
    expect(summary(pick(1, 2, 5, 6, 7))).toEqual({
      lastSeq: 7,
      gaps: 1,
      unlinked: 3,
      breaks: [],
      linkedToSeq: 2,
    }));
  it('a missing beginning', () =>
    expect(summary(pick(2, 3))).toEqual({ lastSeq: 3, gaps: 1, unlinked: 2, breaks: [], linkedToSeq: 0 }));
  it('a record that names another predecessor is a break, not a gap', () => {
    const records = chain(4).map((r) => (r.seq === 3 ? { ...r, prev: 'other' } : r));
    expect(summary(records)).toEqual({ lastSeq: 4, gaps: 0, unlinked: 2, breaks: [3], linkedToSeq: 2 });
  });
  it('a first record that names a predecessor is a break', () =>
    expect(summary([{ seq: 1, prev: 'h0', hash: 'h1' }]).breaks).toEqual([1]));

  it('a record that follows what a copy has under the number before is a break, and has its predecessor', () => {
    const records = chain(5).map((r) => (r.seq === 4 ? { ...r, prev: 'copy of 3' } : r));
    const segments = addToSegments([], records);
    expect(summarizeEpoch(segments, new Set(['copy of 3']))).toEqual({
      lastSeq: 5,
      gaps: 0,
      unlinked: 0,
      breaks: [4],
      linkedToSeq: null,
    });
    expect(summarizeEpoch(segments, new Set(['another']))).toMatchObject({ unlinked: 2, linkedToSeq: 3 });
  });

  it('is the same for every order, every cut and every repetition of the records', () => {
    const records = fc.uniqueArray(fc.integer({ min: 1, max: 20 })).map((seqs) => pick(...seqs));
    const spoil = fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined });
    fc.assert(
      fc.property(
        records,
        spoil,
        fc.array(fc.array(fc.nat(1000), { maxLength: 8 }), { maxLength: 10 }),
        (plain, spoiled, portions) => {
          const set = plain.map((r) => (r.seq === spoiled ? { ...r, prev: 'other' } : r));
          let segments: Segment[] = [];
          const portion = (indexes: number[]): LinkRecord[] =>
            set.length === 0 ? [] : indexes.map((i) => set[i % set.length] as LinkRecord);
          for (const indexes of portions) segments = addToSegments(segments, portion(indexes));
          segments = addToSegments(segments, set.toReversed());
          expect(segments).toEqual(addToSegments([], set));
          // Counted the slow way.
          const bySeq = new Map(set.map((r) => [r.seq, r]));
          let linked = 0;
          for (let prev = ZERO, r = bySeq.get(1); r && r.prev === prev; r = bySeq.get(r.seq + 1)) {
            linked += 1;
            prev = r.hash;
          }
          expect(summarizeEpoch(segments).unlinked).toBe(set.length - linked);
        },
      ),
    );
  });
});

describe('the epochs of one device', () => {
  const facts = (epoch: string, follows: Follows, lastSeq = 10): EpochFacts => {
    return { epoch, follows, summary: { lastSeq, gaps: 0, unlinked: 0, linkedToSeq: null } };
  };
  const following = (epoch: string, seq: number, head = 'h', heldHead: string | null = 'h'): Follows => {
    return heldHead === null
      ? { kind: 'epoch', epoch, seq, head }
      : { kind: 'epoch', epoch, seq, head, heldHead };
  };

  it('one after the other is healthy', () =>
    expect(
      judgeDevice([
        facts('a', { kind: 'none' }),
        facts('b', following('a', 10)),
        facts('c', { kind: 'lost' }),
      ]),
    ).toEqual({
      gaps: 0,
      unlinked: 0,
      forks: [],
    }));
  it('an epoch that lives on after its successor began', () => {
    expect(judgeDevice([facts('a', { kind: 'none' }, 11), facts('b', following('a', 10))]).forks).toEqual([
      { kind: 'outlived', epoch: 'a', seq: 11 },
    ]);
  });
  it('two epochs that follow the same one', () =>
    expect(
      judgeDevice([
        facts('a', { kind: 'none' }),
        facts('b', following('a', 10)),
        facts('c', following('a', 10)),
      ]).forks,
    ).toEqual([
      { kind: 'same-predecessor', epoch: 'b', seq: 1 },
      { kind: 'same-predecessor', epoch: 'c', seq: 1 },
    ]));
  it('two epochs that follow none', () =>
    expect(judgeDevice([facts('a', { kind: 'none' }), facts('b', { kind: 'none' })]).forks).toHaveLength(2));
  it('two that follow none are one device and its successor when each has a key of its own', () => {
    const signed = (epoch: string, ...keyIds: string[]) => ({ ...facts(epoch, { kind: 'none' }), keyIds });
    const forks = (...epochs: EpochFacts[]) =>
      judgeDevice(epochs).forks.map(({ kind, epoch }) => [kind, epoch]);
    expect(forks(signed('a', 'k1'), signed('b', 'k2'))).toEqual([]);
    expect(forks(signed('a', 'k1'), signed('b', 'k2'), signed('c', 'k2'))).toEqual([
      ['two-beginnings', 'b'],
      ['two-beginnings', 'c'],
    ]);
    expect(forks(signed('a', 'k1'), signed('b', 'k1', 'k2'))).toHaveLength(2);
    expect(forks(signed('a', 'k1'), signed('b'))).toHaveLength(2);
  });
  it('two of which each has a record from after the other had begun are alive together', () => {
    const alive = (epoch: string, fromMs: number, toMs: number) => {
      return { ...facts(epoch, { kind: 'lost' }), alive: { fromMs, toMs } };
    };
    const kinds = (...epochs: EpochFacts[]) =>
      judgeDevice(epochs).forks.map(({ kind, epoch }) => [kind, epoch]);
    expect(kinds(alive('a', 0, 100), alive('b', 99, 200))).toEqual([
      ['live-together', 'a'],
      ['live-together', 'b'],
    ]);
    // Just one after the other; also when each is seen for less time than its clock errs by.
    expect(kinds(alive('a', 0, 100), alive('b', 100, 200))).toEqual([]);
    expect(kinds(alive('a', 20, 0), alive('b', 21, 1))).toEqual([]);
    expect(kinds(alive('a', 0, 100), facts('b', { kind: 'lost' }))).toEqual([]);
  });
  it('losing the journal twice is no fork', () =>
    expect(judgeDevice([facts('a', { kind: 'lost' }), facts('b', { kind: 'lost' })]).forks).toEqual([]));
  it('a successor that names another head', () =>
    expect(judgeDevice([facts('a', { kind: 'none' }), facts('b', following('a', 10, 'x'))]).forks).toEqual([
      { kind: 'other-head', epoch: 'a', seq: 10 },
    ]));
  it('an end that has not arrived is a gap', () => {
    expect(
      judgeDevice([facts('a', { kind: 'none' }, 9), facts('b', following('a', 10, 'h', null))]).gaps,
    ).toBe(1);
    expect(judgeDevice([facts('b', following('a', 10, 'h', null))]).gaps).toBe(1);
  });
});
