/**
 * Which share of a city an account belongs to, so that everything that may be one account's is worked on in one place: all
 * accounts that a token may stand for, and all tokens of those. Who is joined to nobody goes by his account's name.
 */
import { derivedAccountId } from '../facts/account-of.ts';
import type { MediaLink } from '../facts/facts.ts';
import { kinOf, type MediumSuccession } from '../facts/media-book.ts';

/** The share of a token's taps. */
export type HomeOf = (tokenId: string) => number;

/** @param shares how many there are */
export function homesOf(
  links: readonly MediaLink[],
  successions: readonly MediumSuccession[],
  shares: number,
): HomeOf {
  const familyOf = familiesOf(links, successions);
  return (tokenId) => hashOf(familyOf(tokenId)) % shares;
}

/** A name for all accounts that a token may stand for, and for all that their tokens may; the same for each of those tokens. */
export function familiesOf(
  links: readonly MediaLink[],
  successions: readonly MediumSuccession[],
): (tokenId: string) => string {
  const heads = new Map<string, string>();
  const headOf = (accountId: string): string => {
    let head = accountId;
    for (let next = heads.get(head); next !== undefined && next !== head; next = heads.get(head)) head = next;
    return head;
  };
  const join = (a: string, b: string): void => {
    const [one, other] = [headOf(a), headOf(b)];
    // The lesser name leads, so that the order of facts changes nothing.
    if (one !== other) heads.set(one < other ? other : one, one < other ? one : other);
  };
  const kin = kinOf(successions);
  const joined = new Set(successions.flatMap(tokensOf));
  for (const tokenId of joined)
    for (const other of kin(tokenId)) join(derivedAccountId(tokenId), derivedAccountId(other));
  for (const { tokenId, accountId } of links) join(derivedAccountId(tokenId), accountId);
  return (tokenId) => headOf(derivedAccountId(tokenId));
}

function tokensOf(said: MediumSuccession): string[] {
  if ('formerTokenId' in said) return [said.tokenId, said.formerTokenId];
  return 'replacesTokenId' in said ? [said.tokenId, said.replacesTokenId] : [said.tokenId];
}

/** FNV-1a: the same everywhere, and even enough. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
