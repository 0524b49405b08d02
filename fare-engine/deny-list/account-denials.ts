/** Denials of an account: one fact for each medium that is linked to it now. Pure. */
import { createHash } from 'node:crypto';
import { covers, type MediaLink } from '../facts/facts.ts';

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

/**
 * Media of an account at an instant: those known before (`stored`), as changed by links of the same batch of commands.
 * A medium has one token for each version of the token key, and each is linked: so each gets an entry.
 */
export function mediaNow(
  accountId: string,
  stored: readonly string[],
  links: readonly MediaLink[],
  nowMs: number,
): ReadonlySet<string> {
  const tokens = new Set(stored);
  for (const link of links) {
    if (!covers(link, nowMs)) continue;
    if (link.accountId === accountId) tokens.add(link.tokenId);
    else tokens.delete(link.tokenId);
  }
  return tokens;
}

/** One command, several facts: each has an id of its own that is the same whenever the command is decided. */
export function entryIdOf(commandId: string, tokenId: string): string {
  const hex = createHash('sha256').update(`${commandId}\n${tokenId}`).digest('hex');
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
