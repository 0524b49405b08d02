/** The fare engine's store over PostgreSQL. */
import pg from 'pg';
import { arrayText, type CopyValue, copyRows, inOrderOf } from '#platform/copy-rows.ts';
import { OperatorError } from '#platform/errors.ts';
import { inTransaction } from '#platform/postgres.ts';
import type { Close, MediaLink, PricedTap, StoredTap } from '../facts/facts.ts';
import type { MediumSuccession } from '../facts/media-book.ts';
import type { InboxRow } from '../facts/tap-of-record.ts';
import type { AccountDayKey, DayMaterial, FareStore, FareTransaction, QueueRow } from '../ports.ts';
import { type LockedAccounts, lockAccounts } from './account-statements.ts';
import { STORE_BANK_TAPS, STORE_PARS } from './bank-statements.ts';
import { storeBreakdowns } from './breakdown-statements.ts';
import { loadHeads, loadStoredDays } from './day-statements.ts';
import {
  CLAIM_INBOX,
  CLAIM_QUEUE,
  FACTS_GATE,
  KNOWN_TAPS,
  LOAD_FACTS,
  LOAD_LINKS,
  STORE_FACTS,
  TAP_COLUMNS,
  TARIFF_FACTS,
} from './fare-statements.ts';
import { type Cell, PLAIN } from './plain-rows.ts';
import { storeStaffRecords } from './staff-statements.ts';
import { writePrices } from './write-prices.ts';

/**
 * The gate, shared, and how statements are planned behind it: once for each connection, since planning them costs more
 * than a small chunk's work. They look up by index, so a plan made over empty tables must not scan them when they are full;
 * nor may the penalty on such scans make an older server compile the statements.
 */
const OPEN_GATE = `
  SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
         set_config('jit', 'off', true), pg_advisory_xact_lock_shared($1)`;

/**
 * Makes a store on the pool of the role `fare_runtime`. `activations`: how many facts about tariff packages this process
 * prices by; while another process has written one more, this one prices nothing until it has read it.
 */
export function createPostgresFareStore(pool: pg.Pool, activations?: () => number): FareStore {
  return {
    pricing: (work) =>
      untilLocked((race) =>
        inTransaction(pool, async (client) => {
          await client.query(OPEN_GATE, [FACTS_GATE]);
          if (activations !== undefined) await checkActivations(client, activations());
          return work(transaction(client, race));
        }),
      ),
    setInboxRowAside: (inboxId, error, attempts, atMs) =>
      setInboxRowAside(pool, inboxId, error, attempts, atMs),
  };
}

/** What became of a transaction; its error does not tell, since whoever prices wraps it to name the rows. */
interface Race {
  /** Another transaction made an account that this one was to lock. */
  isLost: boolean;
}

/** Each time that a race is lost another transaction has won it. */
const RACES_MAX = 20;

/** Runs a transaction anew when it lost the race for a new account: it was rolled back then, and now finds what the other made. */
async function untilLocked<T>(run: (race: Race) => Promise<T>): Promise<T> {
  for (let n = 1; ; n += 1) {
    const race: Race = { isLost: false };
    try {
      return await run(race);
    } catch (error) {
      if (!race.isLost || n === RACES_MAX) throw error;
    }
  }
}

// A statement after the lock: its snapshot sees what whoever held the gate alone has committed.
async function checkActivations(client: pg.PoolClient, known: number): Promise<void> {
  const { rows } = await client.query<{ n: bigint }>(TARIFF_FACTS);
  if (Number(rows[0]?.n) === known) return;
  throw new OperatorError({
    code: 'TARIFF_OUTDATED',
    happened: 'Another fare engine has activated a tariff package that this one has not read.',
    kept: 'Nothing was priced by the old tariffs; taps wait in the inbox.',
    todo: "It reads the tariffs again within seconds; if this stays, give this machine the same city's folder and signatures.",
  });
}

function transaction(client: pg.PoolClient, race: Race): FareTransaction {
  let locked: LockedAccounts = new Map();
  return {
    claimInbox: (rowsMax) => claimInbox(client, rowsMax),
    claimQueue: (rowsMax) => claimQueue(client, rowsMax),
    loadLinks: async (tokenIds, fareDays) => {
      const { rows } = await client.query<{
        links: MediaLink[] | null;
        successions: MediumSuccession[] | null;
        closes: Close[] | null;
      }>({ name: 'fare.load-links', text: LOAD_LINKS, values: [arrayText(tokenIds), fareDays] });
      const { links, successions, closes } = rows[0] as (typeof rows)[number];
      return { links: links ?? [], successions: successions ?? [], closes: closes ?? [] };
    },
    lockAccounts: async (accounts) => {
      const found = await lockAccounts(client, accounts);
      race.isLost = found === undefined;
      if (found === undefined) throw new Error('another transaction made an account that was to be locked');
      locked = found;
      return new Map([...locked].map(([accountId, { version }]) => [accountId, version]));
    },
    loadHeads: (keys) => loadHeads(client, keys, locked),
    storeTaps: async (taps) => {
      const fresh = await freshOf(client, taps);
      await copyRows(client, TAP_COLUMNS, inOrderOf(fresh, tapIdOf), tapRow);
      return fresh;
    },
    storeAndLoad: (records, fresh, whole, goingOn) =>
      storeAndLoad(client, locked, { records, fresh, whole, goingOn }),
    storeStaffRecords: async (records) => {
      await storeStaffRecords(client, records);
      await storeBreakdowns(client, records.breakdowns);
    },
    storeBankTaps: async (taps) => {
      await client.query(STORE_BANK_TAPS, [JSON.stringify(taps)]);
      if (taps.some(({ parProven }) => parProven)) await client.query(STORE_PARS, [JSON.stringify(taps)]);
    },
    write: (writes) => writePrices(client, writes, locked),
  };
}

const TEXT_ARRAY: number = 1009;
/** A list of texts out of a plain cell; most rows have an empty one. */
const textsOf: (text: string) => string[] = pg.types.getTypeParser(TEXT_ARRAY);

async function claimInbox(client: pg.PoolClient, rowsMax: number): Promise<InboxRow[]> {
  const { rows } = await client.query<Cell[]>({
    name: 'fare.claim-inbox',
    text: CLAIM_INBOX,
    values: [rowsMax],
    rowMode: 'array',
    types: PLAIN,
  });
  return rows.map(([inboxId, epoch, hash, record, flags, receivedAtMs]) => ({
    inboxId: BigInt(inboxId),
    epoch,
    hash,
    record,
    flags: flags === '{}' ? [] : textsOf(flags),
    receivedAtMs,
  }));
}

async function claimQueue(client: pg.PoolClient, rowsMax: number): Promise<QueueRow[]> {
  const { rows } = await client.query<{ account_id: string; fare_day: string; attempts: number }>({
    name: 'fare.claim-queue',
    text: CLAIM_QUEUE,
    values: [rowsMax],
  });
  return rows.map((row) => ({ accountId: row.account_id, fareDay: row.fare_day, attempts: row.attempts }));
}

type NewRecords = Parameters<FareTransaction['storeAndLoad']>[0];

type FactColumns = {
  [K in keyof Omit<DayMaterial['facts'], 'taps'>]: DayMaterial['facts'][K] | null;
};

async function storeAndLoad(
  client: pg.PoolClient,
  locked: LockedAccounts,
  {
    records,
    fresh,
    whole,
    goingOn,
  }: {
    records: NewRecords;
    fresh: readonly StoredTap[];
    whole: readonly AccountDayKey[];
    goingOn: readonly AccountDayKey[];
  },
): Promise<DayMaterial> {
  const newTapIds = new Set(fresh.map(({ tapId }) => tapId));
  const stored = await loadStoredDays(client, whole, locked);
  const before = stored.taps.filter(({ tapId }) => !newTapIds.has(tapId));
  const taps = [...before, ...fresh];
  const { rows } = await client.query<FactColumns & { corrected: boolean }>({
    name: 'fare.load-facts',
    text: LOAD_FACTS,
    values: [
      arrayText(whole.map(({ accountId }) => accountId)),
      arrayText(whole.map(({ fareDay }) => fareDay)),
      JSON.stringify(spansOf(taps)),
      arrayText([...whole, ...goingOn].map(({ accountId }) => accountId)),
      arrayText(before.map(({ tapId }) => tapId)),
    ],
  });
  const row = rows[0] as (typeof rows)[number];
  await storeFacts(client, records, fresh, row.corrected);
  const facts = {
    taps,
    links: row.links ?? [],
    successions: [...(row.successions ?? []), ...records.successions],
    assignments: row.assignments ?? [],
    carriers: row.carriers ?? [],
    routes: row.routes ?? [],
    // Those of this transaction too: the statement sees what was there before it.
    shifts: [...(row.shifts ?? []), ...records.shifts],
    breakdowns: row.breakdowns ?? [],
    entitlements: row.entitlements ?? [],
    revocations: row.revocations ?? [],
    passes: row.passes ?? [],
    closes: row.closes ?? [],
    repairs: row.repairs ?? [],
  };
  return { facts, newTapIds, surroundings: stored.surroundings, decided: stored.decided };
}

/** What comes beside taps, and what is to be looked at because of them; the usual chunk has nothing of it. */
async function storeFacts(
  client: pg.PoolClient,
  { unsure, syncs, successions, refused, shifts }: NewRecords,
  fresh: readonly StoredTap[],
  corrected: boolean,
): Promise<void> {
  const lists = [unsure, syncs, successions, refused, shifts];
  if (!corrected && lists.every(({ length }) => length === 0)) return;
  await client.query({
    name: 'fare.store-facts',
    text: STORE_FACTS,
    values: [
      arrayText(fresh.map(({ tapId }) => tapId)),
      arrayText(fresh.map(({ deviceId }) => deviceId)),
      `{${fresh.map(({ fareAtMs }) => fareAtMs).join(',')}}`,
      ...lists.map((list) => JSON.stringify(list)),
    ],
  });
}

/** Taps that are not stored yet. Their accounts are locked: nobody stores them meanwhile. */
async function freshOf(client: pg.PoolClient, taps: readonly StoredTap[]): Promise<readonly StoredTap[]> {
  if (taps.length === 0) return taps;
  const { rows } = await client.query<{ tap_id: string }>({
    name: 'fare.known-taps',
    text: KNOWN_TAPS,
    values: [arrayText(taps.map(({ tapId }) => tapId))],
  });
  if (rows.length === 0) return taps;
  const known = new Set(rows.map((row) => row.tap_id));
  return taps.filter(({ tapId }) => !known.has(tapId));
}

const tapIdOf = ({ tapId }: StoredTap): string => tapId;

/** In the order of {@link TAP_COLUMNS}. */
function tapRow(tap: StoredTap): CopyValue[] {
  const { belief } = tap;
  return [
    tap.tapId,
    tap.deviceId,
    tap.epoch,
    tap.seq,
    `\\x${tap.recordSha256}`,
    tap.tokenId,
    tap.mediumKind,
    tap.direction,
    tap.companions,
    tap.bags,
    tap.fareDay,
    tap.fareAtMs,
    tap.uncertaintyMs,
    belief.vehicleId,
    belief.routeId,
    belief.tripId,
    belief.directionId,
    tap.stopId,
    tap.stopConfidencePct,
    tap.stopSource,
    tap.stopUnsure,
    tap.passBackOf,
    arrayText(tap.flags),
    tap.receivedAtMs,
  ];
}

/** First and last fare instant of each device on each fare day. */
function spansOf(taps: readonly PricedTap[]) {
  const spans = new Map<string, { deviceId: string; fareDay: string; firstMs: number; lastMs: number }>();
  for (const { deviceId, fareDay, fareAtMs } of taps) {
    const key = `${fareDay} ${deviceId}`;
    const { firstMs, lastMs } = spans.get(key) ?? { firstMs: fareAtMs, lastMs: fareAtMs };
    spans.set(key, {
      deviceId,
      fareDay,
      firstMs: Math.min(firstMs, fareAtMs),
      lastMs: Math.max(lastMs, fareAtMs),
    });
  }
  return [...spans.values()];
}

async function setInboxRowAside(
  pool: pg.Pool,
  inboxId: bigint,
  error: string,
  attempts: number,
  atMs: number,
): Promise<void> {
  await pool.query(
    `WITH head AS (
       DELETE FROM fare.record_inbox WHERE inbox_id = $4 RETURNING *)
     INSERT INTO fare.stuck (sort, ref, body, error, attempts, since_ms)
     SELECT 'record', device_id || '.' || epoch || '.' || seq,
            jsonb_build_object('deviceId', device_id, 'epoch', epoch, 'seq', seq, 'kind', kind,
              'hash', encode(hash, 'hex'), 'record', record, 'flags', flags, 'receivedAtMs', received_at_ms),
            $1, $2, $3
     FROM head`,
    [error.slice(0, 500), attempts, atMs, inboxId],
  );
}
