/**
 * Whose tap it is: the account linked to the medium at the fare instant, by the latest link known. A medium that nobody
 * linked has an account derived from its token, so that it can ride, owe and later be taken over.
 */
import { createHash } from 'node:crypto';
import { covers, knownBy, type MediaLink } from './facts.ts';

/** Account of a medium that nobody linked: `acc-` + 32 hex digits of the token's SHA-256. */
export function derivedAccountId(tokenId: string): string {
  return `acc-${createHash('sha256').update(`kvytok account of ${tokenId}`).digest('hex').slice(0, 32)}`;
}

/** A medium as pricing sees it: tells two of one account apart, and leads to no token outside (bundles carry it). */
export function mediumIdOf(tokenId: string): string {
  return `med-${createHash('sha256').update(`kvytok medium of ${tokenId}`).digest('hex').slice(0, 16)}`;
}

/** The account of a medium at an instant. `links` may hold those of other media too. */
export function accountOf(
  tokenId: string,
  fareAtMs: number,
  links: readonly MediaLink[],
  knownAsOfMs: number | null,
): string {
  return linkOf(tokenId, fareAtMs, links, knownAsOfMs)?.accountId ?? derivedAccountId(tokenId);
}

/** The link that holds: the latest known of those that cover the instant. */
export function linkOf(
  tokenId: string,
  fareAtMs: number,
  links: readonly MediaLink[],
  knownAsOfMs: number | null,
): MediaLink | undefined {
  let best: MediaLink | undefined;
  for (const link of links) {
    if (link.tokenId !== tokenId || !covers(link, fareAtMs) || !knownBy(link, knownAsOfMs)) continue;
    if (best === undefined || isLater(link, best)) best = link;
  }
  return best;
}

function isLater(a: MediaLink, b: MediaLink): boolean {
  return a.knownFromMs === b.knownFromMs ? a.linkId > b.linkId : a.knownFromMs > b.knownFromMs;
}
