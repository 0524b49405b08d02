/**
 * Which records are on their way to the city. Batches go out oldest first, a bounded number at a time; what is not
 * receipted in time is offered again, more slowly each time. Sending twice does no harm: the city takes a record once.
 */
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX, encodeBatch } from '#contracts/batch.ts';
import type { ReceiptRange } from '#contracts/receipt.ts';
import type { Journal } from './journal.ts';
import type { Chance, JournalPlace, StoredRecord, Timers } from './ports.ts';

/** Room in a batch for its header line. */
const HEADER_BYTES = 1024;

/** Numbers of the upload, in real milliseconds. */
export interface UploadLimits {
  /** Batches on their way at a time, once the city answers; after a silence or a new connection it is one. */
  readonly inFlightMax: number;
  readonly recordsMax: number;
  /** No receipt after this long: offered again. */
  readonly receiptTimeoutMs: number;
  /** First pause after a timeout; doubled each time in a row, up to the largest. */
  readonly pauseMs: number;
  readonly pauseMsMax: number;
}

export const UPLOAD_LIMITS: UploadLimits = {
  inFlightMax: 4,
  recordsMax: BATCH_RECORDS_MAX,
  receiptTimeoutMs: 10_000,
  pauseMs: 500,
  pauseMsMax: 60_000,
};

export interface UploadDeps {
  readonly deviceId: string;
  readonly journal: Journal;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly limits: UploadLimits;
  /** Monotonic time of the device, for measuring how long the city took to answer. */
  readonly monoMs: () => number;
  readonly connected: () => boolean;
  readonly publish: (payload: Uint8Array) => Promise<void>;
}

/** When the newest batch that a receipt covers was sent, and how long ago in real milliseconds. */
export interface AnsweredOffer {
  readonly sentMonoMs: number;
  readonly roundTripRealMs: number;
}

export interface Upload {
  /** Sends what can be sent now. Call after every record, receipt and connection. */
  pump(): void;
  /** The connection is new: nothing is on its way any more. */
  restart(): void;
  /** Ends the pause after silences; what is on its way still has its time to be answered. */
  hurry(): void;
  /** A receipt has been applied to the journal. Null when it answers no offer made for the first time. */
  answered(ranges: readonly ReceiptRange[]): AnsweredOffer | null;
  stats(): { inFlight: number; batches: number; timeouts: number };
  stop(): void;
}

interface Offer {
  readonly epoch: string;
  readonly fromSeq: number;
  toSeq: number;
  readonly sentMonoMs: number;
  readonly sentRealMs: number;
  /** Records went out before: a receipt may answer the earlier offer, so it says nothing about time. */
  readonly repeated: boolean;
}

/** Before every epoch, salvaged ones too: those stand below the first that was opened here. */
const BEGINNING: JournalPlace = { epochOrder: -Number.MAX_SAFE_INTEGER, seq: 0 };

/** Makes the upload of one journal. */
export function createUpload(deps: UploadDeps): Upload {
  const { journal, timers, limits } = deps;
  let offers: Offer[] = [];
  let cursor = BEGINNING;
  // Grows with each answer and falls back to one: a fleet that comes back must not offer all its journals at once.
  let window = 1;
  let silentRounds = 0;
  let pausedUntilMs = 0;
  let cancelTimer: (() => void) | undefined;
  let stopped = false;
  const counters = { batches: 0, timeouts: 0 };
  // Up to here an earlier run of this process or of this upload may have offered already.
  let offeredBefore = { epoch: journal.openedAt?.epoch ?? '', seq: journal.openedAt?.seq ?? 0 };

  function pump(): void {
    if (stopped) return;
    expire();
    // One instant for both questions: a pause that ended between them would leave nobody to wake up.
    const now = timers.nowMs();
    while (deps.connected() && now >= pausedUntilMs && offers.length < window) {
      if (!offerNext()) break;
    }
    arm(now);
  }

  /** Offers the next batch; at the journal's end it begins again with what was passed over. */
  function offerNext(): boolean {
    const bounds = { recordsMax: limits.recordsMax, bytesMax: BATCH_BYTES_MAX - HEADER_BYTES };
    let { records, end } = journal.unreceipted(cursor, bounds);
    if (records.length === 0 && offers.length === 0 && cursor !== BEGINNING) {
      ({ records, end } = journal.unreceipted(BEGINNING, bounds));
    }
    ({ records, end } = upToStart(records, end));
    const first = records[0];
    const last = records.at(-1);
    if (!first || !last) return false;
    cursor = end;
    const header = {
      v: 1 as const,
      deviceId: deps.deviceId,
      epoch: first.epoch,
      firstSeq: first.seq,
      count: records.length,
      head: last.hash,
      sig: last.sig,
    };
    remember(first.epoch, first.seq, last.seq);
    const payload = encodeBatch(
      header,
      records.map((record) => record.bytes),
    );
    // A broker's word is not durability: success changes nothing, and failure is seen by the missing receipt.
    deps.publish(payload).catch(() => {});
    counters.batches++;
    return true;
  }

  /**
   * What an earlier run wrote goes out under that run's own signature: the device may have been enrolled anew since, and
   * its new key must not vouch for what an old one signed.
   */
  function upToStart(
    records: StoredRecord[],
    end: JournalPlace,
  ): { records: StoredRecord[]; end: JournalPlace } {
    const { openedAt } = journal;
    const earlier = records.filter(({ epoch, seq }) => epoch === openedAt?.epoch && seq <= openedAt.seq);
    if (earlier.length === 0 || earlier.length === records.length) return { records, end };
    return { records: earlier, end: { ...end, seq: openedAt?.seq ?? end.seq } };
  }

  function remember(epoch: string, fromSeq: number, toSeq: number): void {
    // What is left of earlier epochs may have been offered by any earlier run.
    const running = epoch === journal.head().epoch;
    const repeated = !running || (epoch === offeredBefore.epoch && fromSeq <= offeredBefore.seq);
    if (running && (epoch !== offeredBefore.epoch || toSeq > offeredBefore.seq))
      offeredBefore = { epoch, seq: toSeq };
    const sentMonoMs = deps.monoMs();
    offers.push({ epoch, fromSeq, toSeq, repeated, sentMonoMs, sentRealMs: timers.nowMs() });
  }

  function expire(): void {
    const oldest = offers[0];
    if (!oldest || timers.nowMs() - oldest.sentRealMs < limits.receiptTimeoutMs) return;
    counters.timeouts++;
    offers = [];
    window = 1;
    const pauseMs = Math.min(limits.pauseMsMax, limits.pauseMs * 2 ** Math.min(silentRounds++, 16));
    // Between half and all of it, so that a fleet that lost the city together does not come back together.
    pausedUntilMs = timers.nowMs() + pauseMs * (0.5 + deps.chance() / 2);
  }

  /** One timer at most: for the oldest offer's timeout or the end of the pause. */
  function arm(now: number): void {
    cancelTimer?.();
    cancelTimer = undefined;
    const oldest = offers[0];
    if (oldest) {
      cancelTimer = timers.after(Math.max(1, oldest.sentRealMs + limits.receiptTimeoutMs - now), pump);
    } else if (pausedUntilMs > now) {
      cancelTimer = timers.after(Math.max(1, pausedUntilMs - now), pump);
    }
  }

  const hurry = (): void => {
    pausedUntilMs = 0;
    silentRounds = 0;
    pump();
  };

  return {
    pump,
    hurry,
    restart() {
      offers = [];
      window = 1;
      cursor = BEGINNING;
      hurry();
    },
    answered(ranges) {
      silentRounds = 0;
      let newest: Offer | undefined;
      const covered = (offer: Offer): boolean =>
        ranges.some((r) => r.epoch === offer.epoch && r.fromSeq <= offer.fromSeq && offer.toSeq <= r.toSeq);
      offers = offers.filter((offer) => {
        if (!covered(offer)) return true;
        newest = offer;
        window = Math.min(limits.inFlightMax, window + 1);
        return false;
      });
      const answer = newest;
      pump();
      if (!answer || answer.repeated) return null;
      return {
        sentMonoMs: answer.sentMonoMs,
        roundTripRealMs: timers.nowMs() - answer.sentRealMs,
      };
    },
    stats: () => ({ inFlight: offers.length, ...counters }),
    stop() {
      stopped = true;
      cancelTimer?.();
    },
  };
}
