/** From rows to the wire: pure, total, and without anything that names a person. */
import type { CountsRow, DeviceRow, PaceRow, TapRow, TotalRow } from './ports.ts';
import { redactNullable } from './redact.ts';
import type {
  CountsWire,
  DeviceState,
  DeviceWire,
  PaceWire,
  TapResult,
  TapWire,
  TotalWire,
  VehicleWire,
} from './schemas.ts';

const RESULTS_BY_KIND = ['transfer', 'same-ride', 'unpriced', 'withdrawn'] as const;

/** How the tap ended for the rider, from its kind and amounts. */
export function tapResult(tap: TapRow): TapResult {
  const own = RESULTS_BY_KIND.find((kind) => kind === tap.kind);
  if (own) return own;
  if (tap.concessionMinor > 0n) return tap.riderMinor === 0n ? 'free' : 'reduced';
  return tap.riderMinor === 0n && tap.passMinor > 0n ? 'pass' : 'paid';
}

/** A tap for the wire. */
export function tapWire(tap: TapRow): TapWire {
  return {
    tapId: tap.tapId,
    deviceId: tap.deviceId,
    vehicleId: redactNullable(tap.vehicleId),
    carrierId: tap.carrierId,
    routeId: tap.routeId,
    stopId: tap.stopId,
    tripId: redactNullable(tap.tripId),
    routeBy: tap.routeBy,
    routeFactId: tap.routeFactId,
    fareAtMs: tap.fareAtMs,
    receivedAtMs: tap.receivedAtMs,
    decidedAtMs: tap.decidedAtMs,
    mediumKind: tap.mediumKind,
    result: tapResult(tap),
    riderCategoryId: tap.riderCategoryId,
    concessionId: tap.concessionId,
    fundingId: tap.fundingId,
    grossMinor: tap.grossMinor.toString(),
    riderMinor: tap.riderMinor.toString(),
    budgetMinor: tap.concessionMinor.toString(),
    reliefMinor: (tap.transferMinor + tap.passMinor + tap.capMinor).toString(),
    currency: tap.currency,
    flags: tap.flags.slice(0, 16),
    revision: tap.revision,
  };
}

/** State of a device, for its sign and its colour. */
export function deviceState(row: DeviceRow): DeviceState {
  if (!row.online) return row.stopped && !row.health?.where?.vehicleId ? 'off' : 'offline';
  return row.health !== null && row.health.reader.state !== 'ready' ? 'out-of-order' : 'online';
}

/** A device for the wire: figures of its health report, nothing of its passengers. */
export function deviceWire(row: DeviceRow): DeviceWire {
  const health = row.health;
  return {
    deviceId: row.deviceId,
    state: deviceState(row),
    lastSeenMs: row.lastSeenMs,
    reportedAtMs: health?.atMs ?? null,
    vehicleId: redactNullable(health?.where?.vehicleId ?? null),
    reader: health?.reader.state ?? null,
    readerRecoveries: health?.reader.recoveries ?? null,
    journalUnreceipted: health?.journal.unreceipted ?? null,
    journalCapacity: health?.journal.capacity ?? null,
    denyListVersion: health ? `${health.denyList.version.generation}.${health.denyList.version.n}` : null,
    denyListAgeMs: health?.denyList.ageMs ?? null,
    clockSyncAgeMs: health?.clock.syncAgeMs ?? null,
    clockOffsetMs: health?.clock.offsetMs ?? null,
    tariffVersion: health?.tariff?.version ?? null,
    accepted: health?.counters.accepted ?? null,
    refused: health?.counters.refused ?? null,
    latencyMsMax: health?.counters.latencyMsMax ?? null,
    records: Number(row.records),
    gaps: Number(row.gaps),
    unlinked: Number(row.unlinked),
    forks: Number(row.forks),
  };
}

const STATE_ORDER: readonly DeviceState[] = ['off', 'online', 'offline', 'out-of-order'];

/**
 * Vehicles on the map: where the newest health report of a vehicle's devices puts it. A vehicle shows the worst
 * state among its devices, since that is what somebody must look after.
 */
export function vehiclesOf(rows: readonly DeviceRow[]): VehicleWire[] {
  const vehicles = new Map<string, VehicleWire>();
  for (const row of rows) {
    const { health } = row;
    const vehicleId = redactNullable(health?.where?.vehicleId ?? null);
    if (!health?.position || vehicleId === null) continue;
    const own = deviceState(row);
    const known = vehicles.get(vehicleId);
    const newer = known === undefined || health.atMs > known.atMs;
    const worst = known && STATE_ORDER.indexOf(known.state) > STATE_ORDER.indexOf(own) ? known.state : own;
    const place = newer ? placeOf(health, vehicleId) : known;
    vehicles.set(vehicleId, { ...place, state: worst, devices: (known?.devices ?? 0) + 1 });
  }
  return [...vehicles.values()].sort((a, b) =>
    a.vehicleId.localeCompare(b.vehicleId, 'en', { numeric: true }),
  );
}

function placeOf(health: NonNullable<DeviceRow['health']>, vehicleId: string): VehicleWire {
  const position = health.position as NonNullable<typeof health.position>;
  return {
    vehicleId,
    routeId: health.where?.routeId ?? null,
    state: 'online',
    devices: 0,
    // Five decimals are a metre; more is noise on the wire.
    lat: Number(position.lat.toFixed(5)),
    lon: Number(position.lon.toFixed(5)),
    bearing: position.bearing ?? null,
    nextStopId: health.nextStopId ?? null,
    atMs: health.atMs,
  };
}

/** Totals for the wire. */
export function totalWire(row: TotalRow): TotalWire {
  return {
    dimension: row.dimension,
    key: row.key,
    rides: Number(row.rides),
    claimRides: Number(row.claimRides),
    grossMinor: row.grossMinor.toString(),
    riderMinor: row.riderMinor.toString(),
    budgetMinor: row.concessionMinor.toString(),
    currency: row.currency,
  };
}

/** Counts for the wire, with the reconciliation of taps: decided + waiting in the inbox ≥ accepted. */
export function countsWire(row: CountsRow): CountsWire {
  const decided = Number(row.decidedTaps);
  const waiting = Number(row.inbox) + Number(row.queue);
  const taps = Number(row.tapRecords);
  return {
    records: Number(row.records),
    taps,
    decidedTaps: decided,
    inbox: Number(row.inbox),
    queue: Number(row.queue),
    quarantined: Number(row.quarantined),
    commandsWaiting: Number(row.commandsWaiting),
    commandsRefused: Number(row.commandsRefused),
    stuck: Number(row.stuck),
    // While something waits, the difference is work under way; with nothing waiting it must be nil.
    reconciled: waiting === 0 ? decided === taps : decided <= taps,
  };
}

/** Slices of pace for the wire; empty slices between filled ones become zeros, so that a plot shows the lull. */
export function paceWire(
  rows: readonly PaceRow[],
  sliceMs: number,
  queueAt: (startMs: number) => number | null,
): PaceWire {
  const slices: PaceWire['slices'] = [];
  const first = rows[0];
  const last = rows.at(-1);
  if (!first || !last) return { sliceMs, slices };
  const byStart = new Map(rows.map((row) => [row.startMs, row]));
  for (let startMs = first.startMs; startMs <= last.startMs && slices.length < 500; startMs += sliceMs) {
    const row = byStart.get(startMs);
    slices.push({
      startMs,
      tapsPerMinute: ((row?.taps ?? 0) * 60_000) / sliceMs,
      latencyMsMedian: row?.latencyMsMedian ?? 0,
      latencyMsP95: row?.latencyMsP95 ?? 0,
      queue: queueAt(startMs),
    });
  }
  return { sliceMs, slices };
}
