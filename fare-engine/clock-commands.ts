/** The command by which the office says when taps of a device with a wrong clock took place. */
import type { Payload } from './command-kinds.ts';
import type { Desk, Naming, Refusal } from './commands.ts';
import type { ClockCorrection } from './facts/tap-time.ts';

/** A correction with what the office says for it. */
export interface ReasonedCorrection extends ClockCorrection {
  readonly reason: string;
  readonly act: string | null;
}

/** A correction becomes a fact; which taps it moves is found out by `work-clock.ts`. */
export function correctClock(payload: Payload<'correct-clock'>, naming: Naming, desk: Desk): Refusal {
  const { deviceId, validFromMs, validUntilMs, offsetMs, trueAtMs, epoch, fromSeq, toSeq } = payload;
  if ((offsetMs === undefined) === (trueAtMs === undefined)) {
    return { reason: 'COMMAND_MALFORMED', detail: 'one of offsetMs and trueAtMs is needed' };
  }
  if (epoch === undefined && (fromSeq !== undefined || toSeq !== undefined)) {
    return {
      reason: 'COMMAND_MALFORMED',
      detail: 'fromSeq and toSeq are places in a journal: its epoch is needed',
    };
  }
  if (fromSeq !== undefined && toSeq !== undefined && toSeq < fromSeq) {
    return { reason: 'COMMAND_INTERVAL_EMPTY', detail: `from ${fromSeq} to ${toSeq}` };
  }
  desk.writes.corrections.push({
    correctionId: naming.commandId,
    deviceId,
    validFromMs,
    validUntilMs,
    epoch: epoch ?? null,
    fromSeq: fromSeq ?? null,
    toSeq: toSeq ?? null,
    offsetMs: offsetMs ?? null,
    trueAtMs: trueAtMs ?? null,
    uncertaintyMs: payload.uncertaintyMs ?? 0,
    knownFromMs: naming.knownFromMs,
    reason: payload.reason,
    act: payload.act ?? null,
  });
  return null;
}
