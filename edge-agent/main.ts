/**
 * Wires one validator: device folder, journal, deny list, reader, uplink and screen around the agent.
 */
import { createPublicKey, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { headMessage, verifyBytes } from '#contracts/hash-chain.ts';
import { parseRecord } from '#contracts/record.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import type { Clock } from '#platform/clock.ts';
import { openDataFolder } from '#platform/data-folder.ts';
import { OperatorError, systemCode } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import type { Role } from '#platform/role.ts';
import { readClockFile, writeClockFile } from './adapters/clock-file.ts';
import { openDenyStore } from './adapters/deny-store.ts';
import { saveKeys } from './adapters/device-folder.ts';
import { type DeviceIdentity, holdIdentity } from './adapters/device-identity.ts';
import { loadDevice } from './adapters/load-device.ts';
import { createMqttUplink } from './adapters/mqtt-uplink.ts';
import { openScreenServer, type ScreenServer } from './adapters/screen-server.ts';
import { type DamageCare, openSqliteJournal } from './adapters/sqlite-journal.ts';
import { realTimers } from './adapters/timers.ts';
import { type Agent, createAgent } from './agent.ts';
import { AGENT_LIMITS } from './agent-limits.ts';
import { createTimekeeper, type Timekeeper } from './clock-evidence.ts';
import type { EdgeConfig } from './config.ts';
import { createDenyList, type DenyList } from './deny-list.ts';
import { type Journal, openJournal } from './journal.ts';
import { createKeyPins } from './key-pins.ts';
import { type CardReader, type Device, type JournalStore, type Screen, StoreFailure } from './ports.ts';
import { keepRenewed, type RenewalOutcome } from './renewal.ts';

/** What an agent says it runs; goes into status and epoch records. */
export const SOFTWARE = 'kvytok-edge 0.1.0';

/** Receipted records kept for a restored database unless configured otherwise. */
const KEPT_RECORDS_MAX = 10_000;

export interface EdgeDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly probe?: Probe;
  /** A reader in this process; without it the PC/SC reader is used. */
  readonly reader?: CardReader;
}

export interface EdgeRole extends Role {
  readonly agent: Agent;
  readonly deviceId: string;
  /** Asks for a successor of the certificate now, without waiting for its time. */
  readonly renewNow: () => Promise<RenewalOutcome>;
  /** Address of the screen page, null when there is none. */
  readonly screenUrl: string | null;
}

/**
 * Starts one agent in its device folder. Resolves as soon as cards can be answered; the city may be away.
 * @throws OperatorError when the folder is in use, invalid, or its disk cannot be written.
 */
export async function startEdge(config: EdgeConfig, deps: EdgeDeps): Promise<EdgeRole> {
  const device = loadDevice(config.deviceDir);
  const folder = openDataFolder(config.deviceDir);
  const log = deps.log.child({ deviceId: device.deviceId });
  const closers: (() => void | Promise<void>)[] = [() => folder.release()];
  try {
    const identity = holdIdentity(device, {
      deviceDir: config.deviceDir,
      log,
      ...(deps.probe && { probe: deps.probe }),
    });
    const keeper = createTimekeeper(deps.clock, {
      saved: readClockFile(config.deviceDir, log),
      drawBootId: randomHex,
      save: (saved) => writeClockFile(config.deviceDir, saved, log),
    });
    closers.push(() => writeClockFile(config.deviceDir, keeper.saved(), log));
    const { journal, store } = openDeviceJournal(config, device, identity, keeper, { ...deps, log });
    closers.push(() => store.close());
    const deny = openDenyStore(config.deviceDir, {
      rest: realTimers.rest,
      ...(deps.probe && { probe: deps.probe }),
    });
    if (deny.replaced) log.warn('edge.deny-list.unreadable-replaced');
    closers.push(() => deny.store.close());
    const screen = await openScreen(config);
    closers.push(() => screen?.stop());
    const denyKeys = { lists: device.listKeys, generations: device.listGenerationKeys };
    const denyList = createDenyList(deny.store, denyKeys, realTimers.rest);
    const agent = createAgent({
      device,
      journal,
      denyList,
      keeper,
      timers: realTimers,
      chance: Math.random,
      reader: deps.reader ?? (await pcscReader(config, log)),
      pins: createKeyPins({
        keys: { ingest: device.ingestKeys, lists: device.listKeys },
        announcedAtMs: device.keysAnnouncedAtMs,
        save: (announcement) => saveKeys(config.deviceDir, announcement),
      }),
      uplink: createMqttUplink({
        url: config.mqttUrl ?? device.mqttUrl,
        deviceId: device.deviceId,
        secret: device.mqttSecret,
        ...(device.certificate && { tls: identity.tls }),
        software: SOFTWARE,
        log,
      }),
      screen: screen ?? NO_SCREEN,
      probe: deps.probe ?? noProbe,
      log,
      limits: {
        ...AGENT_LIMITS,
        ...config.limits,
        ...(config.healthIntervalMs !== undefined && { healthIntervalMs: config.healthIntervalMs }),
      },
      language: config.language ?? 'uk',
      onEpoch: (epoch) => rememberEpoch(config.deviceDir, epoch, log),
    });
    closers.push(() => agent.stop());
    await agent.start();
    void verifyDenyList(denyList, log);
    const renewal = device.enrolmentUrl === undefined ? undefined : startRenewal(identity, log);
    closers.push(() => renewal?.stop());
    log.info({ epoch: journal.head().epoch, seq: journal.head().seq }, 'edge.started');
    const renewNow = () => identity.renew();
    return asRole({ deviceId: device.deviceId, agent, screenUrl: screen?.url ?? null, renewNow }, closers);
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

function startRenewal({ validity, renew }: DeviceIdentity, log: Logger): { stop(): Promise<void> } {
  const machineMs = () => Date.now();
  return keepRenewed({ validity, renew, machineMs, timers: realTimers, chance: Math.random, log });
}

/** A damaged part is found before a card asks for it, and fetched again; cards are answered meanwhile. */
async function verifyDenyList(denyList: DenyList, log: Logger): Promise<void> {
  if (!(await denyList.verify())) log.warn('edge.deny-list.damaged-fetched-again');
}

function asRole(parts: Omit<EdgeRole, 'name' | 'stop'>, closers: (() => void | Promise<void>)[]): EdgeRole {
  let stopping: Promise<void> | undefined;
  return {
    name: `edge ${parts.deviceId}`,
    ...parts,
    stop: () => {
      stopping ??= closeAll(closers);
      return stopping;
    },
  };
}

/** Last opened, first closed; each is tried. */
async function closeAll(closers: (() => void | Promise<void>)[]): Promise<void> {
  let failure: unknown;
  for (let close = closers.pop(); close; close = closers.pop()) {
    try {
      await close();
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
}

const NO_SCREEN: Screen = { show() {} };

async function openScreen(config: EdgeConfig): Promise<ScreenServer | undefined> {
  const { screenPort } = config;
  return screenPort === undefined || screenPort === null ? undefined : openScreenServer(screenPort);
}

async function pcscReader(config: EdgeConfig, log: Logger): Promise<CardReader> {
  // Only a device with a real reader loads its native parts.
  const { createPcscCardReader } = await import('./adapters/pcsc-card-reader.ts');
  return createPcscCardReader({
    deviceDir: config.deviceDir,
    log,
    ...(config.readerName !== undefined && { readerName: config.readerName }),
  });
}

function openDeviceJournal(
  config: EdgeConfig,
  device: Device,
  identity: Pick<DeviceIdentity, 'sign' | 'signingKeys'>,
  keeper: Timekeeper,
  deps: EdgeDeps,
): { journal: Journal; store: JournalStore } {
  const path = join(config.deviceDir, 'journal.db');
  const suffix = new Date(deps.clock.nowMs()).toISOString().replaceAll(':', '');
  let store: JournalStore | undefined;
  try {
    const opened = openSqliteJournal(
      { path, ...(config.journalPagesMax !== undefined && { pagesMax: config.journalPagesMax }) },
      suffix,
      damageCare(config, device.deviceId, identity, deps),
    );
    store = opened.store;
    if (opened.damage) deps.log.error(opened.damage, 'edge.journal.damaged-moved-aside');
    const owner = ownerOf(store, device);
    if (owner === 'another-device') throw journalOfAnother(path, device.deviceId);
    const hadEpoch =
      opened.found === 'damaged' || device.epoch !== undefined || existsSync(epochFile(config.deviceDir));
    const journal = openJournal(
      {
        store,
        deviceId: device.deviceId,
        sign: identity.sign,
        limits: {
          recordsMax: device.policy.journalRecordsMax,
          keptMax: config.keptRecordsMax ?? KEPT_RECORDS_MAX,
        },
        software: SOFTWARE,
        newEpochId: randomHex,
      },
      { hadEpoch, at: keeper.evidence() },
    );
    // Signed with another key of this device: the city may know only the new one, so a new epoch follows the old.
    if (owner === 'another-key') journal.beginEpoch(keeper.evidence());
    rememberEpoch(config.deviceDir, journal.head().epoch, deps.log);
    return { journal, store };
  } catch (error) {
    store?.close();
    throw error instanceof StoreFailure ? journalUnusable(path, error) : error;
  }
}

/** What is proven in a damaged journal is offered to the city by the device itself. */
function damageCare(
  config: EdgeConfig,
  deviceId: string,
  { signingKeys }: Pick<DeviceIdentity, 'signingKeys'>,
  { log, probe = noProbe }: EdgeDeps,
): DamageCare {
  return {
    onDamage: (damage) => log.error(damage, 'edge.journal.damaged-moved-aside'),
    salvor: {
      deviceId,
      keys: signingKeys,
      runningEpoch: () => knownEpoch(config.deviceDir),
      probe,
      report: (report) => log.warn(report, 'edge.journal.salvaged'),
      failed: (file, err) =>
        log.error({ file, err }, 'edge.journal.salvage-failed: tried again at the next start'),
    },
  };
}

/** Whose journal this is, by its newest record. */
function ownerOf(store: JournalStore, device: Device): 'this' | 'another-key' | 'another-device' {
  const head = store.head();
  const newest = head && store.newest(head.epoch, 1)[0];
  if (!newest) return 'this';
  const record = parseRecord(newest.bytes);
  if (!record.ok || record.value.deviceId !== device.deviceId) return 'another-device';
  const message = headMessage({ deviceId: device.deviceId, ...newest });
  const holds = verifyBytes(message, newest.sig, createPublicKey(device.privateKey));
  return holds ? 'this' : 'another-key';
}

const epochFile = (dir: string): string => join(dir, 'journal-epoch');

/** The epoch that ran last, by the mark beside the journal. */
function knownEpoch(dir: string): string | null {
  const path = epochFile(dir);
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : null;
}

/** Leaves a mark beside the journal, so that a journal that vanishes is missed. */
function rememberEpoch(dir: string, epoch: string, log: Logger): void {
  if (knownEpoch(dir) === epoch) return;
  try {
    writeFileAtomic(epochFile(dir), `${epoch}\n`);
  } catch (error) {
    // The journal itself is written; the mark is tried again at the next start.
    if (systemCode(error) === undefined) throw error;
    log.warn({ reason: (error as Error).message }, 'edge.epoch-mark.not-written');
  }
}

function randomHex(): string {
  return randomBytes(16).toString('hex');
}

function journalOfAnother(path: string, deviceId: string): OperatorError {
  return new OperatorError({
    code: 'JOURNAL_OF_ANOTHER_DEVICE',
    happened: `The journal ${path} was not written by ${deviceId}.`,
    kept: 'It was left as it is: it may hold rides that the city has not seen.',
    todo: 'Start it with the device folder it belongs to, or move it away by hand and start again.',
  });
}

function journalUnusable(path: string, cause: StoreFailure): OperatorError {
  return new OperatorError({
    code: 'JOURNAL_UNUSABLE',
    happened: `The journal ${path} cannot be opened: ${cause.message}.`,
    kept: 'What is in it was left as it is.',
    todo: 'Free space on the disk or mend its rights, then start again.',
    cause,
  });
}
