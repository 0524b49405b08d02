/**
 * Which share of a city an account belongs to, so that everything that may be one account's is worked on in one place: all
 * accounts that a token may stand for, and all tokens of those. Who is joined to nobody goes by his account's name.
 */
import { derivedAccountId } from '../facts/account-of.ts';
import type { MediaLink } from '../facts/facts.ts';
import { kinOf, type MediumSuccession } from '../facts/media-book.ts';
import { ByteIndex } from './byte-index.ts';
import { Ints } from './ints.ts';
import type { RepriceFacts } from './model.ts';

/** The share of a token's taps. */
export type HomeOf = (tokenId: string) => number;

export interface Homes {
  readonly ofToken: HomeOf;
  ofAccount(accountId: string): number;
}

/** @param shares how many there are */
export function homesOf(
  links: readonly MediaLink[],
  successions: readonly MediumSuccession[],
  shares: number,
): Homes {
  const heads = headsOf(links, successions);
  // Bytes and numbers: the thread that reads keeps them for all the time, and texts would be looked at with all its garbage.
  const index = new ByteIndex();
  const homes = new Ints();
  for (const accountId of heads.keys()) {
    const bytes = Buffer.from(accountId);
    index.take(bytes, 0, bytes.length);
    homes.push(hashOf(headIn(heads, accountId)) % shares);
  }
  const ofAccount = (accountId: string): number => {
    const bytes = Buffer.from(accountId);
    const found = index.find(bytes, 0, bytes.length);
    return found < 0 ? hashOf(accountId) % shares : homes.get(found);
  };
  return { ofAccount, ofToken: (tokenId) => ofAccount(derivedAccountId(tokenId)) };
}

/** A name for all accounts that a token may stand for, and for all that their tokens may; the same for each of those tokens. */
export function familiesOf(
  links: readonly MediaLink[],
  successions: readonly MediumSuccession[],
): (tokenId: string) => string {
  const heads = headsOf(links, successions);
  return (tokenId) => headIn(heads, derivedAccountId(tokenId));
}

/** Of the facts those that each share needs: of media, rights and passes its own, of everything else all. */
export function factsOfShares(
  facts: RepriceFacts,
  { ofToken, ofAccount }: Homes,
  shares: number,
): RepriceFacts[] {
  const split = <T>(items: readonly T[], homeOf: (item: T) => number): T[][] => {
    const parts = Array.from({ length: shares }, (): T[] => []);
    for (const item of items) parts[homeOf(item)]?.push(item);
    return parts;
  };
  const byAccount = <T extends { readonly accountId: string }>(items: readonly T[]): T[][] =>
    split(items, ({ accountId }) => ofAccount(accountId));
  const byToken = <T extends { readonly tokenId: string }>(items: readonly T[]): T[][] =>
    split(items, ({ tokenId }) => ofToken(tokenId));
  const entitlements = byAccount(facts.entitlements);
  const passes = byAccount(facts.passes);
  const links = byToken(facts.links);
  const successions = byToken(facts.successions);
  return Array.from({ length: shares }, (_, share) => {
    const granted = new Set(entitlements[share]?.map(({ entitlementId }) => entitlementId));
    return {
      ...facts,
      links: links[share] ?? [],
      successions: successions[share] ?? [],
      entitlements: entitlements[share] ?? [],
      revocations: facts.revocations.filter(({ entitlementId }) => granted.has(entitlementId)),
      passes: passes[share] ?? [],
    };
  });
}

/** Of each account that is joined to another one whose name leads: the way there. */
type Heads = ReadonlyMap<string, string>;

function headsOf(links: readonly MediaLink[], successions: readonly MediumSuccession[]): Heads {
  const heads = new Map<string, string>();
  const join = (a: string, b: string): void => {
    const [one, other] = [headIn(heads, a), headIn(heads, b)];
    // The lesser name leads, so that the order of facts changes nothing.
    if (one !== other) heads.set(one < other ? other : one, one < other ? one : other);
  };
  const kin = kinOf(successions);
  const joined = new Set(successions.flatMap(tokensOf));
  for (const tokenId of joined)
    for (const other of kin(tokenId)) join(derivedAccountId(tokenId), derivedAccountId(other));
  for (const { tokenId, accountId } of links) join(derivedAccountId(tokenId), accountId);
  return heads;
}

function headIn(heads: Heads, accountId: string): string {
  let head = accountId;
  for (let next = heads.get(head); next !== undefined; next = heads.get(head)) head = next;
  return head;
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
