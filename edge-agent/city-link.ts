/**
 * What the city says to a device, and what the device makes of it: receipts free records and set the clock, commands
 * are carried out once, deny lists go forward. Nothing here is ever waited for by a passenger.
 */
import { type DeviceCommand, openCommand } from '#contracts/command.ts';
import { openReceipt, type Receipt } from '#contracts/receipt.ts';
import type { PinnedKeys } from '#contracts/signed-envelope.ts';
import type { Logger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import type { Timekeeper } from './clock-evidence.ts';
import { createDenyFetcher } from './deny-fetch.ts';
import type { DenyList } from './deny-list.ts';
import type { Journal, ReceiptEffect } from './journal.ts';
import type { KeyPins } from './key-pins.ts';
import { StoreFailure, type Timers, type Uplink } from './ports.ts';
import { createTimeExchange } from './time-exchange.ts';
import type { AnsweredOffer, Upload } from './upload.ts';

export interface CityLinkDeps {
  readonly deviceId: string;
  readonly ingestKeys: PinnedKeys;
  /** Takes announcements of the city's next keys; without it the keys stay as they are. */
  readonly pins?: KeyPins;
  readonly journal: Journal;
  readonly upload: Upload;
  readonly denyList: DenyList;
  readonly keeper: Timekeeper;
  readonly timers: Timers;
  readonly uplink: Pick<Uplink, 'fetchList' | 'connected'>;
  readonly probe: Probe;
  readonly log: Logger;
  /** Slowest exchange by which the clock is set, real milliseconds. */
  readonly syncRoundTripMsMax: number;
  /** Between two questions for the city's time, real milliseconds. */
  readonly timeAskEveryMs: number;
  /** Least time between two clock-sync records, city milliseconds. */
  readonly syncRecordEveryMs: number;
  readonly onReportHealth: () => void;
  /** There is another copy of this journal, so a new epoch has begun. */
  readonly onNewEpoch: () => void;
}

/** What came down and could not be used, counted since the start. */
export interface LinkCounters {
  receipts: number;
  receiptsRefused: number;
  receiptsStale: number;
  wrongHeads: number;
  unknownRanges: number;
  quarantined: number;
  commands: number;
  commandsRefused: number;
}

export interface CityLink {
  receipt(payload: Uint8Array): Promise<void>;
  command(payload: Uint8Array): void;
  denyManifest(payload: Uint8Array): void;
  /** Nonce for the health message that leaves now, when the city's time is to be asked for. */
  askTime(): string | undefined;
  counters(): Readonly<LinkCounters>;
  /** Resolves when nothing is taken any more. */
  stop(): Promise<void>;
}

/** Command ids remembered so that a repeated delivery is carried out once. */
const COMMANDS_REMEMBERED = 256;

/** Makes the city's ear of one device. */
export function createCityLink(deps: CityLinkDeps): CityLink {
  const { deviceId, ingestKeys, journal, upload, keeper, log } = deps;
  const exchange = createTimeExchange(deps);
  const done = new Set<string>();
  let lastSyncRecordMonoMs: number | undefined;
  const fetcher = createDenyFetcher(deps);
  const counters: LinkCounters = {
    receipts: 0,
    receiptsRefused: 0,
    receiptsStale: 0,
    wrongHeads: 0,
    unknownRanges: 0,
    quarantined: 0,
    commands: 0,
    commandsRefused: 0,
  };

  async function receipt(payload: Uint8Array): Promise<void> {
    const heardMonoMs = keeper.monoMs();
    const opened = openReceipt(payload, ingestKeys);
    if (!opened.ok || opened.value.deviceId !== deviceId) {
      counters.receiptsRefused++;
      return;
    }
    try {
      const effect = journal.applyReceipt(opened.value);
      count(effect);
      if (effect.stale) return;
      await deps.probe('edge.before-free');
      journal.free(opened.value.backupWatermarkMs);
      await deps.probe('edge.after-free');
      if (effect.forked) beginAgain();
      if (effect.ours.length > 0) setClock(opened.value, upload.answered(effect.ours), heardMonoMs);
      // What was offered again stands before the place that the upload has reached.
      if (effect.offeredAgain > 0) upload.restart();
    } catch (error) {
      // A disk that fails now keeps the records marked as they were: they are offered again, and taken once.
      if (!(error instanceof StoreFailure)) throw error;
      log.warn({ reason: error.message }, 'edge.receipt.not-kept');
    }
  }

  function count(effect: ReceiptEffect): void {
    counters.receipts++;
    counters.wrongHeads += effect.wrongHeads;
    counters.unknownRanges += effect.unknown;
    counters.quarantined += effect.quarantined;
    if (effect.stale) counters.receiptsStale++;
    if (effect.quarantined > 0) log.warn({ records: effect.quarantined }, 'edge.records.quarantined');
    if (effect.wrongHeads > 0) log.warn({ ranges: effect.wrongHeads }, 'edge.receipt.wrong-head');
    if (effect.offeredAgain > 0) log.warn({ records: effect.offeredAgain }, 'edge.records.offered-again');
  }

  function setClock({ issuedAtMs }: Receipt, answer: AnsweredOffer | null, heardMonoMs: number): void {
    if (!answer || answer.roundTripRealMs > deps.syncRoundTripMsMax) return;
    if (keeper.offer({ sentMonoMs: answer.sentMonoMs, heardMonoMs, serverMs: issuedAtMs })) recordSync();
  }

  /** The sync in a record of its own: the city settles by it what this boot recorded before. */
  function recordSync(): void {
    const nowMonoMs = keeper.monoMs();
    if (lastSyncRecordMonoMs !== undefined && nowMonoMs - lastSyncRecordMonoMs < deps.syncRecordEveryMs)
      return;
    const at = keeper.evidence();
    const { offsetMs, rttMs } = keeper.state();
    const body = { serverMs: at.sync?.serverMs ?? at.wallMs, offsetMs: offsetMs ?? 0, rttMs: rttMs ?? 0 };
    const written = journal.append({ kind: 'clock-sync', at, body });
    if (!written.ok) return;
    lastSyncRecordMonoMs = nowMonoMs;
    upload.pump();
  }

  /** What is written from now on has numbers of its own; what stands in conflict is held by the city already. */
  function beginAgain(): void {
    const { epoch, seq } = journal.head();
    log.error({ epoch, seq }, 'edge.journal.another-copy: a new epoch begins');
    if (!journal.beginEpoch(keeper.evidence()).ok) return;
    deps.onNewEpoch();
    upload.pump();
  }

  /** Keys of the city that follow others; true when the payload was about that. */
  function pinKeys(payload: Uint8Array): boolean {
    const outcome = deps.pins?.hear(payload) ?? 'other';
    if (outcome === 'pinned') log.warn('edge.keys.pinned: the city has announced its next keys');
    if (outcome === 'refused' || outcome === 'not-kept') log.warn({ outcome }, 'edge.keys.not-pinned');
    counters[outcome === 'refused' ? 'commandsRefused' : 'commands'] += outcome === 'other' ? 0 : 1;
    if (outcome === 'pinned') deps.onReportHealth();
    return outcome !== 'other';
  }

  function command(payload: Uint8Array): void {
    if (pinKeys(payload)) return;
    const opened = openCommand(payload, ingestKeys);
    if (opened.ok && opened.value.kind === 'tell-time') {
      hearTime(opened.value);
      return;
    }
    const nowMs = keeper.nowMs();
    const valid = opened.ok && opened.value.deviceId === deviceId && nowMs < opened.value.expiresAtMs;
    if (!valid || done.has(opened.value.commandId)) {
      counters.commandsRefused++;
      return;
    }
    counters.commands++;
    remember(opened.value.commandId);
    log.info({ kind: opened.value.kind }, 'edge.command.taken');
    if (opened.value.kind === 'report-health') deps.onReportHealth();
    else if (opened.value.kind === 'offer-again') offerAgain(opened.value.epoch, opened.value.fromSeq);
  }

  /** The one command that needs no time to be judged: it answers a question of this device, once. */
  function hearTime(told: Extract<DeviceCommand, { kind: 'tell-time' }>): void {
    const outcome = told.deviceId === deviceId ? exchange.answer(told.nonce, told.cityMs) : 'refused';
    if (outcome === 'refused') counters.commandsRefused++;
    else counters.commands++;
    if (outcome === 'set') recordSync();
  }

  function remember(commandId: string): void {
    done.add(commandId);
    for (const oldest of done) {
      if (done.size <= COMMANDS_REMEMBERED) return;
      done.delete(oldest);
    }
  }

  function offerAgain(epoch: string, fromSeq: number): void {
    try {
      journal.offerAgain(epoch, fromSeq);
      upload.restart();
    } catch (error) {
      if (!(error instanceof StoreFailure)) throw error;
      log.warn({ reason: error.message }, 'edge.command.not-carried-out');
    }
  }

  return {
    receipt,
    command,
    denyManifest: (payload) => fetcher.manifest(payload),
    askTime: () => exchange.ask(),
    counters: () => counters,
    stop: () => fetcher.stop(),
  };
}
