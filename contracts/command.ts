/**
 * Command from the city to one device: signed, named, and expiring, so that a stale or foreign one does nothing.
 */
import { type Static, Type } from 'typebox';
import { DeviceId, EpochId, InstantMs, Seq, TimeNonce } from './ids.ts';
import { keyed } from './keyed.ts';
import { envelopeOpener } from './signed-envelope.ts';

const base = {
  v: Type.Literal(1),
  commandId: Type.String({ format: 'uuid' }),
  deviceId: DeviceId,
  issuedAtMs: InstantMs,
  expiresAtMs: InstantMs,
} as const;

export const DeviceCommand = Type.Union([
  /** Offer these records again although they were receipted. */
  Type.Object({ ...base, kind: Type.Literal('offer-again'), epoch: EpochId, fromSeq: Seq }),
  /** Publish a health message now. */
  Type.Object({ ...base, kind: Type.Literal('report-health') }),
  /**
   * The city's time, asked for by a health message that carried this nonce. Its end of validity is not looked at: a
   * device that asks for the time cannot judge it. The nonce is new with each question and answered once.
   */
  Type.Object({ ...base, kind: Type.Literal('tell-time'), nonce: TimeNonce, cityMs: InstantMs }),
]);
export type DeviceCommand = Static<typeof DeviceCommand>;

/** Opens a signed command. */
export const openCommand = envelopeOpener('command', DeviceCommand);

/** For what a key of the city signs: receipts and commands, or lists. */
export const KeyUse = Type.Union([Type.Literal('ingest'), Type.Literal('lists')]);
export type KeyUse = Static<typeof KeyUse>;

/**
 * From now on the city signs with these keys for this use. It comes on the topic of commands too, but is meant for every
 * device, has no end, and is signed by a key of the same use: whoever has been away for months follows step by step.
 * At least one key that is pinned already must be among them, and a later word outdoes an earlier one.
 */
export const PinKeys = Type.Object({
  v: Type.Literal(1),
  use: KeyUse,
  /** Public keys by id: Ed25519, SPKI in PEM. */
  keys: keyed('^[a-z0-9][a-z0-9-]{0,62}$', Type.String({ maxLength: 1024 }), {
    minProperties: 1,
    maxProperties: 8,
  }),
  issuedAtMs: InstantMs,
});
export type PinKeys = Static<typeof PinKeys>;

/** Opens an announcement of keys. */
export const openPinKeys = envelopeOpener('pin-keys', PinKeys);
