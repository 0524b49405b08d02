/**
 * The journal: every answer is a record, chained to the one before, its head signed, on the disk before the light
 * goes green. Records leave only when the city holds them and says so with a signature over our own head.
 */
import { headMessage, sha256Hex } from '#contracts/hash-chain.ts';
import type { Receipt, ReceiptRange } from '#contracts/receipt.ts';
import {
  type ClockEvidence,
  type JournalRecord,
  NO_PREVIOUS,
  RECORD_BYTES_MAX,
  type RecordKind,
} from '#contracts/record.ts';
import {
  type EpochHead,
  type JournalNote,
  type JournalPlace,
  type JournalStore,
  type MarkCounts,
  SALVAGED_HEAD,
  type SignHead,
  type StoredRecord,
  StoreFailure,
} from './ports.ts';

/** What is to be recorded; the journal adds device, epoch, number and chain. */
export type RecordDraft = {
  [K in RecordKind]: {
    readonly kind: K;
    readonly at: ClockEvidence;
    readonly body: Extract<JournalRecord, { kind: K }>['body'];
  };
}[RecordKind];

/** `full`: too many records without a receipt. `broken`: the disk refused. Nothing was written in either case. */
export type AppendResult =
  | { readonly ok: true; readonly record: StoredRecord }
  | { readonly ok: false; readonly why: 'full' | 'broken'; readonly cause?: unknown };

/** What a receipt did. */
export interface ReceiptEffect {
  /** Ranges that name our own heads: only these answer what was offered. */
  readonly ours: readonly ReceiptRange[];
  readonly accepted: number;
  readonly quarantined: number;
  /** Ranges whose head is not ours: they free nothing. */
  readonly wrongHeads: number;
  /** Ranges about records that are no longer, or never were, here. */
  readonly unknown: number;
  /**
   * The city holds other bytes under numbers of the running epoch, or numbers that this journal has not written yet:
   * another copy of this journal went on, or this one is an older copy of itself.
   */
  readonly forked: boolean;
  /** The whole receipt came from a database that has been replaced since. */
  readonly stale: boolean;
  /** The database began a new life: this many records are offered again. */
  readonly offeredAgain: number;
}

export interface JournalDeps {
  readonly store: JournalStore;
  readonly deviceId: string;
  readonly sign: SignHead;
  readonly limits: {
    /** Most records that were never receipted. */
    readonly recordsMax: number;
    /** Most receipted records kept for a restored database. */
    readonly keptMax: number;
  };
  readonly software: string;
  /** Draws 128 random bits in hex. */
  readonly newEpochId: () => string;
}

export interface Journal {
  head(): EpochHead;
  /** Writes a record. A note beside it is kept with it or not at all. */
  append(draft: RecordDraft, note?: JournalNote): AppendResult;
  /** Opens a further epoch that names this one's head. */
  beginEpoch(at: ClockEvidence): AppendResult;
  /** Marks what a receipt covers. Its signature and device were checked before. Frees nothing yet. */
  applyReceipt(receipt: Receipt): ReceiptEffect;
  /** Forgets what the city holds in a backup, and the oldest receipted records beyond the bound. */
  free(backupWatermarkMs: number | null): number;
  offerAgain(epoch: string, fromSeq: number): number;
  unreceipted(
    after: JournalPlace,
    limits: { recordsMax: number; bytesMax: number },
  ): { records: StoredRecord[]; end: JournalPlace };
  newest(recordsMax: number): StoredRecord[];
  /** Small texts that outlive a restart; null = none. */
  note(key: string): string | null;
  /** False: the disk did not take it, and nothing has changed. */
  setNote(key: string, text: string): boolean;
  counts(): MarkCounts;
  /** Receipted records forgotten since the start although no backup was known to hold them: the bound asked for it. */
  forgottenUnsaved(): number;
  hasRoom(): boolean;
  /** Head when this process opened the journal; null when it was empty. Later records were offered by no earlier run. */
  readonly openedAt: EpochHead | null;
  /** True from a failed write until a write succeeds. */
  broken(): boolean;
  /**
   * Tries a write after a failure; true when the journal works again. When the file had to be moved aside meanwhile, a
   * new epoch begins with this evidence.
   */
  tryRecover(at: ClockEvidence): boolean;
}

const INCARNATION = 'incarnation';
const PAST_INCARNATIONS = 'past-incarnations';
const PAST_INCARNATIONS_MAX = 32;

/**
 * Opens the journal on its store. Without an epoch in the store one is opened, which says `lost` if there had been
 * one and `none` if this device never had any. A restart goes on in the same epoch.
 * @throws StoreFailure when not even that can be written.
 */
export function openJournal(deps: JournalDeps, start: { hadEpoch: boolean; at: ClockEvidence }): Journal {
  const state = new OpenJournal(deps);
  if (deps.store.head() === null) state.openFirstEpoch(start);
  return state;
}

class OpenJournal implements Journal {
  readonly openedAt: EpochHead | null;
  private readonly deps: JournalDeps;
  private current: EpochHead | null;
  private marks: MarkCounts;
  private failed = false;
  private beyond = 0;

  constructor(deps: JournalDeps) {
    this.deps = deps;
    this.openedAt = deps.store.head();
    this.current = this.openedAt;
    this.marks = deps.store.counts();
  }

  head(): EpochHead {
    if (!this.current) throw new Error('the journal has no epoch yet');
    return this.current;
  }

  append(draft: RecordDraft, note?: JournalNote): AppendResult {
    if (!this.hasRoom()) return { ok: false, why: 'full' };
    return this.guarded(draft.at, () => this.write(this.head(), draft, note));
  }

  beginEpoch(at: ClockEvidence): AppendResult {
    const { epoch, seq, hash } = this.head();
    return this.guarded(at, () => this.openEpoch({ epoch, seq, head: hash }, at));
  }

  /** A store without an epoch: where a salvage has proven the end of the journal before, the new epoch follows it. */
  openFirstEpoch({ hadEpoch, at }: { hadEpoch: boolean; at: ClockEvidence }): void {
    const salvaged = this.deps.store.note(SALVAGED_HEAD);
    const end = salvaged === null ? undefined : (JSON.parse(salvaged) as EpochHead);
    const follows = end && { epoch: end.epoch, seq: end.seq, head: end.hash };
    this.openEpoch(follows ?? (hadEpoch ? 'lost' : 'none'), at);
  }

  /** Writes the first record of a new epoch. Room is not asked for: without an epoch nothing else can be said. */
  openEpoch(
    follows: Extract<RecordDraft, { kind: 'epoch' }>['body']['follows'],
    at: ClockEvidence,
  ): StoredRecord {
    const epoch = this.deps.newEpochId();
    const body = { follows, software: this.deps.software.slice(0, 64) };
    return this.write({ epoch, seq: 0, hash: NO_PREVIOUS }, { kind: 'epoch', at, body });
  }

  private write(after: EpochHead, draft: RecordDraft, note?: JournalNote): StoredRecord {
    const { deviceId, sign, store } = this.deps;
    const { epoch } = after;
    const seq = after.seq + 1;
    const { kind, at, body } = draft;
    const text = JSON.stringify({ v: 1, kind, deviceId, epoch, seq, prev: after.hash, at, body });
    const bytes = Buffer.from(text, 'utf8');
    if (bytes.byteLength > RECORD_BYTES_MAX) throw new RangeError(`a record of ${bytes.byteLength} bytes`);
    const hash = sha256Hex(bytes);
    const sig = sign(headMessage({ deviceId, epoch, seq, hash }));
    const record: StoredRecord = { epoch, seq, kind, hash, sig, bytes };
    store.append(record, note);
    this.current = { epoch, seq, hash };
    this.marks = { ...this.marks, open: this.marks.open + 1 };
    return record;
  }

  private guarded(at: ClockEvidence, write: () => StoredRecord): AppendResult {
    if (this.failed && !this.tryRecover(at)) return { ok: false, why: 'broken' };
    try {
      return { ok: true, record: write() };
    } catch (cause) {
      if (!(cause instanceof StoreFailure)) throw cause;
      this.failed = true;
      return { ok: false, why: 'broken', cause };
    }
  }

  tryRecover(at: ClockEvidence): boolean {
    const { store } = this.deps;
    try {
      // The disk is read anew: after a failed sync only what it says counts, also if the failed record is there.
      store.recover();
      store.setNote('write-tried', '1');
      this.current = store.head();
      this.marks = store.counts();
      // Moved aside as damaged: what was salvaged stands in the new file, and a new epoch begins.
      if (this.current === null) this.openFirstEpoch({ hadEpoch: true, at });
      this.failed = false;
    } catch (error) {
      if (!(error instanceof StoreFailure)) throw error;
      this.failed = true;
    }
    return !this.failed;
  }

  applyReceipt(receipt: Receipt): ReceiptEffect {
    const { store } = this.deps;
    const past = pastIncarnations(store);
    if (past.includes(receipt.incarnation)) return { ...NO_EFFECT, stale: true };
    const offeredAgain = this.meetIncarnation(receipt.incarnation, past);
    const ours: ReceiptRange[] = [];
    const effect = { ...NO_EFFECT, ours, offeredAgain };
    const running = this.head().epoch;
    for (const range of receipt.ranges) {
      const verdict = this.judge(range);
      const refuted = verdict === 'ours' ? range.reason === 'INGEST_CONFLICT' : verdict !== 'unknown';
      if (refuted && range.epoch === running) effect.forked = true;
      if (verdict !== 'ours') {
        if (verdict === 'wrong-head') effect.wrongHeads++;
        else effect.unknown++;
        continue;
      }
      ours.push(range);
      effect[range.status] += store.mark(
        range.epoch,
        range.fromSeq,
        range.toSeq,
        range.status,
        receipt.issuedAtMs,
      );
    }
    this.marks = store.counts();
    return effect;
  }

  /** A database restored from a backup may have lost what it had receipted: everything kept is offered again. */
  private meetIncarnation(incarnation: string, past: readonly string[]): number {
    const { store } = this.deps;
    const known = store.note(INCARNATION);
    if (known === incarnation) return 0;
    const offered = known === null ? 0 : store.offerAgain(null);
    if (known !== null) {
      store.setNote(PAST_INCARNATIONS, [...past, known].slice(-PAST_INCARNATIONS_MAX).join(' '));
    }
    store.setNote(INCARNATION, incarnation);
    return offered;
  }

  private judge(range: ReceiptRange): 'ours' | 'wrong-head' | 'unknown' | 'ahead' {
    const { store } = this.deps;
    if (range.fromSeq > range.toSeq) return 'unknown';
    const head = store.headOf(range.epoch);
    if (!head) return 'unknown';
    if (range.toSeq > head.seq) return 'ahead';
    const hash = range.toSeq === head.seq ? head.hash : store.hashAt(range.epoch, range.toSeq);
    if (hash === null) return 'unknown';
    return hash === range.head ? 'ours' : 'wrong-head';
  }

  free(backupWatermarkMs: number | null): number {
    const { store, limits } = this.deps;
    const { passed, beyond } = store.forget(backupWatermarkMs, limits.keptMax);
    const freed = passed + beyond;
    this.beyond += beyond;
    if (freed > 0) this.marks = this.deps.store.counts();
    return freed;
  }

  offerAgain(epoch: string, fromSeq: number): number {
    const count = this.deps.store.offerAgain({ epoch, fromSeq });
    this.marks = this.deps.store.counts();
    return count;
  }

  unreceipted(after: JournalPlace, limits: { recordsMax: number; bytesMax: number }) {
    try {
      return this.deps.store.unreceipted(after, limits);
    } catch (error) {
      if (!(error instanceof StoreFailure)) throw error;
      // Nothing can be offered now; the next tick reads the disk anew.
      this.failed = true;
      return { records: [], end: after };
    }
  }

  note(key: string): string | null {
    return this.deps.store.note(key);
  }

  setNote(key: string, text: string): boolean {
    try {
      this.deps.store.setNote(key, text);
      return true;
    } catch (error) {
      if (error instanceof StoreFailure) return false;
      throw error;
    }
  }

  newest(recordsMax: number): StoredRecord[] {
    return this.deps.store.newest(this.head().epoch, recordsMax);
  }

  counts(): MarkCounts {
    return this.marks;
  }

  forgottenUnsaved(): number {
    return this.beyond;
  }

  hasRoom(): boolean {
    return this.marks.open < this.deps.limits.recordsMax;
  }

  broken(): boolean {
    return this.failed;
  }
}

const NO_EFFECT = {
  ours: [],
  accepted: 0,
  quarantined: 0,
  wrongHeads: 0,
  unknown: 0,
  forked: false,
  stale: false,
  offeredAgain: 0,
};

function pastIncarnations(store: JournalStore): readonly string[] {
  const text = store.note(PAST_INCARNATIONS);
  return text === null || text === '' ? [] : text.split(' ');
}
