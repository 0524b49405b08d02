/**
 * Command from the city to one device: signed, named, and expiring, so that a stale or foreign one does nothing.
 */
import { type Static, Type } from 'typebox';
import { DeviceId, EpochId, InstantMs, Seq, TimeNonce } from './ids.ts';
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
