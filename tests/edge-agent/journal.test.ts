/** The journal over both stores: the fake must not lie, so every case runs on both. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { headMessage, signBytes, verifyBytes } from '#contracts/hash-chain.ts';
import type { ReceiptRange } from '#contracts/receipt.ts';
import type { ClockEvidence } from '#contracts/record.ts';
import { NEWEST_KEPT, openSqliteJournal } from '../../edge-agent/adapters/sqlite-journal.ts';
import { type Journal, openJournal, type RecordDraft } from '../../edge-agent/journal.ts';
import type { JournalStore } from '../../edge-agent/ports.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { allRecords } from './support/agent-rig.ts';
import { checkChain, INCARNATION_1, INCARNATION_2, receiptFor } from './support/edge-city.ts';
import { createMemoryJournalStore } from './support/memory-journal-store.ts';

const KEYS = generateKeyPairSync('ed25519');
const AT: ClockEvidence = { wallMs: 1000, monoMs: 5, bootId: 'b'.repeat(32) };
const BEGINNING = { epochOrder: 0, seq: 0 };
const WIDE = { recordsMax: 10_000, bytesMax: 100_000_000 };

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const stores: Record<string, () => JournalStore> = {
  memory: () => createMemoryJournalStore(),
  sqlite: () => {
    const folder = tempFolder('journal');
    const { store } = openSqliteJournal({ path: join(folder.path, 'journal.db') }, 'x');
    closers.push(() => {
      store.close();
      folder.remove();
    });
    return store;
  },
};

function open(store: JournalStore, limits = { recordsMax: 1000, keptMax: 500 }, hadEpoch = false): Journal {
  return openJournal(
    {
      store,
      deviceId: 'val-1',
      sign: (message) => signBytes(message, KEYS.privateKey),
      limits,
      software: 'test',
      newEpochId: () => randomBytes(16).toString('hex'),
    },
    { hadEpoch, at: AT },
  );
}

function shift(): RecordDraft {
  return { kind: 'shift', at: AT, body: { action: 'open', source: 'plan', where: {} } };
}

function fill(journal: Journal, count: number): void {
  for (let i = 0; i < count; i++) expect(journal.append(shift()).ok).toBe(true);
}

function rangeOf(journal: Journal, store: JournalStore, fromSeq: number, toSeq: number): ReceiptRange {
  const { epoch } = journal.head();
  const head = store.hashAt(epoch, toSeq) ?? '';
  return { epoch, fromSeq, toSeq, head, status: 'accepted' };
}

describe.each(Object.entries(stores))('the journal on %s', (_name, makeStore) => {
  it('begins with an epoch record that says none, or lost when there had been one', () => {
    const store = makeStore();
    open(store);
    expect(allRecords(store)[0]).toMatchObject({ kind: 'epoch', seq: 1, body: { follows: 'none' } });
    const other = makeStore();
    open(other, undefined, true);
    expect(allRecords(other)[0]).toMatchObject({ body: { follows: 'lost' } });
  });

  it('goes on in the same epoch with the next number when it is opened again', () => {
    const store = makeStore();
    const first = open(store);
    fill(first, 3);
    const again = open(store, undefined, true);
    expect(again.head()).toEqual(first.head());
    fill(again, 1);
    expect(again.head()).toMatchObject({ epoch: first.head().epoch, seq: 5 });
  });

  it('chains every record, and each signature holds for its head and no other', () => {
    const store = makeStore();
    const journal = open(store);
    fill(journal, 20);
    const { epoch } = journal.head();
    const stored = store.newest(epoch, 100).toReversed();
    checkChain(
      stored.map((record) => record.bytes),
      1,
      epoch,
    );
    for (const { seq, hash, sig } of stored) {
      const head = { deviceId: 'val-1', epoch, seq, hash };
      expect(verifyBytes(headMessage(head), sig, KEYS.publicKey)).toBe(true);
      expect(verifyBytes(headMessage({ ...head, seq: seq + 1 }), sig, KEYS.publicKey)).toBe(false);
    }
  });

  it('keeps the note of a record with it: the last one stands, and none of a record that was not written', () => {
    const store = makeStore();
    const journal = open(store, { recordsMax: 3, keptMax: 500 });
    const noted = (text: string) => journal.append(shift(), { key: 'n', text }).ok;
    expect([noted('a'), noted('b'), noted('c')]).toEqual([true, true, false]);
    expect(open(store).note('n')).toBe('b');
    const before = { store: store.head(), note: store.note('n') };
    const [record] = store.newest(journal.head().epoch, 1);
    if (!record) throw new Error('no record');
    // A number that does not come next: the note is not kept either.
    expect(() => store.append({ ...record, seq: 99 }, { key: 'n', text: 'd' })).toThrow('come next');
    expect({ store: store.head(), note: store.note('n') }).toEqual(before);
  });

  it('offers what has no receipt, in order, within the bounds of records and bytes', () => {
    const journal = open(makeStore());
    fill(journal, 9);
    const firstTwo = journal.unreceipted(BEGINNING, { ...WIDE, recordsMax: 2 });
    expect(firstTwo.records.map((r) => r.seq)).toEqual([1, 2]);
    const rest = journal.unreceipted(firstTwo.end, WIDE);
    expect(rest.records.map((r) => r.seq)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
    const bytes = (rest.records[0]?.bytes.byteLength ?? 0) + 1;
    const small = journal.unreceipted(firstTwo.end, { ...WIDE, bytesMax: bytes * 3 });
    expect(small.records).toHaveLength(3);
    expect(journal.unreceipted(firstTwo.end, { ...WIDE, bytesMax: 1 }).records).toHaveLength(1);
  });

  it('offers no hole in a batch: it ends where receipted records lie between', () => {
    const store = makeStore();
    const journal = open(store);
    fill(journal, 9);
    journal.applyReceipt(receiptFor('val-1', [rangeOf(journal, store, 4, 6)]));
    const first = journal.unreceipted(BEGINNING, WIDE);
    expect(first.records.map((r) => r.seq)).toEqual([1, 2, 3]);
    expect(journal.unreceipted(first.end, WIDE).records.map((r) => r.seq)).toEqual([7, 8, 9, 10]);
  });

  it('a receipt with another head than ours frees nothing and is counted', () => {
    const store = makeStore();
    const journal = open(store);
    fill(journal, 4);
    const range = { ...rangeOf(journal, store, 1, 3), head: 'f'.repeat(64) };
    expect(journal.applyReceipt(receiptFor('val-1', [range]))).toMatchObject({ accepted: 0, wrongHeads: 1 });
    expect(journal.counts()).toMatchObject({ open: 5, accepted: 0 });
    expect(journal.free(Number.MAX_SAFE_INTEGER)).toBe(0);
  });

  it('a receipt about another epoch or backwards ranges changes nothing', () => {
    const store = makeStore();
    const journal = open(store);
    fill(journal, 4);
    const ours = rangeOf(journal, store, 1, 3);
    const foreign = { ...ours, epoch: 'e'.repeat(32) };
    const backwards = { ...rangeOf(journal, store, 1, 1), fromSeq: 3 };
    const effect = journal.applyReceipt(receiptFor('val-1', [foreign, backwards]));
    expect(effect).toMatchObject({ accepted: 0, unknown: 2, forked: false });
    expect(journal.counts().open).toBe(5);
  });

  it('a quarantined range counts as receipted, and is counted', () => {
    const store = makeStore();
    const journal = open(store);
    fill(journal, 4);
    const range = { ...rangeOf(journal, store, 2, 3), status: 'quarantined' as const };
    expect(journal.applyReceipt(receiptFor('val-1', [range])).quarantined).toBe(2);
    expect(journal.counts()).toMatchObject({ open: 3, quarantined: 2 });
  });

  it('the same receipt twice marks once', () => {
    const store = makeStore();
    const journal = open(store);
    fill(journal, 4);
    const receipt = receiptFor('val-1', [rangeOf(journal, store, 1, 3)]);
    expect(journal.applyReceipt(receipt).accepted).toBe(3);
    expect(journal.applyReceipt(receipt).accepted).toBe(0);
  });

  it('receipted records are kept until the watermark has passed their receipt', () => {
    const store = makeStore();
    const journal = open(store, { recordsMax: 2000, keptMax: 2000 });
    fill(journal, NEWEST_KEPT + 9);
    const receipt = receiptFor('val-1', [rangeOf(journal, store, 1, 10)], { issuedAtMs: 5000 });
    journal.applyReceipt(receipt);
    expect(journal.free(null)).toBe(0);
    expect(journal.free(5000)).toBe(0);
    expect(journal.free(5001)).toBe(10);
    expect(journal.forgottenUnsaved()).toBe(0);
    expect(journal.counts()).toMatchObject({ open: NEWEST_KEPT, accepted: 0 });
    expect(journal.unreceipted(BEGINNING, WIDE).records[0]?.seq).toBe(11);
  });

  it('the newest records stay for the pass-back memory whatever the watermark says', () => {
    const store = makeStore();
    const journal = open(store);
    fill(journal, 9);
    journal.applyReceipt(receiptFor('val-1', [rangeOf(journal, store, 1, 10)]));
    expect(journal.free(Number.MAX_SAFE_INTEGER)).toBe(0);
    expect(journal.newest(100)).toHaveLength(10);
  });

  it('without a watermark at most the configured number of receipted records is kept', () => {
    const store = makeStore();
    const journal = open(store, { recordsMax: 2000, keptMax: 300 });
    fill(journal, 999);
    journal.applyReceipt(receiptFor('val-1', [rangeOf(journal, store, 1, 1000)]));
    expect(journal.forgottenUnsaved()).toBe(0);
    expect(journal.free(null)).toBe(700);
    expect(journal.forgottenUnsaved()).toBe(700);
    expect(journal.counts()).toMatchObject({ open: 0, accepted: 300 });
    expect(journal.newest(1).at(0)?.seq).toBe(1000);
  });

  it('a new life of the database makes everything kept be offered again, also across epochs', () => {
    const store = makeStore();
    const journal = open(store);
    fill(journal, 4);
    journal.applyReceipt(receiptFor('val-1', [rangeOf(journal, store, 1, 4)]));
    const reborn = receiptFor('val-1', [rangeOf(journal, store, 5, 5)], { incarnation: INCARNATION_2 });
    expect(journal.applyReceipt(reborn)).toMatchObject({ offeredAgain: 4, accepted: 1 });
    expect(journal.unreceipted(BEGINNING, WIDE).records.map((r) => r.seq)).toEqual([1, 2, 3, 4]);
    expect(journal.counts()).toMatchObject({ again: 4, open: 0, accepted: 1 });
  });

  it('a receipt that the dead database still sent is stale and frees nothing', () => {
    const store = makeStore();
    const journal = open(store);
    fill(journal, 4);
    journal.applyReceipt(receiptFor('val-1', [rangeOf(journal, store, 1, 1)]));
    journal.applyReceipt(
      receiptFor('val-1', [rangeOf(journal, store, 2, 2)], { incarnation: INCARNATION_2 }),
    );
    const late = receiptFor('val-1', [rangeOf(journal, store, 1, 5)], { incarnation: INCARNATION_1 });
    expect(journal.applyReceipt(late)).toMatchObject({ stale: true, accepted: 0 });
    expect(journal.counts()).toMatchObject({ open: 3, again: 1, accepted: 1 });
  });

  it('records offered again do not count against the room for new ones', () => {
    const store = makeStore();
    const journal = open(store, { recordsMax: 6, keptMax: 500 });
    fill(journal, 4);
    journal.applyReceipt(receiptFor('val-1', [rangeOf(journal, store, 1, 5)]));
    expect(journal.offerAgain(journal.head().epoch, 2)).toBe(4);
    fill(journal, 6);
    expect(journal.append(shift())).toEqual({ ok: false, why: 'full' });
  });

  it('a city that holds more of this epoch than the journal does is noticed; the new epoch names its head', () => {
    const store = makeStore();
    const journal = open(store);
    fill(journal, 2);
    const old = journal.head();
    const range = {
      epoch: old.epoch,
      fromSeq: 1,
      toSeq: 9,
      head: 'a'.repeat(64),
      status: 'accepted' as const,
    };
    expect(journal.applyReceipt(receiptFor('val-1', [range]))).toMatchObject({ forked: true, accepted: 0 });
    expect(journal.beginEpoch(AT).ok).toBe(true);
    expect(journal.head()).toMatchObject({ seq: 1 });
    expect(allRecords(store)[0]?.body).toEqual({
      follows: { epoch: old.epoch, seq: 3, head: old.hash },
      software: 'test',
    });
    expect(journal.applyReceipt(receiptFor('val-1', [range]))).toMatchObject({ forked: false, unknown: 1 });
    const all = journal.unreceipted(BEGINNING, WIDE);
    expect(all.records.map((r) => r.epoch)).toEqual([old.epoch, old.epoch, old.epoch]);
    expect(journal.unreceipted(all.end, WIDE).records.map((r) => r.seq)).toEqual([1]);
  });

  it('a record longer than the wire allows is a bug and leaves no trace', () => {
    const journal = open(makeStore());
    const where = { routeId: 'r'.repeat(5000) };
    const draft: RecordDraft = { kind: 'shift', at: AT, body: { action: 'open', source: 'plan', where } };
    expect(() => journal.append(draft)).toThrow(RangeError);
    expect(journal.head().seq).toBe(1);
  });

  it('whatever the order of taps, batches, lost, repeated and wrong receipts: nothing unreceipted is ever lost', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('append' as const), n: fc.integer({ min: 1, max: 5 }) }),
      fc.record({
        do: fc.constant('receipt' as const),
        from: fc.double({ min: 0, max: 1, noNaN: true }),
        to: fc.double({ min: 0, max: 1, noNaN: true }),
        truth: fc.boolean(),
        quarantined: fc.boolean(),
      }),
      fc.record({ do: fc.constant('free' as const), watermark: fc.option(fc.integer({ min: 0, max: 20 })) }),
      fc.record({ do: fc.constant('reborn' as const) }),
      fc.record({ do: fc.constant('reopen' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const store = makeStore();
        const limits = { recordsMax: 10_000, keptMax: 10_000 };
        let journal = open(store, limits);
        const { epoch } = journal.head();
        const hashes = new Map([[1, journal.head().hash]]);
        const receipted = new Set<number>();
        let life = 1;
        for (const [time, s] of steps.entries()) {
          const last = journal.head().seq;
          if (s.do === 'append') {
            for (let i = 0; i < s.n; i++) {
              const written = journal.append(shift());
              if (written.ok) hashes.set(written.record.seq, written.record.hash);
            }
          } else if (s.do === 'receipt') {
            const fromSeq = 1 + Math.floor(s.from * (last - 1));
            const toSeq = fromSeq + Math.floor(s.to * (last - fromSeq));
            const head = s.truth ? (hashes.get(toSeq) as string) : '0'.repeat(64);
            const status = s.quarantined ? ('quarantined' as const) : ('accepted' as const);
            const incarnation = String(life).padStart(32, '0');
            const ranges = [{ epoch, fromSeq, toSeq, head, status }];
            const effect = journal.applyReceipt(
              receiptFor('val-1', ranges, { incarnation, issuedAtMs: time }),
            );
            if (effect.offeredAgain > 0) receipted.clear();
            if (effect.accepted + effect.quarantined > 0)
              for (let seq = fromSeq; seq <= toSeq; seq++) receipted.add(seq);
          } else if (s.do === 'free') journal.free(s.watermark);
          else if (s.do === 'reborn') life++;
          else journal = open(store, limits, true);
        }
        const offered = new Set<number>();
        let place = BEGINNING;
        for (;;) {
          const { records, end } = journal.unreceipted(place, WIDE);
          if (records.length === 0) break;
          for (const record of records) offered.add(record.seq);
          place = end;
        }
        // Each record is either offered, or the present life of the database said that it holds it.
        for (let seq = 1; seq <= journal.head().seq; seq++) {
          expect(offered.has(seq) || receipted.has(seq)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });
});
