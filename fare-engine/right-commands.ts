/** Commands about what a person has: a medium that stands for an account, a right to a concession, its end. */
import { isCountedElsewhere } from '#pricing/elsewhere.ts';
import { COUNTED_FROM_MS_MAX, COUNTED_FROM_MS_MIN } from '#pricing/fare-day.ts';
import { BOUNDARY_REACH_MS_MAX } from '#pricing/price-boundaries.ts';
import { span } from './assign-commands.ts';
import type { Payload } from './command-kinds.ts';
import type { Desk, Naming, Refusal, Touched } from './commands.ts';

/** Rides that a right or pass may concern: on an unsure clock the rider has its benefit on either border, so far as is looked. */
export function touchedByRight(
  kind: 'entitlement' | 'pass',
  accountId: string,
  fromMs: number,
  untilMs: number | null,
): Touched {
  return {
    kind,
    ref: accountId,
    fromMs: fromMs - BOUNDARY_REACH_MS_MAX,
    untilMs: untilMs === null ? null : untilMs + BOUNDARY_REACH_MS_MAX,
  };
}

export function linkMedium(
  payload: Payload<'link-medium'>,
  { commandId, knownFromMs }: Naming,
  desk: Desk,
): Refusal {
  const { tokenId, accountId } = payload;
  const { validFromMs, validUntilMs } = span(payload);
  desk.writes.links.push({ linkId: commandId, tokenId, accountId, validFromMs, validUntilMs, knownFromMs });
  desk.writes.touched.push({ kind: 'media-link', ref: tokenId, fromMs: validFromMs, untilMs: validUntilMs });
  return null;
}

export function grant(payload: Payload<'grant-entitlement'>, { knownFromMs }: Naming, desk: Desk): Refusal {
  const { entitlementId, accountId, concessionId } = payload;
  const { validFromMs, validUntilMs } = span(payload);
  const isInCalendar = validFromMs >= COUNTED_FROM_MS_MIN && validFromMs <= COUNTED_FROM_MS_MAX;
  if (isCountedElsewhere(concessionId) && !isInCalendar)
    return { reason: 'COMMAND_MALFORMED', detail: `/validFromMs: nothing was counted at ${validFromMs}` };
  const entitlement = { entitlementId, accountId, concessionId, validFromMs, validUntilMs, knownFromMs };
  desk.entitlements.set(entitlementId, entitlement);
  desk.writes.entitlements.push(entitlement);
  desk.writes.touched.push(touchedByRight('entitlement', accountId, validFromMs, validUntilMs));
  return null;
}

export function revoke(payload: Payload<'revoke-entitlement'>, naming: Naming, desk: Desk): Refusal {
  const { entitlementId, validUntilMs, reason = null } = payload;
  const entitlement = desk.entitlements.get(entitlementId);
  if (entitlement === undefined) return { reason: 'ENTITLEMENT_UNKNOWN', detail: entitlementId };
  const { commandId, knownFromMs } = naming;
  desk.writes.revocations.push({
    revocationId: commandId,
    entitlementId,
    validUntilMs,
    reason,
    knownFromMs,
  });
  const fromMs = Math.max(validUntilMs, entitlement.validFromMs);
  desk.writes.touched.push(touchedByRight('entitlement', entitlement.accountId, fromMs, null));
  return null;
}
