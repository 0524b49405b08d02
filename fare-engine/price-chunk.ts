/**
 * The heart of a worker, without a database: account-days and their facts in, decisions and postings out. The in-order
 * path and the recomputation are this same code; only what asks for it differs.
 *
 * A day starts from the state that the account's day before handed on. When the state it hands on itself is not the one
 * from which the next stored day started, that day is queued: a late fact recomputes forward, and stops where the
 * states agree. Cost follows the affected days, never the history.
 */
import { INITIAL_STATE, type PricingState, type TapFact } from '#pricing/model.ts';
import { parseRunningText, runningText } from '#pricing/running-text.ts';
import { parseStateText } from '#pricing/state-text.ts';
import { decisionLeaf } from './audit-leaf.ts';
import { concessionLeaf, isConcession, leafSalt } from './claims/concession-leaf.ts';
import { type CarriedState, type ClosingRules, planDay } from './close-day.ts';
import { type DayBooks, type DayFacts, gatherDay } from './facts/account-day.ts';
import { createPlaceBook } from './facts/assign.ts';
import { createBreakdownBook } from './facts/breakdowns.ts';
import { factsByAccountDay, type WantedDay } from './facts/day-facts.ts';
import type { StoredTap } from './facts/facts.ts';
import { createMediaBook } from './facts/media-book.ts';
import type { TappedDay } from './going-on.ts';
import { exitsAhead, exitsFound } from './journey-exits.ts';
import type { Decided, PlannedLine } from './ledger/decision.ts';
import { type Difference, difference, withdrawal } from './ledger/difference.ts';
import type {
  AccountDayKey,
  AuditLeaf,
  DayMaterial,
  DaySurroundings,
  Pricer,
  PricingWrites,
  StoredDay,
  Trouble,
} from './ports.ts';

/** What is to be priced. */
export interface Chunk {
  /** Account-days with the tries so far, each once: to be priced from all their taps, or from the last one on (going-on.ts). */
  readonly whole: readonly Key[];
  readonly goingOn: readonly (Key & Pick<TappedDay, 'taps'>)[];
  readonly material: DayMaterial;
  /** Versions of the locked accounts. */
  readonly versions: ReadonlyMap<string, bigint>;
  readonly atMs: number;
  /** Drawn by lot; from it come the salts of leaves whose hashes are shown. */
  readonly drawn: string;
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
  const { facts, newTapIds } = chunk.material;
  // A tap that is stored already is in the state from which its day goes on, or its day is queued.
  const goingOn = new Map(
    chunk.goingOn.map((key) => [keyText(key), key.taps.filter(({ tapId }) => newTapIds.has(tapId))]),
  );
  const around = new Map(chunk.material.surroundings.map((found) => [keyText(found), found]));
  const places = createPlaceBook(facts);
  const breakdowns = createBreakdownBook(facts, places, rules);
  const media = createMediaBook(facts.links, facts.successions);
  const bench: Workbench = {
    chunk,
    goingOn,
    around,
    factsOf: factsByAccountDay(facts),
    books: { places, breakdowns, media },
    pricer,
    rules,
    progress,
  };
  for (const days of byAccount([...chunk.whole, ...chunk.goingOn])) priceAccount(days, bench);
  const differences = compare(chunk, progress);
  return {
    decisions: differences.map(({ decision }) => decision),
    postings: differences.flatMap(({ postings }) => postings),
    leaves: leavesOf(differences, chunk),
    days: progress.days,
    emptied: progress.emptied,
    enqueue: progress.enqueue,
    troubles: progress.troubles,
    atMs: chunk.atMs,
  };
}

/** A leaf for each decision, and one that may be shown for each concession ride. */
function leavesOf(differences: readonly Difference[], { material, drawn }: Chunk): AuditLeaf[] {
  const fareAtMs = new Map(material.facts.taps.map((tap) => [tap.tapId, tap.fareAtMs]));
  return differences.flatMap(({ decision, postings }) => {
    if (!isConcession(decision)) return [decisionLeaf(decision, postings)];
    const decided = decisionLeaf(decision, postings, leafSalt(drawn, decision));
    return [decided, concessionLeaf(decision, fareAtMs.get(decision.tapId) as number, decided)];
  });
}

type Key = AccountDayKey & { readonly attempts: number };

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
      const carried = carriedInto(around, done, bench.goingOn.has(keyText(key)));
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
  /** New taps of the days that are gone on with. */
  readonly goingOn: ReadonlyMap<string, readonly StoredTap[]>;
  readonly around: ReadonlyMap<string, DaySurroundings>;
  readonly factsOf: (day: WantedDay) => DayFacts;
  readonly books: DayBooks;
  readonly pricer: Pricer;
  readonly rules: ChunkRules;
  readonly progress: Progress;
}

function priceDay(key: Key, carried: CarriedState, stored: StoredDay | null, bench: Workbench): CarriedState {
  const { chunk, pricer, progress } = bench;
  const { accountId, fareDay } = key;
  const taps = bench.goingOn.get(keyText(key));
  const isGoingOn = taps !== undefined;
  const wanted = isGoingOn ? { accountId, fareDay, taps } : { accountId, fareDay };
  const ready = gatherDay(accountId, fareDay, bench.factsOf(wanted), bench.books);
  if (ready.day.taps.length === 0) {
    // Without taps a day is not there at all, as if it never had been: the full computation would not see it either.
    if (!isGoingOn) progress.emptied.push({ accountId, fareDay });
    return carried;
  }
  const { lines, out, running } = planDay(
    carried,
    ready,
    pricer,
    bench.rules,
    exitsAhead(bench.around.get(keyText(key))),
  );
  checkLines(lines, ready.taps, key);
  for (const line of lines) progress.planned.set(line.tapId, line);
  const text = (state: PricingState | null): string | null =>
    state === null ? null : pricer.stateText(state);
  const priced = {
    accountId,
    fareDay,
    stateIn: isGoingOn && stored !== null ? stored.stateIn : pricer.stateText(carried.state),
    stateOut: pricer.stateText(out.state),
    baseIn: text(carried.base),
    baseOut: text(out.base),
    running: running && runningText(running),
    lastTapMs: running === null ? null : lastOf(ready.day.taps),
    accountVersion: chunk.versions.get(accountId) as bigint,
    isNew: stored === null,
  };
  if (stored === null || !sameStates(stored, priced)) progress.days.push(priced);
  return out;
}

function lastOf(taps: readonly TapFact[]): number {
  return taps.reduce((last, { fareAtMs }) => Math.max(last, fareAtMs), Number.NEGATIVE_INFINITY);
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
  isGoingOn: boolean,
): CarriedState {
  const { previous, stored } = around;
  if (isGoingOn && stored !== null) return { state: parseRunningText(stored.running as string), base: null };
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

function sameStates(a: StoredDay, b: StoredDay): boolean {
  return (
    a.running === b.running &&
    a.lastTapMs === b.lastTapMs &&
    a.stateIn === b.stateIn &&
    a.stateOut === b.stateOut &&
    a.baseIn === b.baseIn &&
    a.baseOut === b.baseOut
  );
}

/** New lines against the latest decisions; taps that left an account-day of this chunk are withdrawn from it. */
function compare(chunk: Chunk, progress: Progress): Difference[] {
  const decided = new Map(chunk.material.decided.map((old) => [old.tapId, old]));
  // What is decided of a day that is gone on with stays.
  const keys = new Set(chunk.whole.map(keyText));
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

function keyText(key: AccountDayKey): string {
  return `${key.fareDay} ${key.accountId}`;
}
