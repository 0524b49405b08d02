/** Commands that deny or allow media: each becomes a dated fact, or one for each medium of an account. */
import { span } from '../assign-commands.ts';
import type { Payload } from '../command-kinds.ts';
import type { DenyFact, Desk, Naming, Refusal } from '../commands.ts';
import { entryIdOf, mediaNow } from './account-denials.ts';

const ALLOWED = { action: 'allow', reason: null, scope: null, validUntilMs: null } as const;

/** One medium is denied. */
export function denyMedium(payload: Payload<'deny-medium'>, naming: Naming, desk: Desk): Refusal {
  const { tokenId, reason, scope, ...rest } = payload;
  return deny({ tokenId, action: 'deny', reason, scope, ...span(rest) }, naming, desk);
}

/** One medium is taken again. */
export function allowMedium({ tokenId }: Payload<'allow-medium'>, naming: Naming, desk: Desk): Refusal {
  return deny({ ...ALLOWED, tokenId, validFromMs: naming.knownFromMs }, naming, desk);
}

/** Every medium linked to the account now is denied. */
export function denyAccount(payload: Payload<'deny-account'>, naming: Naming, desk: Desk): Refusal {
  const { accountId, reason, scope, ...rest } = payload;
  return denyAll(accountId, { action: 'deny', reason, scope, ...span(rest) }, naming, desk);
}

/** Every medium linked to the account now is taken again. */
export function allowAccount({ accountId }: Payload<'allow-account'>, naming: Naming, desk: Desk): Refusal {
  return denyAll(accountId, { ...ALLOWED, validFromMs: naming.knownFromMs }, naming, desk);
}

function deny(fact: Omit<DenyFact, 'entryId' | 'knownFromMs'>, naming: Naming, desk: Desk): Refusal {
  desk.writes.denials.push({ ...fact, entryId: naming.commandId, knownFromMs: naming.knownFromMs });
  return null;
}

function denyAll(
  accountId: string,
  fact: Omit<DenyFact, 'entryId' | 'knownFromMs' | 'tokenId'>,
  { commandId, knownFromMs }: Naming,
  { context, writes }: Desk,
): Refusal {
  const tokens = mediaNow(accountId, context.media.get(accountId) ?? [], writes, context.nowMs);
  if (tokens.size === 0) return { reason: 'ACCOUNT_WITHOUT_MEDIA', detail: accountId };
  for (const tokenId of tokens)
    writes.denials.push({ ...fact, tokenId, entryId: entryIdOf(commandId, tokenId), knownFromMs });
  return null;
}
