/**
 * What the core of the fare engine needs of the outside: a store with transactions. The adapter over PostgreSQL is
 * `adapters/postgres-fare-store.ts`; tests run the same core over a store in memory.
 */
import type { DayPricer } from '#pricing/close-rules.ts';
import type { TapFact } from '#pricing/model.ts';
import type { Facts } from './facts/account-day.ts';
import type { StoredBreakdown } from './facts/breakdowns.ts';
import type { Close, MediaLink, StoredTap } from './facts/facts.ts';
import type { MediumSuccession } from './facts/media-book.ts';
import type { StoredCardAct, StoredCheck } from './facts/staff-records.ts';
import type { InboxRow, StoredBankTap, StoredRefusal, StoredShift } from './facts/tap-of-record.ts';
import type { StoredSync, UnsureTap } from './facts/tap-time.ts';
import type { Decided, Decision } from './ledger/decision.ts';
import type { Posting } from './ledger/post-line.ts';

/** The pricing leaf with the city's tariffs and calendar already in it. */
export interface Pricer extends DayPricer {
  /** How long after its fare day's end a tap is charged even when its day was closed before; by the tariff. */
  lateTapAcceptMs(tap: TapFact, knownAsOfMs: number | null): number;
}

/** One account on one fare day. */
export interface AccountDayKey {
  readonly accountId: string;
  readonly fareDay: string;
}

/** States of an account-day as texts; `base…` is null where it does not differ from the other. */
export interface DayStates {
  readonly stateIn: string;
  readonly stateOut: string;
  readonly baseIn: string | null;
  readonly baseOut: string | null;
}

/** From where a day is gone on with. */
export interface RunningDay {
  /** State after its last tap, as text. */
  readonly running: string;
  /** Fare instant of that tap. */
  readonly lastTapMs: number;
}

/** What is stored of an account-day; the last two are null where the whole day has to be priced again. */
export interface StoredDay extends DayStates {
  readonly running: string | null;
  readonly lastTapMs: number | null;
}

/** An account's newest priced day, with the key for which it was looked up. */
export interface DayHead extends AccountDayKey {
  readonly newest: (StoredDay & { readonly fareDay: string }) | null;
}

/** What is stored around an account-day. */
export interface DaySurroundings extends AccountDayKey {
  /** The account's latest priced day before this one. */
  readonly previous: (DayStates & { readonly fareDay: string }) | null;
  readonly stored: StoredDay | null;
  /** The account's first priced day after this one. */
  readonly next: (DayStates & { readonly fareDay: string }) | null;
}

/** Everything needed to price some account-days. */
export interface DayMaterial {
  readonly facts: Facts;
  /** Those of the taps that were not stored before. */
  readonly newTapIds: ReadonlySet<string>;
  readonly surroundings: readonly DaySurroundings[];
  /** Latest decision of every tap among `facts.taps`, and of those decided for these account-days before. */
  readonly decided: readonly Decided[];
}

export interface QueueRow extends AccountDayKey {
  readonly attempts: number;
}

/** An account to be locked; the token only where the account is derived from it. */
export interface AccountToLock {
  readonly accountId: string;
  readonly derivedTokenId: string | null;
}

/** Something that could not be worked off: kept aside, or queued for another try. */
export interface Trouble extends AccountDayKey {
  readonly attempts: number;
  readonly error: string;
  /** `true` = moved to the stuck rows, `false` = queued again. */
  readonly stuck: boolean;
}

export interface AuditLeaf {
  readonly kind: string;
  readonly ref: string;
  /** Exact bytes, UTF-8. */
  readonly bytes: string;
}

/** All that a transaction writes about prices. */
export interface PricingWrites {
  readonly decisions: readonly Decision[];
  readonly postings: readonly Posting[];
  readonly leaves: readonly AuditLeaf[];
  /** Account-days whose states changed; `isNew` = none were stored. */
  readonly days: readonly (AccountDayKey &
    StoredDay & { readonly accountVersion: bigint; readonly isNew: boolean })[];
  /** Account-days that have no taps any more. */
  readonly emptied: readonly AccountDayKey[];
  /** Account-days to be priced again, with the reason. */
  readonly enqueue: readonly (AccountDayKey & { readonly reason: string })[];
  readonly troubles: readonly Trouble[];
  readonly atMs: number;
}

/** One transaction of a pricing worker. Each method is one statement, however many rows it carries. */
export interface FareTransaction {
  claimInbox(rowsMax: number): Promise<InboxRow[]>;
  claimQueue(rowsMax: number): Promise<QueueRow[]>;
  /** Links of these media under all their tokens, which tokens those are, and the closes that matter for these fare days. */
  loadLinks(
    tokenIds: readonly string[],
    fareDays: readonly string[],
  ): Promise<{ links: MediaLink[]; successions: MediumSuccession[]; closes: Close[] }>;
  /** Locks in id order, creating what is missing; returns each account's new version. */
  lockAccounts(accounts: readonly AccountToLock[]): Promise<Map<string, bigint>>;
  /** Newest priced days of the keys' accounts, which are locked. */
  loadHeads(keys: readonly AccountDayKey[]): Promise<readonly DayHead[]>;
  /** Stores taps; returns those that were not there before. Their accounts are locked: nobody stores them meanwhile. */
  storeTaps(taps: readonly StoredTap[]): Promise<readonly StoredTap[]>;
  /**
   * Stores the other facts that are new and loads what pricing needs, as if they had been there before. `fresh`: the new taps, which
   * are stored. Of `whole` account-days everything that is stored; of those that are `goingOn` what concerns their new taps,
   * without links and surroundings.
   */
  storeAndLoad(
    records: {
      refused: readonly StoredRefusal[];
      shifts: readonly StoredShift[];
      /** What is known of clocks; queues what `work-clock.ts` has to look at. */
      unsure: readonly UnsureTap[];
      syncs: readonly StoredSync[];
      /** What these taps say of tokens. */
      successions: readonly MediumSuccession[];
    },
    fresh: readonly StoredTap[],
    whole: readonly AccountDayKey[],
    goingOn: readonly AccountDayKey[],
  ): Promise<DayMaterial>;
  /**
   * Stores what inspectors, issuing stations and drivers recorded, and hands on the commands that follow from it; queues
   * the rides that a breakdown may concern. What is stored here is there when the account-days are loaded.
   */
  storeStaffRecords(records: {
    checks: readonly StoredCheck[];
    cardActs: readonly StoredCardAct[];
    breakdowns: readonly StoredBreakdown[];
  }): Promise<void>;
  /** Stores what bank cards proved, and queues their days. */
  storeBankTaps(taps: readonly StoredBankTap[]): Promise<void>;
  write(writes: PricingWrites): Promise<void>;
}

export interface FareStore {
  /**
   * Runs one transaction; rolls back when `work` throws. Where it meets an account that another transaction was just making, `work`
   * runs anew in a new one. Facts that change whose or where a tap is (links, assignments, entitlements, closes) never become
   * visible in the middle of it.
   */
  pricing<T>(work: (tx: FareTransaction) => Promise<T>): Promise<T>;
  /** Moves a row of the inbox aside; used when it alone keeps failing. */
  setInboxRowAside(inboxId: bigint, error: string, attempts: number, atMs: number): Promise<void>;
}
