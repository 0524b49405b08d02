/** Commands about cards and who may issue them: a lost card's successor, issuing stations. */
import type { Payload } from './command-kinds.ts';
import type { Desk, Naming, Refusal } from './commands.ts';
import { createMediaBook } from './facts/media-book.ts';

/** Whether a device may issue cards, as it is kept. */
export interface StationFact {
  readonly stationId: string;
  readonly deviceId: string;
  readonly allowed: boolean;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
}

/** Media whose accounts these commands hand on, for the adapter to load. */
export function mediaReplaced(
  commands: readonly { readonly kind: string; readonly payload: unknown }[],
): string[] {
  return commands
    .filter(({ kind }) => kind === 'replace-medium')
    .map(({ payload }) => (payload as Record<string, unknown> | null)?.['replacesTokenId'])
    .filter((id): id is string => typeof id === 'string');
}

/**
 * Everything moves: the new medium stands for the old one's account, whether that was linked or derived, so balance,
 * passes, entitlements and history are there at once; and the old one is denied.
 */
export function replaceMedium(
  { tokenId, replacesTokenId, validFromMs }: Payload<'replace-medium'>,
  { commandId, knownFromMs }: Naming,
  { context, writes }: Desk,
): Refusal {
  if (tokenId === replacesTokenId)
    return { reason: 'COMMAND_MALFORMED', detail: 'a medium does not replace itself' };
  const media = createMediaBook([...context.replacedLinks, ...writes.links], context.replacedSuccessions);
  // A station's clock may be ahead: what was linked up to its instant counts.
  const asOfMs = Math.max(context.nowMs, validFromMs);
  const accountId = media.accountOf(replacesTokenId, asOfMs, null);
  writes.links.push({
    linkId: commandId,
    tokenId,
    accountId,
    validFromMs,
    validUntilMs: null,
    knownFromMs,
  });
  writes.touched.push({ kind: 'media-link', ref: tokenId, fromMs: validFromMs, untilMs: null });
  const denial = {
    action: 'deny',
    reason: 'replaced',
    scope: 'all',
    validFromMs,
    validUntilMs: null,
  } as const;
  writes.denials.push({ ...denial, entryId: commandId, tokenId: replacesTokenId, knownFromMs });
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
