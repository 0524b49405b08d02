/**
 * Receipt: "these bytes are durably held here, accepted or quarantined". Only a receipt frees a record from a
 * device's duty to offer it; a PUBACK says nothing (docs/decisions/0010).
 */
import { type Static, Type } from 'typebox';
import { DeviceId, EpochId, InstantMs, Seq, Sha256Hex } from './ids.ts';
import { RejectionCode } from './reason-codes.ts';
import { envelopeOpener } from './signed-envelope.ts';

/** Consecutive records of one epoch and what became of them. */
export const ReceiptRange = Type.Object({
  epoch: EpochId,
  fromSeq: Seq,
  toSeq: Seq,
  /** Hash of the record at `toSeq` as held here: a device compares it with its own before it frees anything. */
  head: Sha256Hex,
  status: Type.Union([Type.Literal('accepted'), Type.Literal('quarantined')]),
  /** Why quarantined. */
  reason: Type.Optional(RejectionCode),
});
export type ReceiptRange = Static<typeof ReceiptRange>;

export const Receipt = Type.Object({
  v: Type.Literal(1),
  deviceId: DeviceId,
  /** Life of the database: a restore from a backup begins a new one, and devices offer everything again. */
  incarnation: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  /** Instant up to which commits are in a backup; records received before it may be forgotten. */
  backupWatermarkMs: Type.Union([InstantMs, Type.Null()]),
  /** City time when the receipt was made: the device syncs its clock by it. */
  issuedAtMs: InstantMs,
  ranges: Type.Array(ReceiptRange, { minItems: 1, maxItems: 256 }),
});
export type Receipt = Static<typeof Receipt>;

/** Opens a signed receipt. */
export const openReceipt = envelopeOpener('receipt', Receipt);
