import { describe, expect, it } from 'vitest';
import { recordId } from '#contracts/ids.ts';
import { compareJournals, type HeldRecord } from '../../../cli/reconcile/compare.ts';
import type { JournalContent } from '../../../cli/reconcile/journals.ts';

const epoch = 'a'.repeat(32);
const hashOf = (seq: number) => String(seq).padStart(64, '0');
const id = (seq: number) => recordId('val-1', epoch, seq);
const journal = (last: number, kept: readonly number[]): JournalContent => ({
  deviceId: 'val-1',
  epochs: new Map([[epoch, last]]),
  kept: new Map(kept.map((seq) => [id(seq), hashOf(seq)])),
  receipted: new Set(),
});
const held = (seq: number, accepted = true): HeldRecord => ({
  deviceId: 'val-1',
  epoch,
  seq: BigInt(seq),
  hash: hashOf(seq),
  accepted,
});

describe('the reconciliation of journals', () => {
  it('holds when every record is in the city, in quarantine or still on its device', () => {
    const result = compareJournals(
      [journal(4, [3, 4])],
      [held(1), held(2, false), held(3)],
      new Set([id(1), id(4)]),
    );
    expect(result).toEqual({
      written: 4,
      accepted: 2,
      quarantined: 1,
      stillInJournals: 1,
      greens: 2,
      problems: [],
    });
  });

  it('names a record that its device takes for held, and the city does not hold', () => {
    const believing = { ...journal(3, [1, 2, 3]), receipted: new Set([id(1), id(2)]) };
    const { problems } = compareJournals([believing], [held(1), held(3)], new Set());
    expect(problems).toEqual([`${id(2)} has a receipt, and the city does not hold it`]);
  });

  it('names a record that is nowhere', () => {
    const { problems } = compareJournals([journal(3, [3])], [held(1)], new Set());
    expect(problems).toEqual(['3 records were written, 2 are found']);
  });

  it('names a green without a record', () => {
    const { problems } = compareJournals([journal(1, [])], [held(1)], new Set([id(2)]));
    expect(problems).toEqual([`green ${id(2)} has no record`]);
  });

  it('names other bytes under the same number', () => {
    const { problems } = compareJournals(
      [journal(1, [1])],
      [{ ...held(1), hash: 'f'.repeat(64) }],
      new Set(),
    );
    expect(problems).toContain(`${id(1)} has other bytes on the device than here`);
  });

  it('names a record that its device never wrote', () => {
    const { problems } = compareJournals([journal(1, [])], [held(1), held(2)], new Set());
    expect(problems).toContain(`${id(2)} is held by the city, its device never wrote it`);
  });

  it('counts what copies of a journal share once, and what each wrote by itself under one number twice', () => {
    const copy: JournalContent = {
      ...journal(4, [1, 2, 3]),
      kept: new Map([...journal(4, [1, 2, 3]).kept, [id(4), 'c'.repeat(64)]]),
    };
    const all = [held(1), held(2), held(3), held(4), { ...held(4), hash: 'c'.repeat(64) }];
    const none = new Set<string>();
    const both = [journal(4, [2, 3, 4]), copy];
    expect(compareJournals(both, all, none)).toMatchObject({ written: 5, accepted: 5, problems: [] });
    expect(compareJournals(both, all.slice(0, 4), none)).toMatchObject({
      written: 5,
      stillInJournals: 1,
      problems: [],
    });
    expect(compareJournals([journal(4, [2, 3, 4])], all, none).problems).toEqual([
      `${id(4)} has other bytes on the device than here`,
      '4 records were written, 5 are found',
    ]);
    // A copy that has forgotten its fourth record wrote it once: only the city still knows the bytes.
    expect(compareJournals([journal(4, [1, 2, 3]), journal(4, [4])], all, none)).toMatchObject({
      written: 5,
      problems: [],
    });
  });

  it('leaves devices alone that are not compared', () => {
    const other = { ...held(9), deviceId: 'val-2' };
    expect(compareJournals([journal(1, [])], [held(1), other], new Set()).problems).toEqual([]);
  });
});
