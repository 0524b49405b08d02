/** The store's port in memory: the same core runs over it, thousands of times a second. One transaction at a time. */

import { derivedAccountId } from '../../../fare-engine/facts/account-of.ts';
import type {
  Close,
  DeviceAssignment,
  Entitlement,
  EntitlementRevocation,
  MediaLink,
  RouteAssignment,
  StoredTap,
  VehicleAssignment,
} from '../../../fare-engine/facts/facts.ts';
import type { InboxRow, StoredShift } from '../../../fare-engine/facts/tap-of-record.ts';
import type { Decision } from '../../../fare-engine/ledger/decision.ts';
import type { Posting } from '../../../fare-engine/ledger/post-line.ts';
import type {
  AccountDayKey,
  DayStates,
  FareStore,
  FareTransaction,
  QueueRow,
} from '../../../fare-engine/ports.ts';
import type { RowWish } from './a-record.ts';

export interface MemoryStore extends FareStore {
  readonly inbox: InboxRow[];
  readonly queue: QueueRow[];
  readonly taps: Map<string, StoredTap>;
  readonly links: MediaLink[];
  readonly assignments: DeviceAssignment[];
  readonly carriers: VehicleAssignment[];
  readonly routes: RouteAssignment[];
  readonly shifts: Map<string, StoredShift>;
  readonly entitlements: Entitlement[];
  readonly revocations: EntitlementRevocation[];
  readonly closes: Close[];
  readonly decisions: Decision[];
  readonly postings: Map<string, Posting>;
  readonly days: Map<string, AccountDayKey & DayStates>;
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
    assignments: [],
    carriers: [],
    routes: [],
    shifts: new Map(),
    entitlements: [],
    revocations: [],
    closes: [],
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
      for (const { tokenId, fareDay } of store.taps.values()) {
        const accounts = store.links.filter((l) => l.tokenId === tokenId).map((l) => l.accountId);
        for (const accountId of new Set([...accounts, derivedAccountId(tokenId)]))
          store.queue.push({ accountId, fareDay, attempts: 0 });
      }
    },
    touchOpen() {
      const from = store.queue.length;
      store.touchAll();
      const touched = store.queue.splice(from);
      store.queue.push(
        ...touched.filter((key) => !store.closes.some((close) => close.fareDay >= key.fareDay)),
      );
    },
    pricing: (work) => work(transaction(store, versions)),
    setInboxRowAside: async () => {},
  };
  return store;
}

function transaction(store: MemoryStore, versions: Map<string, bigint>): FareTransaction {
  return {
    claimInbox: async (rowsMax) => store.inbox.splice(0, rowsMax),
    claimQueue: async (rowsMax) => store.queue.splice(0, rowsMax),
    loadLinks: async () => ({ links: store.links, closes: store.closes }),
    lockAccounts: async (accounts) => {
      for (const { accountId } of accounts) versions.set(accountId, (versions.get(accountId) ?? 0n) + 1n);
      return versions;
    },
    storeAndLoad: async (records, keys) => {
      for (const tap of records.taps) if (!store.taps.has(tap.tapId)) store.taps.set(tap.tapId, tap);
      const latest = new Map(store.decisions.map((decision) => [decision.tapId, decision]));
      const before = store.shifts.size;
      for (const shift of records.shifts) store.shifts.set(shift.recordId, shift);
      // The real store finds out which days a new shift touches; here it is all of them.
      if (store.shifts.size > before) store.touchAll();
      const { links, assignments, carriers, routes, entitlements, revocations, closes } = store;
      const facts = {
        taps: [...store.taps.values()],
        links,
        assignments,
        carriers,
        routes,
        shifts: [...store.shifts.values()],
        entitlements,
        revocations,
        passes: [],
        closes,
      };
      return {
        facts,
        surroundings: keys.map((key) => surroundingsOf(store, key)),
        decided: [...latest.values()],
      };
    },
    write: async (writes) => {
      store.decisions.push(...writes.decisions);
      for (const posting of writes.postings) {
        if (store.postings.has(posting.postingId)) throw new Error(`posted twice: ${posting.postingId}`);
        store.postings.set(posting.postingId, posting);
      }
      for (const day of writes.days) store.days.set(`${day.accountId} ${day.fareDay}`, day);
      for (const day of writes.emptied) store.days.delete(`${day.accountId} ${day.fareDay}`);
      store.queue.push(...writes.enqueue.map((key) => ({ ...key, attempts: 0 })));
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
