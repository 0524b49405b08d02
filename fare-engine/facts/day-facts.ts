/**
 * Splits the loaded facts so that each account-day sees only what can concern it; keeps a chunk's cost linear. Where taps
 * were and whose they are, the chunk's books say.
 */
import type { DayFacts, Facts } from './account-day.ts';
import { derivedAccountId } from './account-of.ts';
import type { PricedTap } from './facts.ts';
import { kinOf } from './media-book.ts';

/** An account-day, with the only taps that are wanted of it where not all are. */
export interface WantedDay {
  readonly accountId: string;
  readonly fareDay: string;
  readonly taps?: readonly PricedTap[];
}

/** Facts by account-day. Of those that are asked for with taps nothing stored is looked for. */
export function factsByAccountDay(facts: Facts): (day: WantedDay) => DayFacts {
  const candidates = candidatesIn(facts);
  const entitlements = Map.groupBy(facts.entitlements, (entitlement) => entitlement.accountId);
  const revocations = Map.groupBy(facts.revocations, (revocation) => revocation.entitlementId);
  const passes = Map.groupBy(facts.passes, (pass) => pass.accountId);
  const repairs = Map.groupBy(facts.repairs ?? [], (repair) => repair.tapId);
  return (day) => {
    const taps = day.taps ?? candidates(day);
    const granted = entitlements.get(day.accountId) ?? [];
    return {
      taps,
      entitlements: granted,
      revocations: granted.flatMap(({ entitlementId }) => revocations.get(entitlementId) ?? []),
      passes: passes.get(day.accountId) ?? [],
      closes: facts.closes,
      repairs: repairs.size === 0 ? [] : taps.flatMap(({ tapId }) => repairs.get(tapId) ?? []),
    };
  };
}

/** Taps that may be an account-day's; made at the first question. */
function candidatesIn(facts: Facts): (day: WantedDay) => readonly PricedTap[] {
  let made: ReturnType<typeof index> | undefined;
  function index() {
    const taps = Map.groupBy(facts.taps, (tap) => tap.fareDay);
    return {
      tokensByAccount: tokensOf(facts),
      byDay: new Map([...taps].map(([day, list]) => [day, Map.groupBy(list, (tap) => tap.tokenId)])),
    };
  }
  return ({ accountId, fareDay }) => {
    made ??= index();
    const byToken = made.byDay.get(fareDay);
    return [...(made.tokensByAccount.get(accountId) ?? [])].flatMap((token) => byToken?.get(token) ?? []);
  };
}

/** Media that may stand for an account: those ever linked to it, and the one it was derived from, by all their tokens. */
function tokensOf(facts: Facts): Map<string, Set<string>> {
  const tokens = new Map<string, Set<string>>();
  const add = (accountId: string, tokenId: string): void => {
    const known = tokens.get(accountId);
    if (known === undefined) tokens.set(accountId, new Set([tokenId]));
    else known.add(tokenId);
  };
  const kin = kinOf(facts.successions);
  // All tokens of a medium go together: a link of one may say that another's tap is not this account's.
  const addAll = (accountId: string, tokenIds: readonly string[]): void => {
    for (const tokenId of tokenIds) add(accountId, tokenId);
  };
  for (const tokenId of new Set(facts.taps.map((tap) => tap.tokenId))) {
    const own = kin(tokenId);
    for (const other of own) addAll(derivedAccountId(other), own);
  }
  for (const link of facts.links) addAll(link.accountId, kin(link.tokenId));
  return tokens;
}
