/**
 * What binds a device to its city whatever its role: records go up until they are receipted, receipts, commands and lists
 * come down, health is told. Nothing here is waited for by a person.
 */
import type { DeviceHealth } from '#contracts/device-report.ts';
import type { Logger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import { type AgentLimits, NEARLY_FULL } from './agent-limits.ts';
import { type CityLink, createCityLink, type LinkCounters } from './city-link.ts';
import type { Timekeeper } from './clock-evidence.ts';
import type { DenyList } from './deny-list.ts';
import { type BelievedKeys, reportHealth } from './health.ts';
import type { Journal } from './journal.ts';
import type { KeyPins } from './key-pins.ts';
import type { CardReader, Chance, Device, Timers, Uplink } from './ports.ts';
import type { TariffBook } from './tariff-book.ts';
import { createTariffFetcher, type TariffFetcher } from './tariff-fetch.ts';
import { createUpload, type Upload } from './upload.ts';

export interface CityTiesDeps {
  readonly device: Pick<Device, 'deviceId' | 'policy'> & BelievedKeys;
  readonly pins?: KeyPins;
  readonly journal: Journal;
  readonly denyList: DenyList;
  /** Tariffs for the preview; newer ones are fetched. Absent where the role shows no prices. */
  readonly tariffs?: TariffBook;
  readonly keeper: Timekeeper;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly reader: Pick<CardReader, 'state'>;
  readonly uplink: Uplink;
  readonly probe: Probe;
  readonly log: Logger;
  readonly limits: AgentLimits;
  /** What health reports of this role's work since the start. */
  readonly counters: () => Pick<DeviceHealth['counters'], 'accepted' | 'refused' | 'latencyMsMax'>;
  /** Where the device is. */
  readonly place: () => Pick<DeviceHealth, 'where' | 'position' | 'nextStopId'>;
  /** What this role alone reports. */
  readonly moreHealth?: () => Pick<DeviceHealth, 'cardLogs'>;
  /** The connection came or went, the journal failed or works again. */
  readonly onChanged: () => void;
  /** The epoch that goes on: a new one has begun, or a failed journal works again. */
  readonly onEpoch: (epoch: string) => void;
}

/** The ties of one device. */
export interface CityTies {
  start(): Promise<void>;
  /** Whoever writes records stops first. */
  stop(): Promise<void>;
  /** There is a new record. */
  pump(): void;
  /** Nobody has time for pauses: a new try to connect, or what is not receipted is offered. */
  deliver(): void;
  online(): boolean;
  /** Tries a failed journal again; true when records can be written. */
  recovered(): boolean;
  health(): DeviceHealth;
  counters(): Readonly<LinkCounters>;
}

/** Makes them; nothing runs before `start`. */
export function createCityTies(deps: CityTiesDeps): CityTies {
  return new Ties(deps);
}

class Ties implements CityTies {
  private readonly deps: CityTiesDeps;
  private readonly upload: Upload;
  private readonly link: CityLink;
  private readonly tariffs: TariffFetcher | undefined;
  private receiptLane: Promise<void> = Promise.resolve();
  private running = false;
  private warnedNearlyFull = false;
  private cancelTick: (() => void) | undefined;
  private cancelHealth: (() => void) | undefined;

  constructor(deps: CityTiesDeps) {
    const { device, journal, keeper, timers, limits, uplink } = deps;
    this.deps = deps;
    this.upload = createUpload({
      deviceId: device.deviceId,
      journal,
      timers,
      chance: deps.chance,
      limits: limits.upload,
      monoMs: () => keeper.monoMs(),
      connected: () => this.online(),
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
      onNewEpoch: () => deps.onEpoch(journal.head().epoch),
    });
    this.tariffs =
      deps.tariffs &&
      createTariffFetcher({ ...deps, tariffs: deps.tariffs, onTaken: () => this.sendHealth() });
  }

  async start(): Promise<void> {
    this.running = true;
    this.tick();
    await this.deps.uplink.start({
      onConnected: () => {
        this.deps.onChanged();
        this.upload.restart();
        this.sendHealth();
      },
      onLost: () => this.deps.onChanged(),
      onReceipt: (payload) => this.receipt(payload),
      onCommand: (payload) => this.link.command(payload),
      onDenyManifest: (payload) => this.link.denyManifest(payload),
      onTariffManifest: (payload) => this.tariffs?.manifest(payload),
    });
    this.scheduleHealth();
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    this.running = false;
    this.cancelTick?.();
    this.cancelHealth?.();
    this.upload.stop();
    await this.deps.uplink.stop();
    await this.link.stop();
    await this.tariffs?.stop();
    await this.receiptLane;
  }

  pump(): void {
    this.upload.pump();
  }

  deliver(): void {
    if (this.online()) this.upload.hurry();
    else this.deps.uplink.hurry();
  }

  online(): boolean {
    return this.running && this.deps.uplink.connected;
  }

  recovered(): boolean {
    const { journal, keeper, log, onEpoch } = this.deps;
    if (!journal.broken()) return true;
    if (!journal.tryRecover(keeper.evidence())) return false;
    log.info('edge.journal.works-again');
    onEpoch(journal.head().epoch);
    this.upload.pump();
    return true;
  }

  health(): DeviceHealth {
    const { counters, place, moreHealth } = this.deps;
    return { ...reportHealth(this.deps, counters(), place()), ...moreHealth?.() };
  }

  counters(): Readonly<LinkCounters> {
    return this.link.counters();
  }

  /** Once a tick a failed disk gets another try. */
  private tick(): void {
    const { timers, limits, onChanged } = this.deps;
    this.recovered();
    this.warnNearlyFull();
    onChanged();
    this.cancelTick = timers.after(limits.tickMs, () => this.tick());
  }

  private warnNearlyFull(): void {
    const { journal, device, log } = this.deps;
    const { open } = journal.counts();
    const capacity = device.policy.journalRecordsMax;
    const nearly = open >= capacity * NEARLY_FULL;
    if (nearly && !this.warnedNearlyFull) log.warn({ open, capacity }, 'edge.journal.nearly-full');
    this.warnedNearlyFull = nearly;
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
    if (!this.online()) return;
    const timeNonce = this.link.askTime();
    const health = { ...this.health(), ...(timeNonce !== undefined && { timeNonce }) };
    uplink.publishHealth(health).catch((err: unknown) => log.debug({ err }, 'edge.health.not-sent'));
  }
}
