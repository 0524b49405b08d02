/** The store's port in memory: the same core runs over it, thousands of times a second. One transaction at a time. */

import { derivedAccountId } from '../../../fare-engine/facts/account-of.ts';
import type { Breakdown, StoredBreakdown } from '../../../fare-engine/facts/breakdowns.ts';
import type {
  Close,
  DeviceAssignment,
  Entitlement,
  EntitlementRevocation,
  JourneyRepair,
  MediaLink,
  RouteAssignment,
  StoredTap,
  VehicleAssignment,
} from '../../../fare-engine/facts/facts.ts';
import { kinOf, type MediumSuccession } from '../../../fare-engine/facts/media-book.ts';
import type { InboxRow, StoredShift } from '../../../fare-engine/facts/tap-of-record.ts';
import type {
  ClockCorrection,
  StoredSync,
  TapTime,
  TapToTime,
  UnsureTap,
} from '../../../fare-engine/facts/tap-time.ts';
import type { Decision } from '../../../fare-engine/ledger/decision.ts';
import type { Posting } from '../../../fare-engine/ledger/post-line.ts';
import type {
  AccountDayKey,
  FareStore,
  FareTransaction,
  QueueRow,
  StoredDay,
} from '../../../fare-engine/ports.ts';
import type { ClockStore, ClockTransaction } from '../../../fare-engine/work-clock.ts';
import type { RowWish } from './a-record.ts';

export interface MemoryStore extends FareStore, ClockStore {
  readonly inbox: InboxRow[];
  readonly queue: QueueRow[];
  readonly taps: Map<string, StoredTap>;
  readonly links: MediaLink[];
  readonly successions: MediumSuccession[];
  readonly assignments: DeviceAssignment[];
  readonly carriers: VehicleAssignment[];
  readonly routes: RouteAssignment[];
  readonly shifts: Map<string, StoredShift>;
  readonly breakdowns: Map<string, StoredBreakdown>;
  readonly entitlements: Entitlement[];
  readonly revocations: EntitlementRevocation[];
  readonly closes: Close[];
  readonly repairs: JourneyRepair[];
  readonly syncs: Map<string, StoredSync>;
  readonly unsure: Map<string, UnsureTap>;
  readonly corrections: ClockCorrection[];
  /** Times of taps that are not those of their own records. */
  readonly times: Map<string, TapTime>;
  /** Something became known of clocks since the last look. */
  clockDue: boolean;
  readonly decisions: Decision[];
  readonly postings: Map<string, Posting>;
  readonly days: Map<string, AccountDayKey & StoredDay>;
  deliver(rows: readonly RowWish[]): void;
  /** Queues every account-day that any fact could have changed. */
  touchAll(): void;
  /** The same for days that no close covers. */
  touchOpen(): void;
}

export function memoryStore(): MemoryStore {
  let inboxId = 0n;
  const versions = new Map<string, bigint>();
  const store: MemoryStore = {
    inbox: [],
    queue: [],
    taps: new Map(),
    links: [],
    successions: [],
    assignments: [],
    carriers: [],
    routes: [],
    shifts: new Map(),
    breakdowns: new Map(),
    entitlements: [],
    revocations: [],
    closes: [],
    repairs: [],
    syncs: new Map(),
    unsure: new Map(),
    corrections: [],
    times: new Map(),
    clockDue: false,
    decisions: [],
    postings: new Map(),
    days: new Map(),
    deliver(rows) {
      for (const { epoch, hash, record, flags, receivedAtMs } of rows) {
        inboxId += 1n;
        store.inbox.push({ inboxId, epoch, hash, record, flags, receivedAtMs });
      }
    },
    touchAll() {
      for (const { tokenId, fareDay } of timedTaps(store)) {
        for (const accountId of accountsOf(store, tokenId)) enqueue(store, { accountId, fareDay });
      }
    },
    touchOpen() {
      const waiting = store.queue.splice(0);
      store.touchAll();
      const open = store.queue
        .splice(0)
        .filter((key) => !store.closes.some((close) => close.fareDay >= key.fareDay));
      store.queue.push(...waiting);
      for (const key of open) enqueue(store, key);
    },
    pricing: (work) => work(transaction(store, versions)),
    settling: (_nothing, work) => work(clockTransaction(store)),
    setInboxRowAside: async () => {},
  };
  return store;
}

function transaction(store: MemoryStore, versions: Map<string, bigint>): FareTransaction {
  return {
    claimInbox: async (rowsMax) => store.inbox.splice(0, rowsMax),
    claimQueue: async (rowsMax) => store.queue.splice(0, rowsMax),
    loadLinks: async () => ({ links: store.links, successions: store.successions, closes: store.closes }),
    lockAccounts: async (accounts) => {
      for (const { accountId } of accounts) versions.set(accountId, (versions.get(accountId) ?? 0n) + 1n);
      return versions;
    },
    loadHeads: async (keys) =>
      keys.map((key) => {
        const { previous, stored, next } = surroundingsOf(store, key);
        return { ...key, newest: next ?? stored ?? previous };
      }),
    storeTaps: async (taps) => {
      const fresh = taps.filter((tap) => !store.taps.has(tap.tapId));
      for (const tap of fresh) store.taps.set(tap.tapId, tap);
      return fresh;
    },
    storeAndLoad: async (records, fresh, keys) => {
      for (const unsure of records.unsure) store.unsure.set(unsure.tapId, unsure);
      for (const sync of records.syncs) store.syncs.set(sync.recordId, sync);
      if (fresh.length + records.syncs.length > 0) store.clockDue = true;
      const latest = new Map(store.decisions.map((decision) => [decision.tapId, decision]));
      const before = store.shifts.size;
      for (const shift of records.shifts) store.shifts.set(shift.recordId, shift);
      const said = store.successions.length;
      store.successions.push(...records.successions);
      if (store.successions.length > said) store.touchAll();
      // The real store finds out which days a new shift touches; here it is all of them.
      if (store.shifts.size > before) store.touchAll();
      if (records.syncs.length > 0 && store.breakdowns.size > 0) store.touchAll();
      const { links, successions, assignments, carriers, routes, entitlements, revocations, closes } = store;
      const facts = {
        taps: timedTaps(store),
        links,
        successions,
        assignments,
        carriers,
        routes,
        shifts: [...store.shifts.values()],
        breakdowns: breakdownsOf(store),
        entitlements,
        revocations,
        passes: [],
        closes,
        repairs: store.repairs,
      };
      return {
        facts,
        newTapIds: new Set(fresh.map(({ tapId }) => tapId)),
        surroundings: keys.map((key) => surroundingsOf(store, key)),
        decided: [...latest.values()],
      };
    },
    storeStaffRecords: async ({ breakdowns }) => {
      const before = store.breakdowns.size;
      for (const breakdown of breakdowns) store.breakdowns.set(breakdown.breakdownId, breakdown);
      if (store.breakdowns.size > before) store.touchAll();
    },
    storeBankTaps: async () => {},
    write: async (writes) => {
      store.decisions.push(...writes.decisions);
      for (const posting of writes.postings) {
        if (store.postings.has(posting.postingId)) throw new Error(`posted twice: ${posting.postingId}`);
        store.postings.set(posting.postingId, posting);
      }
      for (const day of writes.days) store.days.set(`${day.accountId} ${day.fareDay}`, day);
      for (const day of writes.emptied) store.days.delete(`${day.accountId} ${day.fareDay}`);
      for (const key of writes.enqueue) enqueue(store, key);
      if (writes.troubles.length > 0) throw new Error(writes.troubles[0]?.error);
    },
  };
}

function surroundingsOf(store: MemoryStore, key: AccountDayKey) {
  const mine = [...store.days.values()]
    .filter((day) => day.accountId === key.accountId)
    .sort((a, b) => (a.fareDay < b.fareDay ? -1 : 1));
  return {
    ...key,
    previous: mine.findLast((day) => day.fareDay < key.fareDay) ?? null,
    stored: mine.find((day) => day.fareDay === key.fareDay) ?? null,
    next: mine.find((day) => day.fareDay > key.fareDay) ?? null,
  };
}

/** Every tap with the time that counts, as the view `timed_tap` shows them. */
export function timedTaps(store: MemoryStore): StoredTap[] {
  return [...store.taps.values()].map((tap) => {
    const time = store.times.get(tap.tapId);
    if (time === undefined) return tap;
    const { fareDay, fareAtMs, uncertaintyMs, knownFromMs } = time;
    return { ...tap, fareDay, fareAtMs, uncertaintyMs, receivedAtMs: knownFromMs };
  });
}

/** Breakdowns with all that may be said of their time; here simply everything that is known. */
export function breakdownsOf({ breakdowns, syncs, corrections }: MemoryStore): Breakdown[] {
  return [...breakdowns.values()].map((one) => ({ ...one, syncs: [...syncs.values()], corrections }));
}

/** A tap with all that may be said of its time; here simply everything that is known. */
export function tapToTime(store: MemoryStore, tap: StoredTap): TapToTime {
  const { evidence = null, driftPpm = null } = store.unsure.get(tap.tapId) ?? {};
  return { ...tap, evidence, driftPpm, syncs: [...store.syncs.values()], corrections: store.corrections };
}

function clockTransaction(store: MemoryStore): ClockTransaction {
  return {
    claim: async () => {
      if (!store.clockDue) return { claimed: 0, taps: [], closes: [] };
      store.clockDue = false;
      const taps = [...store.taps.values()].map((tap) => ({
        tap: tapToTime(store, tap),
        before: store.times.get(tap.tapId) ?? null,
        linkedAccounts: accountsOf(store, tap.tokenId),
      }));
      return { claimed: 1, taps, closes: store.closes };
    },
    write: async (moved, moves) => {
      for (const { tap, time } of moved) {
        if (time === null) store.times.delete(tap.tapId);
        else store.times.set(tap.tapId, time);
      }
      for (const key of moves) enqueue(store, key);
    },
  };
}

/** A key that waits already waits once, as in the real queue. */
function enqueue({ queue }: MemoryStore, { accountId, fareDay }: AccountDayKey): void {
  if (queue.some((one) => one.accountId === accountId && one.fareDay === fareDay)) return;
  queue.push({ accountId, fareDay, attempts: 0 });
}

/** Accounts that a medium may have, by all its tokens. */
function accountsOf(store: MemoryStore, tokenId: string): string[] {
  const tokens = kinOf(store.successions)(tokenId);
  const linked = store.links.filter((l) => tokens.includes(l.tokenId)).map((l) => l.accountId);
  return [...new Set([...linked, ...tokens.map(derivedAccountId)])];
}
