import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildReceipts, type HeldRecord, RANGES_MAX } from '../../ingest/build-receipt.ts';

const FRAME = { incarnation: 'a'.repeat(32), backupWatermarkMs: null, issuedAtMs: 7 };
const held = (seq: number, change: Partial<HeldRecord> = {}): HeldRecord => {
  return { deviceId: 'val-1', epoch: 'e', seq, hash: `h${seq}`, reason: null, ...change };
};

describe('receipts', () => {
  it('one range for consecutive records, with the hash of the last', () => {
    expect(buildReceipts([held(3), held(1), held(2), held(2)], FRAME)).toEqual([
      {
        v: 1,
        deviceId: 'val-1',
        ...FRAME,
        ranges: [{ epoch: 'e', fromSeq: 1, toSeq: 3, head: 'h3', status: 'accepted' }],
      },
    ]);
  });

  it('a hole, another epoch and another fate part ranges', () => {
    const records = [
      held(1),
      held(3),
      held(4, { reason: 'INGEST_MALFORMED' }),
      held(5),
      held(6, { epoch: 'f' }),
    ];
    expect(
      buildReceipts(records, FRAME)[0]?.ranges.map((r) => [r.epoch, r.fromSeq, r.toSeq, r.reason]),
    ).toEqual([
      ['e', 1, 1, undefined],
      ['e', 3, 3, undefined],
      ['e', 5, 5, undefined],
      ['e', 4, 4, 'INGEST_MALFORMED'],
      ['f', 6, 6, undefined],
    ]);
  });

  it('the same number accepted and in conflict is told twice, each with its own hash', () => {
    const records = [held(1), held(2), held(2, { hash: 'other', reason: 'INGEST_CONFLICT' }), held(3)];
    expect(buildReceipts(records, FRAME)[0]?.ranges).toEqual([
      { epoch: 'e', fromSeq: 1, toSeq: 3, head: 'h3', status: 'accepted' },
      { epoch: 'e', fromSeq: 2, toSeq: 2, head: 'other', status: 'quarantined', reason: 'INGEST_CONFLICT' },
    ]);
  });

  it('one receipt for each device; a further one beyond the most ranges', () => {
    const records = [...Array(RANGES_MAX + 1).keys()].map((i) => held(2 * i + 1));
    const receipts = buildReceipts([...records, held(1, { deviceId: 'val-2' })], FRAME);
    expect(receipts.map((r) => [r.deviceId, r.ranges.length])).toEqual([
      ['val-1', RANGES_MAX],
      ['val-1', 1],
      ['val-2', 1],
    ]);
  });

  it('tells exactly what is held, in whatever order it came', () => {
    const record = fc
      .record({ seq: fc.integer({ min: 1, max: 12 }), epoch: fc.constantFrom('e', 'f'), bad: fc.boolean() })
      .map(({ seq, epoch, bad }) =>
        held(seq, { epoch, hash: `${epoch}${seq}${bad}`, reason: bad ? 'INGEST_CONFLICT' : null }),
      );
    fc.assert(
      fc.property(fc.array(record), (records) => {
        const told = buildReceipts(records, FRAME).flatMap(({ ranges }) =>
          ranges.flatMap((r) => {
            const length = r.toSeq - r.fromSeq + 1;
            return Array.from({ length }, (_, i) => `${r.epoch} ${r.fromSeq + i} ${r.status}`);
          }),
        );
        const wanted = new Set(
          records.map((r) => `${r.epoch} ${r.seq} ${r.reason ? 'quarantined' : 'accepted'}`),
        );
        expect(told.toSorted()).toEqual([...wanted].toSorted());
      }),
    );
  });
});
