/** Commands that deny or allow media: each becomes a dated fact, or one for each medium of an account. */
import { span } from '../assign-commands.ts';
import type { Payload } from '../command-kinds.ts';
import type { DenyFact, Desk, Naming, Refusal } from '../commands.ts';
import { entryIdOf, mediaNow } from './account-denials.ts';

const OWING = { action: 'deny', reason: 'debt', scope: 'all', validUntilMs: null } as const;
const ALLOWED = { action: 'allow', reason: null, scope: null, validUntilMs: null } as const;

type Word = Omit<DenyFact, 'entryId' | 'knownFromMs' | 'tokenId'>;

/** One medium is denied. */
export function denyMedium(payload: Payload<'deny-medium'>, naming: Naming, desk: Desk): Refusal {
  const { tokenId, reason, scope, ...rest } = payload;
  return say([tokenId], { action: 'deny', reason, scope, ...span(rest) }, naming, desk);
}

/** One medium is taken again; one that owes stays denied for what it owes. */
export function allowMedium({ tokenId }: Payload<'allow-medium'>, naming: Naming, desk: Desk): Refusal {
  return say([tokenId], { ...ALLOWED, validFromMs: naming.knownFromMs }, naming, desk);
}

/** Every medium linked to the account now is denied. */
export function denyAccount(payload: Payload<'deny-account'>, naming: Naming, desk: Desk): Refusal {
  const { accountId, reason, scope, ...rest } = payload;
  return sayOfAll(accountId, { action: 'deny', reason, scope, ...span(rest) }, naming, desk);
}

/** Every medium linked to the account now is taken again, but for those that owe. */
export function allowAccount({ accountId }: Payload<'allow-account'>, naming: Naming, desk: Desk): Refusal {
  return sayOfAll(accountId, { ...ALLOWED, validFromMs: naming.knownFromMs }, naming, desk);
}

function sayOfAll(accountId: string, word: Word, naming: Naming, desk: Desk): Refusal {
  const { context, writes } = desk;
  const tokens = mediaNow(accountId, context.media.get(accountId) ?? [], writes, context.nowMs);
  if (tokens.size === 0) return { reason: 'ACCOUNT_WITHOUT_MEDIA', detail: accountId };
  return say([...tokens], word, naming, desk, ({ commandId }, tokenId) => entryIdOf(commandId, tokenId));
}

/**
 * Keeps a word on media. The latest known counts alone, so where it lets one that owes on now (it is allowed, or denied from a later
 * date) the debt's own word comes after it: what was said stands below, and counts again when nothing is owed any more.
 */
function say(
  tokens: readonly string[],
  word: Word,
  naming: Naming,
  { context, writes, known }: Desk,
  idOf = ({ commandId }: Naming, _tokenId: string): string => commandId,
): Refusal {
  const { commandId, knownFromMs } = naming;
  for (const tokenId of tokens)
    writes.denials.push({ ...word, tokenId, entryId: idOf(naming, tokenId), knownFromMs });
  const letsOn = word.action === 'allow' || word.validFromMs > knownFromMs;
  const owing = letsOn ? tokens.filter((tokenId) => context.bank.owing.has(tokenId)) : [];
  if (owing.length === 0) return null;
  known.ms += 1;
  for (const tokenId of owing) {
    const entryId = entryIdOf(commandId, `${tokenId} owes`);
    writes.denials.push({ ...OWING, tokenId, entryId, validFromMs: knownFromMs, knownFromMs: known.ms });
  }
  return null;
}
