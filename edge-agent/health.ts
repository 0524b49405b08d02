/**
 * What a device says of itself every few seconds. Neither a token nor a card nor a rider category is in it.
 */
import type { DeviceHealth } from '#contracts/device-report.ts';
import type { PinnedKeys } from '#contracts/signed-envelope.ts';
import type { Timekeeper } from './clock-evidence.ts';
import type { DenyList } from './deny-list.ts';
import type { Journal } from './journal.ts';
import type { CardReader, Device } from './ports.ts';
import type { TariffBook } from './tariff-book.ts';

/** Keys of the city that the device believes at the moment. */
export interface BelievedKeys {
  readonly ingestKeys: PinnedKeys;
  readonly listKeys: PinnedKeys;
}

export interface HealthSources {
  readonly device: Pick<Device, 'deviceId' | 'policy'> & BelievedKeys;
  readonly journal: Journal;
  readonly keeper: Timekeeper;
  readonly denyList: DenyList;
  readonly reader: Pick<CardReader, 'state'>;
  readonly tariffs?: Pick<TariffBook, 'held'>;
}

/** Puts the report together. `counters` are since the start; the position is the vehicle's, WGS 84. */
export function reportHealth(
  sources: HealthSources,
  counters: { readonly accepted: number; readonly refused: number; readonly latencyMsMax: number },
  place: Pick<DeviceHealth, 'where' | 'position' | 'nextStopId'>,
): DeviceHealth {
  const { device, journal, keeper, denyList, reader } = sources;
  const { open, again, accepted: held, quarantined } = journal.counts();
  const { epoch, seq } = journal.head();
  const { version, entries, vouchedAtMs } = denyList.state();
  const { syncAgeMs, offsetMs } = keeper.state();
  const nowMs = keeper.nowMs();
  const { accepted, refused, latencyMsMax } = counters;
  const { state, recoveries } = reader.state();
  const tariff = sources.tariffs?.held();
  return {
    v: 1,
    deviceId: device.deviceId,
    atMs: nowMs,
    epoch,
    bootId: keeper.runId,
    seq,
    journal: {
      unreceipted: open + again,
      kept: held + quarantined,
      capacity: device.policy.journalRecordsMax,
      forgottenUnsaved: journal.forgottenUnsaved(),
    },
    reader: { state, recoveries },
    denyList: { version, entries, ageMs: vouchedAtMs === null ? null : Math.max(0, nowMs - vouchedAtMs) },
    ...(tariff && { tariff }),
    clock: { syncAgeMs, offsetMs },
    pinned: { ingest: [...device.ingestKeys.keys()], lists: [...device.listKeys.keys()] },
    counters: { accepted, refused, latencyMsMax },
    ...place,
  };
}
