/**
 * What happens to one group: judge, commit, receipt. Whatever goes wrong, the answer is silence: without a receipt a
 * device offers again, and inserting again changes nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { deviceTopic, parseDeviceTopic } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import { acceptBatch } from '../accept-batch.ts';
import { buildReceipts, type HeldRecord } from '../build-receipt.ts';
import type { IngestConfig } from '../config.ts';
import type { Arrival, BatchVerdict } from '../model.ts';
import { databaseFailure } from './database-failures.ts';
import type { ReceiptTerms } from './database-life.ts';
import type { DeviceRegistry } from './device-registry.ts';
import { alarmForks } from './fork-notes.ts';
import type { CommitOutcome, RecordStore } from './record-store.ts';

/** Counters since the start. */
export interface IngestCounts {
  /** Records that were new, that were there already, and items put aside. */
  readonly inserted: number;
  readonly repeated: number;
  readonly quarantined: number;
  /** Records in conflict that were taken in under a branch of their own. */
  readonly branched: number;
  readonly commits: number;
  readonly receipts: number;
  /** Batches dropped unread (queue full), or unreceipted because the database was away or refused them. */
  readonly dropped: number;
  readonly unreceipted: number;
  /** Records of proven devices whose quarantine is full: not held, not receipted. */
  readonly withheld: number;
  /** Batches of devices that belong to another ingest on this database. */
  readonly others: number;
}

export interface GroupHandlerOptions {
  readonly config: Pick<IngestConfig, 'signer' | 'clockFarFromReceiptMs'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly probe: Probe;
  readonly registry: DeviceRegistry;
  readonly store: RecordStore;
  readonly publish: (topic: string, payload: Uint8Array) => Promise<void>;
  readonly onCommitted: () => void;
  /** Asks the database whether it is there. */
  readonly databaseAnswers: () => Promise<boolean>;
  readonly onAway: (away: boolean) => void;
}

export interface GroupHandler {
  /** Handles a group; never rejects. */
  handle(group: readonly Arrival[]): Promise<void>;
  /** Counts a batch for which the queue had no room. */
  countDropped(): void;
  /** Counts a batch that another ingest takes. */
  countOthers(): void;
  /** Resolves when every receipt that was to be sent has been, or cannot be. */
  settled(): Promise<void>;
  counts(): IngestCounts;
  stop(): void;
}

/** Receipts under way at most; beyond them the next group waits. */
const SENDING_MAX = 64;
const COMMIT_TRIES_MAX = 3;
const AWAY_MS = { first: 50, max: 2_000 };

/** Makes a handler. */
export function createGroupHandler(options: GroupHandlerOptions): GroupHandler {
  const { clock, log, probe, registry, store } = options;
  const counts = {
    inserted: 0,
    repeated: 0,
    quarantined: 0,
    branched: 0,
    commits: 0,
    receipts: 0,
    dropped: 0,
    unreceipted: 0,
    withheld: 0,
    others: 0,
  };
  const sending = new Set<Promise<void>>();
  let away = false;
  let stopped = false;

  async function commit(verdicts: readonly BatchVerdict[]): Promise<CommitOutcome> {
    const records = verdicts.flatMap((v) => v.accepted);
    const quarantined = verdicts.flatMap((v) => v.quarantined);
    for (let tries = 1; ; tries++) {
      try {
        return await store.commit(records, quarantined, clock.nowMs());
      } catch (error) {
        if (databaseFailure(error) !== 'crossed' || tries === COMMIT_TRIES_MAX) throw error;
      }
    }
  }

  async function settle(verdicts: readonly BatchVerdict[]): Promise<void> {
    let outcome: CommitOutcome;
    try {
      outcome = await commit(verdicts);
    } catch (error) {
      if (databaseFailure(error) === 'away') return goAway(verdicts.length, error as Error);
      // One batch that the database refuses must not hold up the others.
      if (verdicts.length > 1)
        return verdicts.reduce((before, v) => before.then(() => settle([v])), Promise.resolve());
      counts.unreceipted += 1;
      return log.error({ err: error }, 'ingest.batch.refused-by-database: its device will offer it again');
    }
    count(verdicts, outcome);
    options.onCommitted();
    await probe('ingest.after-commit');
    send(heldBy(verdicts, outcome), outcome.terms, verdicts.length);
  }

  function count(verdicts: readonly BatchVerdict[], outcome: CommitOutcome): void {
    const offered = verdicts.reduce((sum, v) => sum + v.accepted.length, 0);
    counts.commits += 1;
    counts.inserted += outcome.inserted;
    counts.repeated += offered - outcome.inserted - outcome.conflicts.size;
    counts.quarantined += outcome.conflicts.size;
    counts.branched += outcome.branched;
    for (const { quarantined } of verdicts) {
      counts.quarantined += quarantined.length;
      for (const { deviceId, reason, detail, seq } of quarantined) {
        log.debug({ deviceId, reason, detail, seq }, 'ingest.quarantined');
      }
    }
    alarmFull(outcome.withheld);
    alarmForks(log, outcome.forks);
    const [conflict] = outcome.conflicts;
    if (conflict) {
      const { deviceId, epoch, seq } = conflict;
      log.warn(
        { deviceId, epoch, seq, items: outcome.conflicts.size, reason: 'INGEST_CONFLICT' },
        'ingest.quarantined',
      );
    }
  }

  /** One line at the first and then at each thousandth: a flood must not fill the log. */
  function alarmFull(withheld: CommitOutcome['withheld']): void {
    const [first] = withheld;
    if (first === undefined) return;
    if (counts.withheld % 1000 === 0 || counts.withheld % 1000 > (counts.withheld + withheld.size) % 1000) {
      const { deviceId, epoch, seq } = first;
      log.error(
        { deviceId, epoch, seq, items: withheld.size },
        'ingest.quarantine.full: this device has too much in quarantine; what is beyond is not receipted and stays with it',
      );
    }
    counts.withheld += withheld.size;
  }

  function send(held: readonly HeldRecord[], terms: ReceiptTerms, batches: number): void {
    const issuedAtMs = clock.nowMs();
    const why = whyNotReceipted(terms, issuedAtMs);
    if (why !== null) {
      // One line at the first and then at each thousandth: a flood must not fill the log.
      if (counts.unreceipted % 1000 === 0) sayWhyNotReceipted(log, why, { ...terms, issuedAtMs });
      counts.unreceipted += batches;
      return;
    }
    const frame = { incarnation: store.incarnation, backupWatermarkMs: terms.watermarkMs, issuedAtMs };
    const receipts = buildReceipts(held, frame);
    const sent = Promise.allSettled(
      receipts.map((receipt) =>
        options.publish(
          deviceTopic(receipt.deviceId, 'receipts'),
          sealEnvelope('receipt', receipt, options.config.signer),
        ),
      ),
    ).then(async (results) => {
      counts.receipts += results.filter((r) => r.status === 'fulfilled').length;
      await probe('ingest.after-receipt');
    });
    sending.add(sent);
    void sent.finally(() => sending.delete(sent));
  }

  function goAway(batches: number, error: Error): void {
    counts.unreceipted += batches;
    if (away) return;
    away = true;
    options.onAway(true);
    log.error(
      { problem: error.message },
      'ingest.database.away: devices keep their records and offer them again',
    );
    void comeBack();
  }

  async function comeBack(): Promise<void> {
    for (let waitMs = AWAY_MS.first; !stopped; waitMs = Math.min(AWAY_MS.max, waitMs * 2)) {
      await delay(waitMs, undefined, { ref: false });
      if (!(await options.databaseAnswers())) continue;
      away = false;
      log.info('ingest.database.back');
      return options.onAway(false);
    }
  }

  async function handle(group: readonly Arrival[]): Promise<void> {
    try {
      await registry.learn(senders(group));
      const verdicts = group.map((arrival) => acceptBatch(arrival, registry.keysOf, options.config));
      await settle(verdicts);
      while (sending.size > SENDING_MAX) await Promise.race(sending);
    } catch (err) {
      counts.unreceipted += group.length;
      log.error({ err }, 'ingest.group.failed: nothing was receipted');
    }
  }

  return {
    handle,
    countDropped() {
      counts.dropped += 1;
      // One line at the first and then at each thousandth: a flood must not fill the log.
      if (counts.dropped % 1000 === 1) log.warn({ dropped: counts.dropped }, 'ingest.queue.full');
    },
    countOthers() {
      counts.others += 1;
    },
    settled: async () => {
      while (sending.size > 0) await Promise.allSettled(sending);
    },
    counts: () => ({ ...counts }),
    stop() {
      stopped = true;
    },
  };
}

/** Why a commit may not be receipted: its device keeps the records and offers them again, which changes nothing. */
type NoReceipt = 'other-life' | 'behind-backup';

function whyNotReceipted(terms: ReceiptTerms, issuedAtMs: number): NoReceipt | null {
  if (!terms.sameLife) return 'other-life';
  // A device would take such a receipt for one that the backup holds already (docs/decisions/0056).
  return terms.announcedMs !== null && issuedAtMs <= terms.announcedMs ? 'behind-backup' : null;
}

function sayWhyNotReceipted(log: Logger, why: NoReceipt, fields: object): void {
  if (why === 'other-life') {
    log.error(
      fields,
      'ingest.database.other-life: it was restored or failed over; nothing is receipted until this ingest is started anew',
    );
    return;
  }
  log.error(
    fields,
    'ingest.clock.behind-backup: the clock here is behind what a backup has announced; mend the clocks',
  );
}

function* senders(group: readonly Arrival[]): Generator<string> {
  for (const { topic } of group) {
    const address = parseDeviceTopic(topic);
    if (address) yield address.deviceId;
  }
}

/** What receipts may speak of: accepted records, and single records put aside. Unproven payloads get none. */
function heldBy(verdicts: readonly BatchVerdict[], { conflicts, withheld }: CommitOutcome): HeldRecord[] {
  const held: HeldRecord[] = [];
  for (const { accepted, quarantined } of verdicts) {
    for (const record of accepted) {
      if (withheld.has(record)) continue;
      const { deviceId, epoch, seq, hash } = record;
      held.push({ deviceId, epoch, seq, hash, reason: conflicts.has(record) ? 'INGEST_CONFLICT' : null });
    }
    for (const item of quarantined) {
      const { authentic, deviceId, epoch, seq, hash, reason } = item;
      if (!withheld.has(item) && authentic && deviceId !== null && epoch !== null && seq !== null) {
        held.push({ deviceId, epoch, seq, hash, reason });
      }
    }
  }
  return held;
}
