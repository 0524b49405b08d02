/**
 * Marks on an accepted record, from its own evidence and the time of receipt. A mark never keeps a record from being
 * priced: bad time must not cost a passenger the green light. The fare instant itself is the fare engine's to derive.
 */

import type { FlagCode } from '#contracts/reason-codes.ts';
import type { ClockEvidence } from '#contracts/record.ts';

export interface FlagLimits {
  /** Distance between a record's own time and its receipt from which it is marked; the city's figure. */
  readonly clockFarFromReceiptMs: number;
}

/** Marks of one record, in the order of {@link import('#contracts/reason-codes.ts').FLAG_CODES}. */
export function clockFlags(at: ClockEvidence, receivedAtMs: number, limits: FlagLimits): FlagCode[] {
  const flags: FlagCode[] = [];
  const { sync } = at;
  if (!sync) flags.push('CLOCK_UNSYNCED');
  const sameBoot = sync !== undefined && sync.bootId === at.bootId;
  const ownTimeMs = sameBoot ? sync.serverMs + (at.monoMs - sync.monoMs) : at.wallMs;
  if (Math.abs(ownTimeMs - receivedAtMs) > limits.clockFarFromReceiptMs) flags.push('CLOCK_FAR_FROM_RECEIPT');
  if (sync && !sameBoot) flags.push('CLOCK_OTHER_BOOT');
  return flags;
}
