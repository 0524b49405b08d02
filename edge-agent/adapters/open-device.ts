/**
 * What every role of the edge stands on: device folder, identity, clock, journal, deny list, the way to the city and the
 * reader. A validator, an inspector's device and an issuing station differ in what they do with it.
 */
import type { Clock } from '#platform/clock.ts';
import { openDataFolder } from '#platform/data-folder.ts';
import type { Logger } from '#platform/logger.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import { AGENT_LIMITS, type AgentLimits } from '../agent-limits.ts';
import { createTimekeeper, type Timekeeper } from '../clock-evidence.ts';
import type { EdgeConfig } from '../config.ts';
import { createDenyList, type DenyList } from '../deny-list.ts';
import type { Journal } from '../journal.ts';
import { createKeyPins, type KeyPins } from '../key-pins.ts';
import type { CardReader, Chance, Device, Timers, Uplink } from '../ports.ts';
import { keepRenewed, type RenewalOutcome } from '../renewal.ts';
import { openTariffBook, type TariffBook } from '../tariff-book.ts';
import { readClockFile, writeClockFile } from './clock-file.ts';
import { openDenyStore } from './deny-store.ts';
import { saveKeys } from './device-folder.ts';
import { type DeviceIdentity, holdIdentity } from './device-identity.ts';
import { openDeviceJournal, randomHex, rememberEpoch, SOFTWARE } from './device-journal.ts';
import { loadDevice } from './load-device.ts';
import { createMqttUplink } from './mqtt-uplink.ts';
import { tariffFile } from './tariff-file.ts';
import { realTimers } from './timers.ts';

export interface OpenDeviceDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly probe?: Probe;
}

/** Everything of a device but its reader and its screen. */
export interface OpenedDevice {
  readonly device: Device;
  /** For the preview. */
  readonly tariffs: TariffBook;
  readonly journal: Journal;
  readonly denyList: DenyList;
  readonly keeper: Timekeeper;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly pins: KeyPins;
  readonly uplink: Uplink;
  readonly probe: Probe;
  readonly log: Logger;
  readonly limits: AgentLimits;
  /** To be called with each new epoch. */
  readonly onEpoch: (epoch: string) => void;
  /** Asks for a successor of the certificate now. */
  readonly renewNow: () => Promise<RenewalOutcome>;
  /** Closed last first; a role adds its own. */
  readonly closers: Closers;
  /** Once the role runs: looks after list and certificate. */
  startCare(): void;
}

/** What is to be closed when a role ends. */
export interface Closers {
  add(close: () => void | Promise<void> | undefined): void;
  /** Last opened, first closed; each is tried, once. */
  close(): Promise<void>;
}

/**
 * Opens a device in its folder.
 * @throws OperatorError when the folder is in use, invalid, or its disk cannot be written.
 */
export async function openDevice(config: EdgeConfig, deps: OpenDeviceDeps): Promise<OpenedDevice> {
  const device = loadDevice(config.deviceDir);
  const folder = openDataFolder(config.deviceDir);
  const log = deps.log.child({ deviceId: device.deviceId });
  const closers = createClosers();
  closers.add(() => folder.release());
  try {
    return openParts(config, { ...deps, log }, device, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

function openParts(config: EdgeConfig, deps: OpenDeviceDeps, device: Device, closers: Closers): OpenedDevice {
  const { log, probe = noProbe } = deps;
  const { deviceDir } = config;
  const identity = holdIdentity(device, { deviceDir, log, probe });
  const keeper = createTimekeeper(deps.clock, {
    saved: readClockFile(deviceDir, log),
    drawBootId: randomHex,
    save: (saved) => writeClockFile(deviceDir, saved, log),
  });
  closers.add(() => writeClockFile(deviceDir, keeper.saved(), log));
  const { journal, store } = openDeviceJournal(config, device, identity, keeper, deps);
  closers.add(() => store.close());
  const deny = openDenyStore(deviceDir, { rest: realTimers.rest, probe });
  if (deny.replaced) log.warn('edge.deny-list.unreadable-replaced');
  closers.add(() => deny.store.close());
  const denyKeys = { lists: device.listKeys, generations: device.listGenerationKeys };
  const denyList = createDenyList(deny.store, denyKeys, realTimers.rest);
  return {
    device,
    tariffs: openTariffBook(tariffFile(deviceDir), device.listKeys, log),
    journal,
    denyList,
    keeper,
    timers: realTimers,
    chance: Math.random,
    pins: createKeyPins({
      keys: { ingest: device.ingestKeys, lists: device.listKeys },
      announcedAtMs: device.keysAnnouncedAtMs,
      save: (announcement) => saveKeys(deviceDir, announcement),
    }),
    uplink: createMqttUplink({
      url: config.mqttUrl ?? device.mqttUrl,
      deviceId: device.deviceId,
      secret: device.mqttSecret,
      ...(device.certificate && { tls: identity.tls }),
      software: SOFTWARE,
      log,
    }),
    probe,
    log,
    limits: {
      ...AGENT_LIMITS,
      ...config.limits,
      ...(config.healthIntervalMs !== undefined && { healthIntervalMs: config.healthIntervalMs }),
    },
    onEpoch: (epoch) => rememberEpoch(deviceDir, epoch, log),
    renewNow: () => identity.renew(),
    closers,
    startCare: () => {
      void verifyDenyList(denyList, log);
      const renewal = device.enrolmentUrl === undefined ? undefined : startRenewal(identity, log);
      closers.add(() => renewal?.stop());
      log.info({ epoch: journal.head().epoch, seq: journal.head().seq }, 'edge.started');
    },
  };
}

function startRenewal({ validity, renew }: DeviceIdentity, log: Logger): { stop(): Promise<void> } {
  const machineMs = () => Date.now();
  return keepRenewed({ validity, renew, machineMs, timers: realTimers, chance: Math.random, log });
}

/** A damaged part is found before a card asks for it, and fetched again; cards are answered meanwhile. */
async function verifyDenyList(denyList: DenyList, log: Logger): Promise<void> {
  if (!(await denyList.verify())) log.warn('edge.deny-list.damaged-fetched-again');
}

function createClosers(): Closers {
  const list: (() => void | Promise<void> | undefined)[] = [];
  let closing: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    let failure: unknown;
    for (let close = list.pop(); close; close = list.pop()) {
      try {
        await close();
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  };
  return {
    add: (close) => void list.push(close),
    close: () => {
      closing ??= closeAll();
      return closing;
    },
  };
}

/** The reader of a device with PC/SC. `nowMs`: the city's time as the device knows it. */
export async function openPcscReader(
  config: EdgeConfig,
  log: Logger,
  nowMs: () => number,
): Promise<CardReader> {
  // Only a device with a real reader loads its native parts.
  const { createPcscCardReader } = await import('./pcsc-card-reader.ts');
  return createPcscCardReader({
    deviceDir: config.deviceDir,
    log,
    nowMs,
    ...(config.readerName !== undefined && { readerName: config.readerName }),
  });
}
