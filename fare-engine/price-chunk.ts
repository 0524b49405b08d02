/**
 * The heart of a worker, without a database: account-days and their facts in, decisions and postings out. The in-order
 * path and the recomputation are this same code; only what asks for it differs.
 *
 * A day starts from the state that the account's day before handed on. When the state it hands on itself is not the one
 * from which the next stored day started, that day is queued: a late fact recomputes forward, and stops where the
 * states agree. Cost follows the affected days, never the history.
 */
import { INITIAL_STATE, type PricingState } from '#pricing/model.ts';
import { parseStateText } from '#pricing/state-text.ts';
import { decisionLeaf } from './audit-leaf.ts';
import { type CarriedState, type ClosingRules, planDay } from './close-day.ts';
import { accountDay, type Facts } from './facts/account-day.ts';
import { derivedAccountId } from './facts/account-of.ts';
import { createPlaceBook, type PlaceBook } from './facts/assign.ts';
import { type BreakdownBook, createBreakdownBook } from './facts/breakdowns.ts';
import { kinOf } from './facts/media-book.ts';
import { exitsAhead, exitsFound } from './journey-exits.ts';
import type { Decided, PlannedLine } from './ledger/decision.ts';
import { type Difference, difference, withdrawal } from './ledger/difference.ts';
import type {
  AccountDayKey,
  DayMaterial,
  DayStates,
  DaySurroundings,
  Pricer,
  PricingWrites,
  Trouble,
} from './ports.ts';

/** What is to be priced. */
export interface Chunk {
  /** With the tries so far; each key once. */
  readonly keys: readonly (AccountDayKey & { readonly attempts: number })[];
  readonly material: DayMaterial;
  /** Versions of the locked accounts. */
  readonly versions: ReadonlyMap<string, bigint>;
  readonly atMs: number;
}

export interface ChunkRules extends ClosingRules {
  /** Tries after which an account-day that cannot be priced is set aside. */
  readonly attemptsMax: number;
}

interface Progress {
  readonly planned: Map<string, PlannedLine>;
  readonly days: PricingWrites['days'][number][];
  readonly emptied: AccountDayKey[];
  readonly enqueue: (AccountDayKey & { reason: string })[];
  readonly troubles: Trouble[];
  readonly failed: Set<string>;
}

/** Prices a chunk. Never throws for a day that cannot be priced: that day is reported, the others go on. */
export function priceChunk(chunk: Chunk, pricer: Pricer, rules: ChunkRules): PricingWrites {
  const progress: Progress = {
    planned: new Map(),
    days: [],
    emptied: [],
    enqueue: [],
    troubles: [],
    failed: new Set(),
  };
  const factsOf = factsByAccountDay(chunk.material.facts);
  const around = new Map(chunk.material.surroundings.map((found) => [keyText(found), found]));
  const places = createPlaceBook(chunk.material.facts);
  const breakdowns = createBreakdownBook(chunk.material.facts, places, rules);
  const bench: Workbench = { chunk, around, factsOf, places, breakdowns, pricer, rules, progress };
  for (const days of byAccount(chunk.keys)) priceAccount(days, bench);
  const differences = compare(chunk, progress);
  return {
    decisions: differences.map(({ decision }) => decision),
    postings: differences.flatMap(({ postings }) => postings),
    leaves: differences.map(({ decision, postings }) => decisionLeaf(decision, postings)),
    days: progress.days,
    emptied: progress.emptied,
    enqueue: progress.enqueue,
    troubles: progress.troubles,
    atMs: chunk.atMs,
  };
}

type Key = Chunk['keys'][number];

/** Days of one account, ascending. */
function byAccount(keys: readonly Key[]): Key[][] {
  const accounts = Map.groupBy(keys, (key) => key.accountId);
  return [...accounts.values()].map((days) => days.sort((a, b) => (a.fareDay < b.fareDay ? -1 : 1)));
}

function priceAccount(days: readonly Key[], bench: Workbench): void {
  let done: { fareDay: string; carried: CarriedState } | null = null;
  for (const [index, key] of days.entries()) {
    const around = bench.around.get(keyText(key)) as DaySurroundings;
    try {
      const carried = carriedInto(around, done);
      const out = priceDay(key, carried, around.stored, bench);
      askPrevious(done?.fareDay ?? around.previous?.fareDay, key, carried, out, bench);
      const following = days[index + 1];
      askNext(around, following, out, bench);
      done = { fareDay: key.fareDay, carried: out };
    } catch (error) {
      // The account's later days would start from a wrong state: they are tried again with this one.
      for (const left of days.slice(index)) fail(left, error as Error, bench);
      return;
    }
  }
}

function fail(key: Key, error: Error, { rules, progress }: Workbench): void {
  const attempts = key.attempts + 1;
  progress.failed.add(keyText(key));
  progress.troubles.push({
    accountId: key.accountId,
    fareDay: key.fareDay,
    attempts,
    error: `${error.name}: ${error.message}`.slice(0, 500),
    stuck: attempts >= rules.attemptsMax,
  });
}

interface Workbench {
  readonly chunk: Chunk;
  readonly around: ReadonlyMap<string, DaySurroundings>;
  readonly factsOf: (key: AccountDayKey) => Facts;
  readonly places: PlaceBook;
  readonly breakdowns: BreakdownBook;
  readonly pricer: Pricer;
  readonly rules: ChunkRules;
  readonly progress: Progress;
}

function priceDay(key: Key, carried: CarriedState, stored: DayStates | null, bench: Workbench): CarriedState {
  const { chunk, pricer, progress } = bench;
  const ready = accountDay(key.accountId, key.fareDay, bench.factsOf(key), bench.places, bench.breakdowns);
  const { accountId, fareDay } = key;
  if (ready.day.taps.length === 0) {
    // Without taps a day is not there at all, as if it never had been: the full computation would not see it either.
    progress.emptied.push({ accountId, fareDay });
    return carried;
  }
  const { lines, out } = planDay(
    carried,
    ready,
    pricer,
    bench.rules,
    exitsAhead(bench.around.get(keyText(key))),
  );
  checkLines(lines, ready.taps, key);
  for (const line of lines) progress.planned.set(line.tapId, line);
  const states = statesText(carried, out, pricer);
  if (stored === null || !sameStates(stored, states)) {
    const accountVersion = chunk.versions.get(accountId) as bigint;
    progress.days.push({ accountId, fareDay, ...states, accountVersion, isNew: stored === null });
  }
  return out;
}

/** Every tap of the day has exactly one line; anything else is a bug of pricing and must not reach the ledger. */
function checkLines(
  lines: readonly PlannedLine[],
  taps: ReadonlyMap<string, unknown>,
  key: AccountDayKey,
): void {
  const ids = new Set(lines.map((line) => line.tapId));
  if (ids.size !== lines.length || ids.size !== taps.size || lines.some((line) => !taps.has(line.tapId))) {
    throw new Error(`pricing gave ${lines.length} lines for ${taps.size} taps on ${key.fareDay}`);
  }
}

function carriedInto(
  around: DaySurroundings,
  done: { fareDay: string; carried: CarriedState } | null,
): CarriedState {
  const { previous } = around;
  if (done !== null && (previous === null || done.fareDay >= previous.fareDay)) return done.carried;
  if (previous === null) return { state: INITIAL_STATE, base: null };
  return {
    state: parseStateText(previous.stateOut),
    base: previous.baseOut === null ? null : parseStateText(previous.baseOut),
  };
}

/** The day before was priced with other exits of its open journeys than this one found. */
function askPrevious(
  previousDay: string | undefined,
  { accountId }: Key,
  carried: CarriedState,
  out: CarriedState,
  { progress }: Workbench,
): void {
  if (previousDay === undefined || exitsFound(carried, out)) return;
  progress.enqueue.push({ accountId, fareDay: previousDay, reason: 'open-journey' });
}

function askNext(
  around: DaySurroundings,
  following: AccountDayKey | undefined,
  out: CarriedState,
  { pricer, progress }: Workbench,
): void {
  const { next } = around;
  if (next === null || (following !== undefined && following.fareDay <= next.fareDay)) return;
  const agrees =
    next.stateIn === pricer.stateText(out.state) &&
    next.baseIn === (out.base === null ? null : pricer.stateText(out.base));
  if (agrees) return;
  progress.enqueue.push({ accountId: around.accountId, fareDay: next.fareDay, reason: 'carried-state' });
}

function statesText(into: CarriedState, out: CarriedState, pricer: Pricer): DayStates {
  const text = (state: PricingState | null): string | null =>
    state === null ? null : pricer.stateText(state);
  return {
    stateIn: pricer.stateText(into.state),
    stateOut: pricer.stateText(out.state),
    baseIn: text(into.base),
    baseOut: text(out.base),
  };
}

function sameStates(a: DayStates, b: DayStates): boolean {
  return (
    a.stateIn === b.stateIn && a.stateOut === b.stateOut && a.baseIn === b.baseIn && a.baseOut === b.baseOut
  );
}

/** New lines against the latest decisions; taps that left an account-day of this chunk are withdrawn from it. */
function compare(chunk: Chunk, progress: Progress): Difference[] {
  const decided = new Map(chunk.material.decided.map((old) => [old.tapId, old]));
  const keys = new Set(chunk.keys.map(keyText));
  const occasion = (accountId: string) => ({
    decidedAtMs: chunk.atMs,
    accountVersion: chunk.versions.get(accountId) as bigint,
  });
  const differences: Difference[] = [];
  const add = (found: Difference | null): void => {
    if (found !== null) differences.push(found);
  };
  for (const line of progress.planned.values()) {
    add(difference(decided.get(line.tapId) ?? null, line, occasion(line.accountId)));
  }
  for (const old of decided.values()) {
    if (progress.planned.has(old.tapId) || !mayWithdraw(old, keys, progress.failed)) continue;
    add(withdrawal(old, occasion(old.accountId)));
  }
  return differences;
}

function mayWithdraw(old: Decided, keys: ReadonlySet<string>, failed: ReadonlySet<string>): boolean {
  const key = keyText(old);
  return keys.has(key) && !failed.has(key);
}

/**
 * Splits the loaded facts so that each account-day sees only what can concern it; keeps a chunk's cost linear. Where taps
 * were, the chunk's book of places says.
 */
function factsByAccountDay(facts: Facts): (key: AccountDayKey) => Facts {
  const taps = Map.groupBy(facts.taps, (tap) => tap.fareDay);
  const tapsByDayAndToken = new Map(
    [...taps].map(([day, list]) => [day, Map.groupBy(list, (tap) => tap.tokenId)]),
  );
  const linksByToken = Map.groupBy(facts.links, (link) => link.tokenId);
  const successionsByToken = Map.groupBy(facts.successions, (said) => said.tokenId);
  const tokensByAccount = tokensOf(facts);
  const entitlements = Map.groupBy(facts.entitlements, (entitlement) => entitlement.accountId);
  const revocations = Map.groupBy(facts.revocations, (revocation) => revocation.entitlementId);
  const passes = Map.groupBy(facts.passes, (pass) => pass.accountId);
  return ({ accountId, fareDay }) => {
    const tokens = [...(tokensByAccount.get(accountId) ?? [])];
    const mine = tokens.flatMap((token) => tapsByDayAndToken.get(fareDay)?.get(token) ?? []);
    const granted = entitlements.get(accountId) ?? [];
    return {
      ...facts,
      taps: mine,
      links: tokens.flatMap((token) => linksByToken.get(token) ?? []),
      successions: tokens.flatMap((token) => successionsByToken.get(token) ?? []),
      entitlements: granted,
      revocations: granted.flatMap(({ entitlementId }) => revocations.get(entitlementId) ?? []),
      passes: passes.get(accountId) ?? [],
    };
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

function keyText(key: AccountDayKey): string {
  return `${key.fareDay} ${key.accountId}`;
}
