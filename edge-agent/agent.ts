/**
 * The validator: a card comes, is read, decided, written down and answered; only then does anything travel. The
 * network is never asked before the light shows, so a day without it is a day like any other.
 *
 * States: waiting → reading → answered → waiting; cooling when refusals come too fast to be written down;
 * out-of-order while the journal is full or its disk fails.
 */
import type { DeviceHealth } from '#contracts/device-report.ts';
import { recordId } from '#contracts/ids.ts';
import type { Language, RefusalCode } from '#contracts/reason-codes.ts';
import type { Whereabouts } from '#contracts/record.ts';
import type { Logger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import type { AgentLimits } from './agent-limits.ts';
import type { Agent, AgentCounters, AgentState, AnswerListener, Position } from './agent-types.ts';
import { type CityLink, createCityLink, type LinkCounters } from './city-link.ts';
import type { Timekeeper } from './clock-evidence.ts';
import type { TapDecision } from './decide-tap.ts';
import type { DenyList } from './deny-list.ts';
import { type BelievedKeys, reportHealth } from './health.ts';
import type { AppendResult, Journal } from './journal.ts';
import type { KeyPins } from './key-pins.ts';
import type {
  CardReader,
  CardReading,
  CardVisit,
  Chance,
  Device,
  Screen,
  ScreenView,
  Timers,
  Uplink,
} from './ports.ts';
import { cardOf, logEntryOf, settleCard } from './settling.ts';
import type { PositionFix } from './stops/find-stop.ts';
import { createTapDesk, type TapDesk } from './tap-desk.ts';
import { createUpload } from './upload.ts';
import { createWhereDesk, type WhereDesk } from './whereabouts.ts';

export type { Agent, AgentCounters, AgentState, AnswerListener, Position } from './agent-types.ts';

export interface AgentDeps {
  readonly device: Pick<Device, 'deviceId' | 'vehicleId' | 'policy' | 'stopPlan'> & BelievedKeys;
  /** Follows changes of the city's keys. */
  readonly pins?: KeyPins;
  readonly journal: Journal;
  readonly denyList: DenyList;
  readonly keeper: Timekeeper;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly reader: CardReader;
  readonly uplink: Uplink;
  readonly screen: Screen;
  readonly probe: Probe;
  readonly log: Logger;
  readonly limits: AgentLimits;
  /** Language of the resting screen. */
  readonly language: Language;
  /** Called with the epoch whenever a new one has begun. */
  readonly onEpoch: (epoch: string) => void;
}

/** Part of the capacity at which the log warns. */
const NEARLY_FULL = 0.8;

/** Makes an agent over its parts; nothing runs before `start`. */
export function createAgent(deps: AgentDeps): Agent {
  return new ValidatorAgent(deps);
}

class ValidatorAgent implements Agent {
  private readonly deps: AgentDeps;
  private readonly desk: TapDesk;
  private readonly upload: ReturnType<typeof createUpload>;
  private readonly link: CityLink;
  private readonly listeners = new Set<AnswerListener>();
  private readonly own: AgentCounters = {
    accepted: 0,
    refused: 0,
    repeated: 0,
    acceptedInDebt: 0,
    refusalsNotRecorded: 0,
    latencyMsMax: 0,
  };
  private phase: Exclude<AgentState, 'out-of-order'> = 'waiting';
  private shown: ScreenView;
  private readonly place: WhereDesk;
  private lane: Promise<void> = Promise.resolve();
  private receiptLane: Promise<void> = Promise.resolve();
  private running = false;
  private warnedNearlyFull = false;
  private cancelAnswer: (() => void) | undefined;
  private cancelTick: (() => void) | undefined;
  private cancelHealth: (() => void) | undefined;

  constructor(deps: AgentDeps) {
    const { device, journal, keeper, timers, limits, uplink } = deps;
    this.deps = deps;
    const moment = () => ({ nowMs: keeper.nowMs(), monoMs: keeper.monoMs() });
    this.place = createWhereDesk({ ...device, moment });
    this.desk = createTapDesk(deps);
    this.upload = createUpload({
      deviceId: device.deviceId,
      journal,
      timers,
      chance: deps.chance,
      limits: limits.upload,
      monoMs: () => keeper.monoMs(),
      connected: () => this.running && uplink.connected,
      publish: (payload) => uplink.publishBatch(payload),
    });
    this.link = createCityLink({
      ...deps,
      deviceId: device.deviceId,
      ingestKeys: device.ingestKeys,
      upload: this.upload,
      syncRoundTripMsMax: limits.syncRoundTripMsMax,
      timeAskEveryMs: limits.timeAskEveryMs,
      syncRecordEveryMs: limits.syncRecordEveryMs,
      onReportHealth: () => this.sendHealth(),
      onNewEpoch: () => {
        this.desk.forgetRides();
        deps.onEpoch(journal.head().epoch);
      },
    });
    this.shown = this.restingView();
  }

  async start(): Promise<void> {
    const { uplink, reader, screen } = this.deps;
    this.running = true;
    screen.show(this.shown);
    this.tick();
    await uplink.start({
      onConnected: () => this.connected(),
      onLost: () => this.refresh(),
      onReceipt: (payload) => this.receipt(payload),
      onCommand: (payload) => this.link.command(payload),
      onDenyManifest: (payload) => this.link.denyManifest(payload),
    });
    this.scheduleHealth();
    await reader.start((visit) => this.present(visit));
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    await this.deps.reader.stop();
    await this.lane;
    this.running = false;
    this.cancelAnswer?.();
    this.cancelTick?.();
    this.cancelHealth?.();
    this.upload.stop();
    await this.deps.uplink.stop();
    await this.link.stop();
    await this.receiptLane;
  }

  state(): AgentState {
    const { journal } = this.deps;
    return journal.broken() || !journal.hasRoom() ? 'out-of-order' : this.phase;
  }

  /** One card after the other; resolves when this one has its answer. */
  private present(visit: CardVisit): Promise<void> {
    const touch = this.lane.then(() => (this.running ? this.answered(visit) : undefined));
    this.lane = touch.catch(() => {});
    return touch;
  }

  /** A rider gets an answer also from a validator with a bug; whoever presented the card gets the bug. */
  private async answered(visit: CardVisit): Promise<void> {
    const beganMs = this.deps.timers.nowMs();
    try {
      await this.touch(visit, beganMs);
    } catch (err) {
      this.deps.log.error({ err }, 'edge.touch.failed');
      this.answer(this.refusedView('VALIDATOR_OUT_OF_ORDER', this.deps.language), null, beganMs);
      throw err;
    }
  }

  private async touch(visit: CardVisit, beganMs: number): Promise<void> {
    const { journal, probe } = this.deps;
    this.cancelAnswer?.();
    if (!journal.hasRoom() || (journal.broken() && !this.recovered())) {
      this.answer(this.refusedView('VALIDATOR_OUT_OF_ORDER', this.deps.language), null, beganMs);
      return;
    }
    this.phase = 'reading';
    const reading = await this.read(visit);
    const card = cardOf(reading);
    const where = this.place.now();
    const decision: TapDecision = card
      ? this.desk.decide(card, where)
      : { accepted: false, reason: reading.ok ? 'MEDIUM_NOT_TAKEN' : reading.reason };
    await probe('edge.before-append');
    const written = this.desk.write(decision, card, where);
    await probe('edge.after-append');
    this.show(decision, reading, written, beganMs);
    await probe('edge.after-answer');
    this.upload.pump();
    if (!decision.accepted || !written?.ok) return;
    const { device, keeper, log } = this.deps;
    const green = { seq: written.record.seq, companions: 0, where };
    const clockUnsure = keeper.state().syncAgeMs === null;
    const entry = logEntryOf(green, { deviceId: device.deviceId, nowMs: keeper.nowMs(), clockUnsure });
    await settleCard(visit, entry, log);
  }

  private async read(visit: CardVisit): Promise<CardReading> {
    try {
      return await visit.read();
    } catch (error) {
      // A reader that throws is a reader that did not read; its adapter heals itself.
      this.deps.log.warn({ reason: (error as Error).message }, 'edge.reader.failed');
      return { ok: false, reason: 'CARD_UNREADABLE' };
    }
  }

  private show(
    decision: TapDecision,
    reading: CardReading,
    written: AppendResult | undefined,
    beganMs: number,
  ): void {
    const language = cardOf(reading)?.language ?? this.deps.language;
    if (written === undefined && !decision.accepted) {
      this.own.refusalsNotRecorded++;
      this.answer(this.refusedView(decision.reason, language), null, beganMs, 'cooling');
      return;
    }
    if (!written?.ok) {
      this.deps.log.error({ why: written?.why, err: written?.cause }, 'edge.journal.append-failed');
      this.answer(this.refusedView('VALIDATOR_OUT_OF_ORDER', language), null, beganMs);
      return;
    }
    const { epoch, seq } = written.record;
    const id = recordId(this.deps.device.deviceId, epoch, seq);
    if (!decision.accepted) {
      this.answer(this.refusedView(decision.reason, language), id, beganMs);
      return;
    }
    const repeated = decision.passBackOfSeq !== undefined;
    if (repeated) this.own.repeated++;
    if (decision.deniedWhenPaid) this.own.acceptedInDebt++;
    const sign = { sign: 'accepted', language, ...(repeated && { repeated }) } as const;
    this.answer({ ...sign, ...this.circumstances() }, id, beganMs);
  }

  private answer(
    view: ScreenView,
    id: string | null,
    beganMs: number,
    phase: 'answered' | 'cooling' = 'answered',
  ): void {
    const { timers, screen, limits } = this.deps;
    this.cancelAnswer?.();
    this.phase = phase;
    this.shown = view;
    screen.show(view);
    this.own[view.sign === 'accepted' ? 'accepted' : 'refused']++;
    this.own.latencyMsMax = Math.max(this.own.latencyMsMax, timers.nowMs() - beganMs);
    this.cancelAnswer = timers.after(limits.answerShownMs, () => this.rest());
    for (const listener of this.listeners) listener(view, id);
  }

  private rest(): void {
    this.cancelAnswer = undefined;
    this.phase = 'waiting';
    this.shown = this.restingView();
    this.deps.screen.show(this.shown);
  }

  private restingView(): ScreenView {
    const { journal, language } = this.deps;
    const outOfOrder = journal.broken() || !journal.hasRoom();
    const sign = outOfOrder
      ? ({ sign: 'out-of-order', reason: 'VALIDATOR_OUT_OF_ORDER' } as const)
      : ({ sign: 'waiting' } as const);
    return { ...sign, language, ...this.circumstances() };
  }

  private refusedView(reason: RefusalCode, language: Language): ScreenView {
    return { sign: 'refused', reason, language, ...this.circumstances() };
  }

  private circumstances(): { online: boolean; atMs: number } {
    return { online: this.running && this.deps.uplink.connected, atMs: this.deps.keeper.nowMs() };
  }

  view(): ScreenView {
    return { ...this.shown, online: this.circumstances().online };
  }

  onAnswer(listener: AnswerListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Once a tick: the offline mark follows the connection, and a failed disk gets another try. */
  private tick(): void {
    const { timers, limits, journal } = this.deps;
    if (journal.broken()) this.recovered();
    this.refresh();
    this.warnNearlyFull();
    this.cancelTick = timers.after(limits.tickMs, () => this.tick());
  }

  /** Tries the journal again after a failure. A file that had to be moved aside was followed by a new epoch. */
  private recovered(): boolean {
    const { journal, keeper, log, onEpoch } = this.deps;
    if (!journal.tryRecover(keeper.evidence())) return false;
    log.info('edge.journal.works-again');
    onEpoch(journal.head().epoch);
    this.upload.pump();
    return true;
  }

  private refresh(): void {
    const resting = this.cancelAnswer === undefined && this.phase !== 'reading';
    const now = resting ? this.restingView() : { ...this.shown, online: this.circumstances().online };
    if (now.sign !== this.shown.sign || now.online !== this.shown.online) {
      this.shown = now;
      this.deps.screen.show(now);
    }
  }

  private warnNearlyFull(): void {
    const { open } = this.deps.journal.counts();
    const capacity = this.deps.device.policy.journalRecordsMax;
    const nearly = open >= capacity * NEARLY_FULL;
    if (nearly && !this.warnedNearlyFull) this.deps.log.warn({ open, capacity }, 'edge.journal.nearly-full');
    this.warnedNearlyFull = nearly;
  }

  private connected(): void {
    this.refresh();
    this.upload.restart();
    this.sendHealth();
  }

  private receipt(payload: Uint8Array): void {
    const taken = this.receiptLane.then(() => this.link.receipt(payload));
    this.receiptLane = taken.catch((err: unknown) => this.deps.log.error({ err }, 'edge.receipt.failed'));
  }

  private scheduleHealth(): void {
    const { timers, limits } = this.deps;
    this.cancelHealth = timers.after(limits.healthIntervalMs, () => {
      this.sendHealth();
      this.scheduleHealth();
    });
  }

  private sendHealth(): void {
    const { uplink, log } = this.deps;
    if (!this.running || !uplink.connected) return;
    const timeNonce = this.link.askTime();
    const health = { ...this.health(), ...(timeNonce !== undefined && { timeNonce }) };
    uplink.publishHealth(health).catch((err: unknown) => log.debug({ err }, 'edge.health.not-sent'));
  }

  health(): DeviceHealth {
    return reportHealth(this.deps, this.own, this.place.report());
  }

  counters(): AgentCounters & LinkCounters {
    return { ...this.own, ...this.link.counters() };
  }

  setWhereabouts(where: Whereabouts, position?: Position, nextStopId?: string): void {
    this.place.tell(where, position, nextStopId);
  }

  observe(fix: PositionFix): void {
    this.place.observe(fix);
  }

  openShift(where: Whereabouts, source: 'plan' | 'driver' = 'plan'): boolean {
    if (source === 'driver') this.place.tellByDriver(where);
    else this.place.tell(where);
    return this.recordShift('open', source);
  }

  closeShift(source: 'plan' | 'driver' = 'plan'): boolean {
    return this.recordShift('close', source);
  }

  private recordShift(action: 'open' | 'close', source: 'plan' | 'driver'): boolean {
    const { journal, keeper } = this.deps;
    const body = { action, source, where: this.place.now() };
    const written = journal.append({ kind: 'shift', at: keeper.evidence(), body });
    if (written.ok) this.upload.pump();
    return written.ok;
  }
}
