/**
 * One medium under several tokens, and one account by several media. While a token key rotates, devices name a medium by the
 * new token and say which token it had under the key before. All of them lead to the oldest, and that is who the medium is:
 * links and denials of one token are those of all, whichever a tap carries. A card in place of a lost one is another medium
 * that stands for the lost one's account; a bank card and its phone are two that stand for one (PAR). All is asked of facts, so
 * their order of arrival changes nothing.
 */
import { accountOf, derivedAccountId, linkOf, mediumIdOf } from './account-of.ts';
import { knownBy, type MediaLink } from './facts.ts';

/** A record said that two tokens are one medium's. Only a token under a later key has a former one. */
export interface TokenSuccession {
  readonly tokenId: string;
  readonly formerTokenId: string;
  readonly knownFromMs: number;
}

/** A medium takes the place of another from an instant on: a station's record said so, or the office. */
export interface CardReplacement {
  /** The record, or the office's command. */
  readonly ref: string;
  readonly tokenId: string;
  readonly replacesTokenId: string;
  readonly validFromMs: number;
  /** A link of the new medium that was known later stands above it. A station spoke when it made the card. */
  readonly saidMs: number;
  readonly knownFromMs: number;
  /** What the office has said of the station for that instant; `null` = the office itself spoke. */
  readonly stationWords:
    | readonly { readonly stationId: string; readonly allowed: boolean; readonly knownFromMs: number }[]
    | null;
}

/** A bank card's token stands for the account of this reference (PAR), as its signature proves or its bank has said. */
export interface ParWord {
  readonly tokenId: string;
  readonly par: string;
  readonly knownFromMs: number;
}

/** What joins tokens to each other. */
export type MediumSuccession = TokenSuccession | CardReplacement | ParWord;

/** Whose media are whose, as known at a close or now (`null`). */
export interface MediaBook {
  /** Whether a token is joined to no other: its medium's only one, in nobody's place, of no shared account. */
  isPlain(tokenId: string): boolean;
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
  const byToken = Map.groupBy(successions.filter(isTokenSuccession), (succession) => succession.tokenId);
  const replacements = Map.groupBy(
    successions.filter((said) => 'replacesTokenId' in said),
    (said) => said.tokenId,
  );
  const pars = Map.groupBy(
    successions.filter((said) => 'par' in said),
    (said) => said.tokenId,
  );
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

  /** The replacement that holds at an instant: the one that happened last. */
  function replacementOf(
    root: string,
    atMs: number,
    knownAsOfMs: number | null,
  ): CardReplacement | undefined {
    let last: CardReplacement | undefined;
    for (const one of kin(root).flatMap((token) => replacements.get(token) ?? [])) {
      if (one.validFromMs > atMs || rootOf(one.tokenId, knownAsOfMs) !== root) continue;
      if (!holds(one, knownAsOfMs)) continue;
      if (last === undefined || isAfter(one, last)) last = one;
    }
    return last;
  }

  /** `passed`: replacements that led here; media that replace each other at one instant lead in no circle. */
  function ownerOf(
    tokenId: string,
    atMs: number,
    knownAsOfMs: number | null,
    passed: readonly CardReplacement[],
  ): string {
    const root = rootOf(tokenId, knownAsOfMs);
    const link = linkOf(root, atMs, linksOf(root, tokenId, knownAsOfMs), knownAsOfMs);
    const replaced = replacementOf(root, atMs, knownAsOfMs);
    if (replaced === undefined || passed.includes(replaced) || (link && link.knownFromMs >= replaced.saidMs))
      return link?.accountId ?? sharedOwnerOf(root, atMs, knownAsOfMs);
    return ownerOf(replaced.replacesTokenId, replaced.validFromMs, knownAsOfMs, [...passed, replaced]);
  }

  /** Of media of one bank account: what the first of them is linked to, else the account derived from the very first. */
  function sharedOwnerOf(root: string, atMs: number, knownAsOfMs: number | null): string {
    const mates = matesOf(root, knownAsOfMs);
    for (const mate of mates) {
      const link = linkOf(mate, atMs, linksOf(mate, mate, knownAsOfMs), knownAsOfMs);
      if (link !== undefined) return link.accountId;
    }
    return derivedAccountId(mates[0] ?? root);
  }

  /** Media that share a PAR with this one, itself included: who was known first stands first. */
  function matesOf(root: string, knownAsOfMs: number | null): string[] {
    const words = kin(root)
      .flatMap((token) => pars.get(token) ?? [])
      .filter((word) => knownBy(word, knownAsOfMs))
      .map(({ tokenId, par, knownFromMs }) => ({ root: rootOf(tokenId, knownAsOfMs), par, knownFromMs }));
    const shared = new Set(words.filter((word) => word.root === root).map(({ par }) => par));
    const first = new Map<string, number>();
    for (const word of words)
      if (shared.has(word.par))
        first.set(word.root, Math.min(word.knownFromMs, first.get(word.root) ?? word.knownFromMs));
    return [...first].sort(([a, aMs], [b, bMs]) => aMs - bMs || (a < b ? -1 : 1)).map(([mate]) => mate);
  }

  return {
    isPlain: (tokenId) => kin(tokenId).length === 1,
    rootOf,
    accountOf: (tokenId, fareAtMs, knownAsOfMs) => {
      if (kin(tokenId).length === 1)
        return accountOf(tokenId, fareAtMs, linksByToken.get(tokenId) ?? [], knownAsOfMs);
      return ownerOf(tokenId, fareAtMs, knownAsOfMs, []);
    },
    mediumIdOf: (tokenId, knownAsOfMs) => mediumIdOf(rootOf(tokenId, knownAsOfMs)),
    derivedFrom: (accountId, tokenId, knownAsOfMs) => {
      const roots = kin(tokenId).map((other) => rootOf(other, knownAsOfMs));
      return roots.find((root) => accountId === derivedAccountId(root)) ?? null;
    },
  };
}

function isTokenSuccession(said: MediumSuccession): said is TokenSuccession {
  return 'formerTokenId' in said;
}

/** Whether a replacement is to be believed, by what was known then. */
function holds(said: CardReplacement, knownAsOfMs: number | null): boolean {
  if (!knownBy(said, knownAsOfMs)) return false;
  if (said.stationWords === null) return true;
  let last: (typeof said.stationWords)[number] | undefined;
  for (const word of said.stationWords) {
    if (!knownBy(word, knownAsOfMs)) continue;
    const later =
      last === undefined ||
      word.knownFromMs > last.knownFromMs ||
      (word.knownFromMs === last.knownFromMs && word.stationId > last.stationId);
    if (later) last = word;
  }
  return last?.allowed ?? false;
}

function isAfter(a: CardReplacement, b: CardReplacement): boolean {
  return a.validFromMs === b.validFromMs ? a.ref > b.ref : a.validFromMs > b.validFromMs;
}

/** Where devices contradict each other the word that was known first stands, whatever came in between. */
function formerOf(said: readonly TokenSuccession[], knownAsOfMs: number | null): string | undefined {
  let first: TokenSuccession | undefined;
  for (const one of said) {
    if (!knownBy(one, knownAsOfMs) || !isSuccession(one)) continue;
    if (first === undefined || isEarlier(one, first)) first = one;
  }
  return first?.formerTokenId;
}

function isEarlier(a: TokenSuccession, b: TokenSuccession): boolean {
  return a.knownFromMs === b.knownFromMs ? a.formerTokenId < b.formerTokenId : a.knownFromMs < b.knownFromMs;
}

/** Whether the former token is of an earlier key: chains then end, and nothing follows itself. */
export function isSuccession({ tokenId, formerTokenId }: Omit<TokenSuccession, 'knownFromMs'>): boolean {
  return versionOf(formerTokenId) < versionOf(tokenId);
}

function versionOf(tokenId: string): number {
  return Number.parseInt(tokenId.slice(1), 10);
}

/** For each token all tokens that any fact joins to it, itself included: those of its medium and of its account are among them. */
export function kinOf(successions: readonly MediumSuccession[]): (tokenId: string) => readonly string[] {
  const next = new Map<string, Set<string>>();
  const join = (a: string, b: string): void => void next.set(a, (next.get(a) ?? new Set()).add(b));
  for (const words of Map.groupBy(
    successions.filter((said) => 'par' in said),
    ({ par }) => par,
  ).values())
    for (const { tokenId } of words) {
      join((words[0] as ParWord).tokenId, tokenId);
      join(tokenId, (words[0] as ParWord).tokenId);
    }
  for (const said of successions) {
    if ('par' in said) continue;
    const other = isTokenSuccession(said) ? said.formerTokenId : said.replacesTokenId;
    join(said.tokenId, other);
    join(other, said.tokenId);
  }
  return (tokenId) => {
    if (!next.has(tokenId)) return [tokenId];
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
): TokenSuccession[] {
  const earliest = new Map<string, TokenSuccession>();
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
