/** The journal's store in memory, for tests of the core. The port suite holds it to the same behaviour as SQLite. */
import {
  type EpochHead,
  type JournalPlace,
  type JournalStore,
  type MarkCounts,
  type RecordMark,
  type StoredRecord,
  StoreFailure,
} from '../../../edge-agent/ports.ts';

const NEWEST_KEPT = 256;

interface Row extends StoredRecord {
  mark: RecordMark;
  receiptedAtMs: number;
}

/** `failing()` true makes every write throw, as a full disk does. */
export function createMemoryJournalStore(failing: () => boolean = () => false): JournalStore {
  const heads: EpochHead[] = [];
  let rows: Row[] = [];
  const notes = new Map<string, string>();
  const orderOf = (epoch: string): number => heads.findIndex((h) => h.epoch === epoch) + 1;
  const offered = (row: Row): boolean => row.mark === 'open' || row.mark === 'again';
  const receipted = (row: Row): boolean => row.mark === 'accepted' || row.mark === 'quarantined';
  const check = (): void => {
    if (failing()) throw new StoreFailure('no space');
  };
  const guarded = (row: Row): boolean => {
    const head = heads.at(-1);
    return head !== undefined && row.epoch === head.epoch && row.seq > head.seq - NEWEST_KEPT;
  };
  const remark = (which: (row: Row) => boolean, mark: RecordMark, receiptedAtMs?: number): number => {
    check();
    const hit = rows.filter(which);
    for (const row of hit) {
      row.mark = mark;
      if (receiptedAtMs !== undefined) row.receiptedAtMs = receiptedAtMs;
    }
    return hit.length;
  };
  const drop = (gone: readonly Row[]): number => {
    const set = new Set(gone);
    rows = rows.filter((row) => !set.has(row));
    return set.size;
  };
  return {
    head: () => heads.at(-1) ?? null,
    headOf: (epoch) => heads.find((h) => h.epoch === epoch) ?? null,
    append(record, note) {
      check();
      const { epoch, seq, hash } = record;
      const at = heads.findIndex((h) => h.epoch === epoch);
      if (seq === 1) {
        if (at !== -1) throw new Error('the epoch exists');
        heads.push({ epoch, seq, hash });
      } else {
        if (heads[at]?.seq !== seq - 1) throw new Error(`${seq} does not come next`);
        heads[at] = { epoch, seq, hash };
      }
      rows.push({ ...record, mark: 'open', receiptedAtMs: 0 });
      if (note) notes.set(note.key, note.text);
    },
    hashAt: (epoch, seq) => rows.find((r) => r.epoch === epoch && r.seq === seq)?.hash ?? null,
    unreceipted(after: JournalPlace, limits) {
      const records: StoredRecord[] = [];
      let end = after;
      let bytes = 0;
      for (const row of rows) {
        const place = { epochOrder: orderOf(row.epoch), seq: row.seq };
        const beyond =
          place.epochOrder > after.epochOrder ||
          (place.epochOrder === after.epochOrder && place.seq > after.seq);
        if (!beyond || !offered(row)) continue;
        const next = place.epochOrder === end.epochOrder && place.seq === end.seq + 1;
        bytes += row.bytes.byteLength + 1;
        if (records.length > 0 && (!next || bytes > limits.bytesMax)) break;
        if (records.length === limits.recordsMax) break;
        records.push(row);
        end = place;
      }
      return { records, end };
    },
    newest: (epoch, recordsMax) =>
      rows
        .filter((r) => r.epoch === epoch)
        .toReversed()
        .slice(0, recordsMax),
    mark: (epoch, fromSeq, toSeq, mark, receiptedAtMs) =>
      remark(
        (r) => r.epoch === epoch && r.seq >= fromSeq && r.seq <= toSeq && offered(r),
        mark,
        receiptedAtMs,
      ),
    offerAgain: (from) =>
      remark((r) => receipted(r) && (!from || (r.epoch === from.epoch && r.seq >= from.fromSeq)), 'again'),
    forget(watermarkMs, keptMax) {
      check();
      const passed = drop(
        rows.filter((r) => receipted(r) && r.receiptedAtMs < (watermarkMs ?? -Infinity) && !guarded(r)),
      );
      const kept = rows.filter((r) => r.mark !== 'open');
      const oldest = [...kept.filter((r) => r.mark !== 'again'), ...kept.filter((r) => r.mark === 'again')];
      const beyond = Math.max(0, kept.length - keptMax);
      return { passed, beyond: drop(oldest.filter((r) => !guarded(r)).slice(0, beyond)) };
    },
    counts() {
      const counts = { open: 0, accepted: 0, quarantined: 0, again: 0 };
      for (const row of rows) counts[row.mark]++;
      return counts satisfies MarkCounts;
    },
    note: (key) => notes.get(key) ?? null,
    setNote(key, value) {
      check();
      notes.set(key, value);
    },
    recover: check,
    close() {},
  };
}
