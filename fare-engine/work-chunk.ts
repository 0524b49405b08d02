/**
 * One turn of a pricing worker: claim, lock, store, price, write, in one transaction. The number of statements does not
 * depend on the number of taps.
 */

import type { Clock } from '#platform/clock.ts';
import type { Probe } from '#platform/probe.ts';
import { closeOf } from './facts/account-day.ts';
import type { StoredBreakdown } from './facts/breakdowns.ts';
import type { Close, MediaLink, StoredTap } from './facts/facts.ts';
import { createMediaBook, type MediaBook, successionsOf, type TokenSuccession } from './facts/media-book.ts';
import type { StoredCardAct, StoredCheck } from './facts/staff-records.ts';
import {
  factOfRecord,
  type InboxRow,
  type RecordContext,
  type StoredBankTap,
  type StoredRefusal,
  type StoredShift,
} from './facts/tap-of-record.ts';
import type { StoredSync, UnsureTap } from './facts/tap-time.ts';
import { splitDays, type TappedDay } from './going-on.ts';
import type { AccountToLock, FareStore, FareTransaction, Pricer, PricingWrites } from './ports.ts';
import { type ChunkRules, priceChunk } from './price-chunk.ts';

export interface WorkRules extends ChunkRules, RecordContext {}

export interface WorkDeps {
  readonly store: FareStore;
  readonly pricer: Pricer;
  readonly rules: WorkRules;
  readonly clock: Clock;
  readonly probe: Probe;
  /** Something nobody can guess, drawn for each transaction. */
  readonly draw: () => string;
}

export interface Worked {
  /** Rows taken from the queue that was worked on; 0 = it was empty. */
  readonly claimed: number;
  readonly decisions: number;
  readonly troubles: number;
}

const NOTHING: Worked = { claimed: 0, decisions: 0, troubles: 0 };

/** Works off records that ingest accepted. */
export async function workInbox(deps: WorkDeps, rowsMax: number): Promise<Worked> {
  const worked = await deps.store.pricing(async (tx) => {
    const rows = await tx.claimInbox(rowsMax);
    if (rows.length === 0) return NOTHING;
    await deps.probe('fare.after-claim');
    return naming(rows, () => priceInbox(tx, deps, rows));
  });
  if (worked.claimed > 0) await deps.probe('fare.after-commit');
  return worked;
}

/** Rows that could not be worked off together; one of them is the cause, or the database was. */
export class ChunkFailed extends Error {
  readonly inboxIds: readonly bigint[];
  constructor(inboxIds: readonly bigint[], cause: Error) {
    super(cause.message, { cause });
    this.name = 'ChunkFailed';
    this.inboxIds = inboxIds;
  }
}

async function naming<T>(rows: readonly InboxRow[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new ChunkFailed(
      rows.map((row) => row.inboxId),
      error as Error,
    );
  }
}

async function priceInbox(tx: FareTransaction, deps: WorkDeps, rows: readonly InboxRow[]): Promise<Worked> {
  const records = sortRecords(rows, deps.rules);
  const former = records.successions.map(({ formerTokenId }) => formerTokenId);
  const tokens = [...new Set([...records.taps.map((tap) => tap.tokenId), ...former])];
  const days = [...new Set(records.taps.map((tap) => tap.fareDay))];
  const { links, successions, closes } = await tx.loadLinks(tokens, days);
  const media = createMediaBook(links, [...successions, ...records.successions]);
  const { checks, cardActs, breakdowns, bankTaps } = records;
  if (checks.length + cardActs.length + breakdowns.length > 0) await tx.storeStaffRecords(records);
  if (bankTaps.length > 0) await tx.storeBankTaps(bankTaps);
  const whose = ownersOf(records.taps, media, closes);
  const known = { links, closes };
  const writes = await priceKeys(tx, deps, whose.keys, whose.accounts, records, known);
  await deps.probe('fare.before-commit');
  return { claimed: rows.length, decisions: writes.decisions.length, troubles: writes.troubles.length };
}

/** Works off account-days that a later fact touched. */
export async function workQueue(deps: WorkDeps, rowsMax: number): Promise<Worked> {
  const worked = await deps.store.pricing(async (tx) => {
    const rows = await tx.claimQueue(rowsMax);
    if (rows.length === 0) return NOTHING;
    const keys = new Map<string, Key>();
    for (const row of rows) {
      const text = `${row.fareDay} ${row.accountId}`;
      const attempts = Math.max(row.attempts, keys.get(text)?.attempts ?? 0);
      keys.set(text, { ...row, attempts, taps: [], isPlain: false });
    }
    const accounts = [...new Set(rows.map((row) => row.accountId))].map((accountId) => ({
      accountId,
      derivedTokenId: null,
    }));
    const records = {
      taps: [],
      refused: [],
      shifts: [],
      unsure: [],
      syncs: [],
      successions: [],
      checks: [],
      cardActs: [],
      breakdowns: [],
      bankTaps: [],
    };
    const writes = await priceKeys(tx, deps, [...keys.values()], accounts, records, null);
    await deps.probe('fare.before-commit');
    return { claimed: rows.length, decisions: writes.decisions.length, troubles: writes.troubles.length };
  });
  if (worked.claimed > 0) await deps.probe('fare.after-commit');
  return worked;
}

interface Records {
  readonly taps: StoredTap[];
  readonly refused: StoredRefusal[];
  readonly shifts: StoredShift[];
  readonly unsure: UnsureTap[];
  readonly syncs: StoredSync[];
  readonly successions: TokenSuccession[];
  readonly checks: StoredCheck[];
  readonly cardActs: StoredCardAct[];
  readonly breakdowns: StoredBreakdown[];
  readonly bankTaps: StoredBankTap[];
}

function sortRecords(rows: readonly InboxRow[], rules: RecordContext): Records {
  const taps = new Map<string, StoredTap>();
  const refused: StoredRefusal[] = [];
  const shifts: StoredShift[] = [];
  const unsure = new Map<string, UnsureTap>();
  const syncs = new Map<string, StoredSync>();
  const checks: StoredCheck[] = [];
  const cardActs: StoredCardAct[] = [];
  const breakdowns: StoredBreakdown[] = [];
  const bankTaps = new Map<string, StoredBankTap>();
  for (const row of rows) {
    const fact = factOfRecord(row, rules);
    // The same record twice in one chunk is one tap; ingest has seen to it that both have the same bytes.
    if (fact.kind === 'tap') taps.set(fact.tap.tapId, fact.tap);
    if (fact.kind === 'tap' && fact.bank !== null) bankTaps.set(fact.bank.tapId, fact.bank);
    if (fact.kind === 'tap' && fact.unsure !== null) unsure.set(fact.tap.tapId, fact.unsure);
    if (fact.kind !== 'tap' && fact.kind !== 'refused' && fact.sync !== null)
      syncs.set(fact.sync.recordId, fact.sync);
    if (fact.kind === 'refused') refused.push(fact.refused);
    else if (fact.kind === 'shift') shifts.push(fact.shift);
    else if (fact.kind === 'check') checks.push(fact.check);
    else if (fact.kind === 'card-act') cardActs.push(fact.cardAct);
    else if (fact.kind === 'breakdown') breakdowns.push(fact.breakdown);
  }
  return {
    taps: [...taps.values()],
    refused,
    shifts,
    unsure: [...unsure.values()],
    syncs: [...syncs.values()],
    successions: successionsOf([...taps.values()]),
    checks,
    cardActs,
    breakdowns,
    bankTaps: [...bankTaps.values()],
  };
}

function ownersOf(
  taps: readonly StoredTap[],
  media: MediaBook,
  closes: readonly Close[],
): { keys: Key[]; accounts: AccountToLock[] } {
  const keys = new Map<string, Key & { taps: StoredTap[]; isPlain: boolean }>();
  const accounts = new Map<string, AccountToLock>();
  for (const tap of taps) {
    const { tokenId, fareAtMs, fareDay } = tap;
    const knownAsOfMs = closeOf(fareDay, closes)?.knownFromMs ?? null;
    const accountId = media.accountOf(tokenId, fareAtMs, knownAsOfMs);
    const isPlain = media.isPlain(tokenId);
    const text = `${fareDay} ${accountId}`;
    const key = keys.get(text);
    if (key === undefined) keys.set(text, { accountId, fareDay, attempts: 0, taps: [tap], isPlain });
    else {
      key.taps.push(tap);
      key.isPlain &&= isPlain;
    }
    const derivedTokenId = media.derivedFrom(accountId, tokenId, knownAsOfMs);
    if (!accounts.has(accountId) || derivedTokenId !== null)
      accounts.set(accountId, { accountId, derivedTokenId });
  }
  return { keys: [...keys.values()], accounts: [...accounts.values()] };
}

/** An account-day with the tries so far and its new taps. */
type Key = TappedDay & { readonly attempts: number };

/** `known`: links of the new taps' media, and closes; `null` = every day is priced whole. */
async function priceKeys(
  tx: FareTransaction,
  deps: WorkDeps,
  keys: readonly Key[],
  accounts: readonly AccountToLock[],
  records: Records,
  known: { readonly links: readonly MediaLink[]; readonly closes: readonly Close[] } | null,
): Promise<PricingWrites> {
  const versions = await tx.lockAccounts(accounts);
  const heads = known === null ? [] : await tx.loadHeads(keys);
  const { whole, goingOn, surroundings } =
    known === null ? { whole: keys, goingOn: [], surroundings: [] } : splitDays(keys, heads, known.closes);
  const fresh = await tx.storeTaps(records.taps);
  const loaded = await tx.storeAndLoad(records, fresh, whole, goingOn);
  const links = [...loaded.facts.links, ...linksFor(goingOn, known?.links ?? [])];
  const material = {
    ...loaded,
    facts: { ...loaded.facts, links },
    surroundings: [...loaded.surroundings, ...surroundings],
  };
  const [atMs, drawn] = [deps.clock.nowMs(), deps.draw()];
  const chunk = { whole, goingOn, material, versions, atMs, drawn };
  const writes = priceChunk(chunk, deps.pricer, deps.rules);
  await tx.write(writes);
  return writes;
}

function linksFor(keys: readonly Key[], links: readonly MediaLink[]): readonly MediaLink[] {
  if (links.length === 0) return links;
  const tokens = new Set(keys.flatMap(({ taps }) => taps.map(({ tokenId }) => tokenId)));
  return links.filter(({ tokenId }) => tokens.has(tokenId));
}
