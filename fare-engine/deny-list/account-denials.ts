/** Denials of an account: one fact for each medium that stands for it now. Pure. */
import { createHash } from 'node:crypto';
import type { ReplacementFact } from '../card-commands.ts';
import { covers, type MediaLink } from '../facts/facts.ts';
import { createMediaBook, type MediumSuccession } from '../facts/media-book.ts';

/** Whether commands of this kind deny or allow all media of an account. */
export function isAccountDenial(kind: string): boolean {
  return kind === 'deny-account' || kind === 'allow-account';
}

/** Accounts whose media these commands deny or allow, for the adapter to load. */
export function accountsDenied(
  commands: readonly { readonly kind: string; readonly payload: unknown }[],
): string[] {
  return commands
    .filter(({ kind }) => isAccountDenial(kind))
    .map(({ payload }) => (payload as Record<string, unknown> | null)?.['accountId'])
    .filter((id): id is string => typeof id === 'string');
}

/** Media that stand for these accounts at an instant: linked ones, those that took the place of such a one, mates by PAR. */
export function mediaOf(
  accountIds: readonly string[],
  links: readonly MediaLink[],
  successions: readonly MediumSuccession[],
  nowMs: number,
): Map<string, string[]> {
  const book = createMediaBook(links, successions);
  const replacing = successions.filter((said) => 'replacesTokenId' in said || 'par' in said);
  const media = new Map<string, string[]>(accountIds.map((accountId) => [accountId, []]));
  for (const tokenId of new Set([...links, ...replacing].map((fact) => fact.tokenId)))
    media.get(book.accountOf(tokenId, nowMs, null))?.push(tokenId);
  return media;
}

/**
 * Media of an account at an instant: those known before (`stored`), as changed by the same batch of commands.
 * A medium has one token for each version of the token key, and each is linked: so each gets an entry.
 */
export function mediaNow(
  accountId: string,
  stored: readonly string[],
  batch: { readonly links: readonly MediaLink[]; readonly replacements: readonly ReplacementFact[] },
  nowMs: number,
): ReadonlySet<string> {
  const tokens = new Set(stored);
  for (const link of batch.links) {
    if (!covers(link, nowMs)) continue;
    if (link.accountId === accountId) tokens.add(link.tokenId);
    else tokens.delete(link.tokenId);
  }
  for (const { tokenId, replacesTokenId, validFromMs } of batch.replacements)
    if (validFromMs <= nowMs && tokens.has(replacesTokenId)) tokens.add(tokenId);
  return tokens;
}

/** One command, several facts: each has an id of its own that is the same whenever the command is decided. */
export function entryIdOf(commandId: string, tokenId: string): string {
  const hex = createHash('sha256').update(`${commandId}\n${tokenId}`).digest('hex');
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
