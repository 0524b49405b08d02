/**
 * What a device says of itself: status (retained; the broker publishes "offline" as its last will) and health
 * (every few seconds). Neither carries a token, a card or a rider category.
 */
import { type Static, Type } from 'typebox';
import { BootId, DeviceId, EpochId, FeedId, InstantMs, Sha256Hex, TimeNonce } from './ids.ts';
import { decodeJson, type Parsed, parserOf } from './parse.ts';
import { DenyListVersion, Whereabouts } from './record.ts';
import { TariffVersion } from './tariff-extract.ts';

const count = Type.Integer({ minimum: 0 });

/** Largest status or health message in bytes. */
export const REPORT_BYTES_MAX = 4096;

export const DeviceStatus = Type.Object({
  v: Type.Literal(1),
  deviceId: DeviceId,
  online: Type.Boolean(),
  /** With `online: false`: the device says itself that it stops. A last will does not carry it. */
  stopped: Type.Optional(Type.Boolean()),
  software: Type.Optional(Type.String({ maxLength: 64 })),
});
export type DeviceStatus = Static<typeof DeviceStatus>;

const KeyIds = Type.Array(Type.String({ maxLength: 63 }), { maxItems: 8 });

export const DeviceHealth = Type.Object({
  v: Type.Literal(1),
  deviceId: DeviceId,
  atMs: InstantMs,
  epoch: EpochId,
  /** This run of the device; two that report by turns are two devices with one name. */
  bootId: Type.Optional(BootId),
  /** Last sequence number written. */
  seq: count,
  journal: Type.Object({
    unreceipted: count,
    kept: count,
    capacity: count,
    /** Receipted records forgotten since the start although no backup was known to hold them. */
    forgottenUnsaved: Type.Optional(count),
  }),
  reader: Type.Object({
    state: Type.Union([Type.Literal('ready'), Type.Literal('recovering'), Type.Literal('absent')]),
    recoveries: count,
  }),
  denyList: Type.Object({
    version: DenyListVersion,
    entries: count,
    ageMs: Type.Union([count, Type.Null()]),
  }),
  clock: Type.Object({
    syncAgeMs: Type.Union([count, Type.Null()]),
    offsetMs: Type.Union([Type.Integer(), Type.Null()]),
  }),
  /** The tariff extract that this device prices its preview by; absent = none that it believes. */
  tariff: Type.Optional(Type.Object({ version: TariffVersion, sha256: Sha256Hex })),
  /** Asks for the city's time: ingest answers with the command `tell-time` that names this nonce. */
  timeNonce: Type.Optional(TimeNonce),
  /** Ids of the city's keys that this device believes, by use; the city sees who has followed a change of keys. */
  pinned: Type.Optional(Type.Object({ ingest: KeyIds, lists: KeyIds })),
  /** Logs of cards since the start: written, not, unknown because the answer was lost, and found or missing later. */
  cardLogs: Type.Optional(
    Type.Object({
      written: count,
      notWritten: count,
      unknown: count,
      foundLater: count,
      missingLater: count,
    }),
  ),
  counters: Type.Object({ accepted: count, refused: count, latencyMsMax: Type.Number({ minimum: 0 }) }),
  where: Type.Optional(Whereabouts),
  /** Position of the vehicle, WGS 84 degrees. */
  position: Type.Optional(
    Type.Object({
      lat: Type.Number({ minimum: -90, maximum: 90 }),
      lon: Type.Number({ minimum: -180, maximum: 180 }),
      bearing: Type.Optional(Type.Number({ minimum: 0, maximum: 360 })),
    }),
  ),
  nextStopId: Type.Optional(FeedId),
});
export type DeviceHealth = Static<typeof DeviceHealth>;

const checkStatus = parserOf(DeviceStatus);
const checkHealth = parserOf(DeviceHealth);

/** Parses a status message. */
export function parseStatus(bytes: Uint8Array): Parsed<DeviceStatus> {
  const json = decodeJson(bytes, REPORT_BYTES_MAX);
  return json.ok ? checkStatus(json.value) : json;
}

/** Parses a health message. */
export function parseHealth(bytes: Uint8Array): Parsed<DeviceHealth> {
  const json = decodeJson(bytes, REPORT_BYTES_MAX);
  return json.ok ? checkHealth(json.value) : json;
}
