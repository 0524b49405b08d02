/**
 * One medium under several tokens: while a token key rotates, devices name a medium by the new token and say which token it
 * had under the key before. All of them lead to the oldest, and that is who the medium is: links and denials of one token
 * are those of all, whichever a tap carries.
 */
import { accountOf, derivedAccountId, mediumIdOf } from './account-of.ts';
import { knownBy, type MediaLink } from './facts.ts';

/** A record said that two tokens are one medium's. Only a token under a later key has a former one. */
export interface MediumSuccession {
  readonly tokenId: string;
  readonly formerTokenId: string;
  readonly knownFromMs: number;
}

/** Whose media are whose, as known at a close or now (`null`). */
export interface MediaBook {
  /** The oldest token of a token's medium. */
  rootOf(tokenId: string, knownAsOfMs: number | null): string;
  /** The account of a token's medium at an instant. */
  accountOf(tokenId: string, fareAtMs: number, knownAsOfMs: number | null): string;
  /** The medium as pricing sees it. */
  mediumIdOf(tokenId: string, knownAsOfMs: number | null): string;
  /** The token from which an account is derived; `null` when the account is a linked one. */
  derivedFrom(accountId: string, tokenId: string, knownAsOfMs: number | null): string | null;
}

/** Makes the book from facts; they may be more than one medium's, and come in any order. */
export function createMediaBook(
  links: readonly MediaLink[],
  successions: readonly MediumSuccession[],
): MediaBook {
  const byToken = Map.groupBy(successions, (succession) => succession.tokenId);
  const linksByToken = Map.groupBy(links, (link) => link.tokenId);
  const kin = kinOf(successions);

  function rootOf(tokenId: string, knownAsOfMs: number | null): string {
    let root = tokenId;
    for (;;) {
      const former = formerOf(byToken.get(root) ?? [], knownAsOfMs);
      if (former === undefined) return root;
      root = former;
    }
  }

  function linksOf(root: string, tokenId: string, knownAsOfMs: number | null): MediaLink[] {
    return kin(tokenId).flatMap((other) => {
      const mine = rootOf(other, knownAsOfMs) === root ? linksByToken.get(other) : undefined;
      return (mine ?? []).map((link) => ({ ...link, tokenId: root }));
    });
  }

  return {
    rootOf,
    accountOf: (tokenId, fareAtMs, knownAsOfMs) => {
      if (successions.length === 0)
        return accountOf(tokenId, fareAtMs, linksByToken.get(tokenId) ?? [], knownAsOfMs);
      const root = rootOf(tokenId, knownAsOfMs);
      return accountOf(root, fareAtMs, linksOf(root, tokenId, knownAsOfMs), knownAsOfMs);
    },
    mediumIdOf: (tokenId, knownAsOfMs) => mediumIdOf(rootOf(tokenId, knownAsOfMs)),
    derivedFrom: (accountId, tokenId, knownAsOfMs) => {
      const root = rootOf(tokenId, knownAsOfMs);
      return accountId === derivedAccountId(root) ? root : null;
    },
  };
}

/** Where devices contradict each other the word that was known first stands, whatever came in between. */
function formerOf(said: readonly MediumSuccession[], knownAsOfMs: number | null): string | undefined {
  let first: MediumSuccession | undefined;
  for (const one of said) {
    if (!knownBy(one, knownAsOfMs) || !isSuccession(one)) continue;
    if (first === undefined || isEarlier(one, first)) first = one;
  }
  return first?.formerTokenId;
}

function isEarlier(a: MediumSuccession, b: MediumSuccession): boolean {
  return a.knownFromMs === b.knownFromMs ? a.formerTokenId < b.formerTokenId : a.knownFromMs < b.knownFromMs;
}

/** Whether the former token is of an earlier key: chains then end, and nothing follows itself. */
export function isSuccession({ tokenId, formerTokenId }: Omit<MediumSuccession, 'knownFromMs'>): boolean {
  return versionOf(formerTokenId) < versionOf(tokenId);
}

function versionOf(tokenId: string): number {
  return Number.parseInt(tokenId.slice(1), 10);
}

/** For each token all tokens that any succession joins to it, itself included: a superset of its medium's. */
export function kinOf(successions: readonly MediumSuccession[]): (tokenId: string) => readonly string[] {
  const next = new Map<string, Set<string>>();
  const join = (a: string, b: string): void => void next.set(a, (next.get(a) ?? new Set()).add(b));
  for (const { tokenId, formerTokenId } of successions) {
    join(tokenId, formerTokenId);
    join(formerTokenId, tokenId);
  }
  return (tokenId) => {
    const found = new Set([tokenId]);
    for (const token of found) for (const other of next.get(token) ?? []) found.add(other);
    return [...found];
  };
}

/** What taps say of tokens, each said once, as early as any of them says it. */
export function successionsOf(
  taps: readonly {
    readonly tokenId: string;
    readonly formerTokenId: string | null;
    readonly receivedAtMs: number;
  }[],
): MediumSuccession[] {
  const earliest = new Map<string, MediumSuccession>();
  for (const { tokenId, formerTokenId, receivedAtMs } of taps) {
    if (formerTokenId === null) continue;
    const said = { tokenId, formerTokenId, knownFromMs: receivedAtMs };
    const key = `${tokenId} ${formerTokenId}`;
    const known = earliest.get(key);
    if (isSuccession(said) && (known === undefined || receivedAtMs < known.knownFromMs))
      earliest.set(key, said);
  }
  return [...earliest.values()];
}
