/**
 * Whose tap it is: the account linked to the medium at the fare instant, by the latest link known. A medium that nobody
 * linked has an account derived from its token, so that it can ride, owe and later be taken over.
 */
import { sha256Hex } from '#contracts/hash-chain.ts';
import { covers, knownBy, type MediaLink } from './facts.ts';

/** Account of a medium that nobody linked: `acc-` + 32 hex digits of the token's SHA-256. */
export const derivedAccountId = remembering(
  (tokenId) => `acc-${sha256Hex(`kvytok account of ${tokenId}`).slice(0, 32)}`,
);

/** A medium as pricing sees it: tells two of one account apart, and leads to no token outside (bundles carry it). */
export const mediumIdOf = remembering(
  (tokenId) => `med-${sha256Hex(`kvytok medium of ${tokenId}`).slice(0, 16)}`,
);

const REMEMBERED_MAX = 20_000;

/** The same function: a chunk asks for a token's names several times, and hashing costs more than looking up. */
function remembering(nameOf: (tokenId: string) => string): (tokenId: string) => string {
  const known = new Map<string, string>();
  return (tokenId) => {
    const before = known.get(tokenId);
    if (before !== undefined) return before;
    if (known.size >= REMEMBERED_MAX) known.clear();
    const name = nameOf(tokenId);
    known.set(tokenId, name);
    return name;
  };
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
