/** Commands about cards and who may issue them: a lost card's successor, issuing stations. */
import type { Payload } from './command-kinds.ts';
import type { Desk, Naming, Refusal } from './commands.ts';

/** Whether a device may issue cards, as it is kept. */
export interface StationFact {
  readonly stationId: string;
  readonly deviceId: string;
  readonly allowed: boolean;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
}

/** That a medium takes another's place, as the office says it. */
export interface ReplacementFact {
  readonly replacementId: string;
  readonly tokenId: string;
  readonly replacesTokenId: string;
  readonly validFromMs: number;
  readonly knownFromMs: number;
}

/**
 * Everything moves: the new medium stands for the old one's account, whether that was linked or derived, so balance,
 * passes, entitlements and history are there at once; and the old one is denied. Both follow from the fact.
 */
export function replaceMedium(
  { tokenId, replacesTokenId, validFromMs }: Payload<'replace-medium'>,
  { commandId, knownFromMs }: Naming,
  { writes }: Desk,
): Refusal {
  if (tokenId === replacesTokenId)
    return { reason: 'COMMAND_MALFORMED', detail: 'a medium does not replace itself' };
  writes.replacements.push({ replacementId: commandId, tokenId, replacesTokenId, validFromMs, knownFromMs });
  return null;
}

/** A device may issue cards, or may no more. */
export function sayStation(
  { deviceId, allowed, validFromMs, validUntilMs = null }: Payload<'say-station'>,
  { commandId, knownFromMs }: Naming,
  { writes }: Desk,
): Refusal {
  writes.stations.push({
    stationId: commandId,
    deviceId,
    allowed,
    validFromMs,
    validUntilMs,
    knownFromMs,
  });
  return null;
}
