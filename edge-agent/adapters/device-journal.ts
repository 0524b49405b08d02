/** The journal of a device folder: opened, its owner checked, damage moved aside, an epoch begun where one is due. */
import { createPublicKey, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { headMessage, verifyBytes } from '#contracts/hash-chain.ts';
import { parseRecord } from '#contracts/record.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import type { Clock } from '#platform/clock.ts';
import { OperatorError, systemCode } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import type { Timekeeper } from '../clock-evidence.ts';
import type { EdgeConfig } from '../config.ts';
import { type Journal, openJournal } from '../journal.ts';
import { type Device, type JournalStore, StoreFailure } from '../ports.ts';
import type { DeviceIdentity } from './device-identity.ts';
import { type DamageCare, openSqliteJournal } from './sqlite-journal.ts';

/** What an agent says it runs; goes into status and epoch records. */
export const SOFTWARE = 'kvytok-edge 0.1.0';

/** Receipted records kept for a restored database unless configured otherwise. */
const KEPT_RECORDS_MAX = 10_000;

export interface DeviceJournalDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly probe?: Probe;
}

/**
 * Opens the journal of a device.
 * @throws OperatorError JOURNAL_OF_ANOTHER_DEVICE, JOURNAL_UNUSABLE.
 */
export function openDeviceJournal(
  config: EdgeConfig,
  device: Device,
  identity: Pick<DeviceIdentity, 'sign' | 'signingKeys'>,
  keeper: Timekeeper,
  deps: DeviceJournalDeps,
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
  { log, probe = noProbe }: DeviceJournalDeps,
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
export function rememberEpoch(dir: string, epoch: string, log: Logger): void {
  if (knownEpoch(dir) === epoch) return;
  try {
    writeFileAtomic(epochFile(dir), `${epoch}\n`);
  } catch (error) {
    // The journal itself is written; the mark is tried again at the next start.
    if (systemCode(error) === undefined) throw error;
    log.warn({ reason: (error as Error).message }, 'edge.epoch-mark.not-written');
  }
}

/** 128 random bits in hex. */
export function randomHex(): string {
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
