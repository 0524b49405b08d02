/** The fare engine's store over PostgreSQL. */
import type pg from 'pg';
import { OperatorError } from '#platform/errors.ts';
import { inTransaction } from '#platform/postgres.ts';
import type { Close, MediaLink, StoredTap } from '../facts/facts.ts';
import type { MediumSuccession } from '../facts/media-book.ts';
import type { InboxRow } from '../facts/tap-of-record.ts';
import type { Decided, Decision } from '../ledger/decision.ts';
import type {
  DayMaterial,
  DaySurroundings,
  FareStore,
  FareTransaction,
  PricingWrites,
  QueueRow,
} from '../ports.ts';
import { STORE_BANK_TAPS } from './bank-statements.ts';
import { storeBreakdowns } from './breakdown-statements.ts';
import {
  CLAIM_INBOX,
  CLAIM_QUEUE,
  FACTS_GATE,
  LOAD_LINKS,
  LOCK_ACCOUNTS,
  STORE_AND_LOAD,
  WRITE,
} from './fare-statements.ts';
import { storeStaffRecords } from './staff-statements.ts';

/**
 * Makes a store on the pool of the role `fare_runtime`. `activations`: how many tariff packages this process knows to be
 * activated; when another process has activated one more, this one prices nothing until it is started again.
 */
export function createPostgresFareStore(pool: pg.Pool, activations?: number): FareStore {
  return {
    pricing: (work) =>
      inTransaction(pool, async (client) => {
        await client.query('SELECT pg_advisory_xact_lock_shared($1)', [FACTS_GATE]);
        if (activations !== undefined) await checkActivations(client, activations);
        return work(transaction(client));
      }),
    setInboxRowAside: (inboxId, error, attempts, atMs) =>
      setInboxRowAside(pool, inboxId, error, attempts, atMs),
  };
}

// A statement after the lock: its snapshot sees what whoever held the gate alone has committed.
async function checkActivations(client: pg.PoolClient, known: number): Promise<void> {
  const { rows } = await client.query<{ n: bigint }>('SELECT count(*) AS n FROM fare.tariff_activation');
  if (Number(rows[0]?.n) === known) return;
  throw new OperatorError({
    code: 'TARIFF_OUTDATED',
    happened: 'Another fare engine has activated a tariff package that this one has not read.',
    kept: 'Nothing was priced by the old tariffs; taps wait in the inbox.',
    todo: "Give this machine the same city's folder and start its fare engine again.",
  });
}

function transaction(client: pg.PoolClient): FareTransaction {
  return {
    claimInbox: (rowsMax) => claimInbox(client, rowsMax),
    claimQueue: (rowsMax) => claimQueue(client, rowsMax),
    loadLinks: async (tokenIds, fareDays) => {
      const { rows } = await client.query<{
        links: MediaLink[] | null;
        successions: MediumSuccession[] | null;
        closes: Close[] | null;
      }>(LOAD_LINKS, [tokenIds, fareDays]);
      const { links, successions, closes } = rows[0] as (typeof rows)[number];
      return { links: links ?? [], successions: successions ?? [], closes: closes ?? [] };
    },
    lockAccounts: async (accounts) => {
      const { rows } = await client.query<{ account_id: string; version: bigint }>(LOCK_ACCOUNTS, [
        accounts.map(({ accountId }) => accountId),
        accounts.map(({ derivedTokenId }) => derivedTokenId),
      ]);
      return new Map(rows.map((row) => [row.account_id, row.version]));
    },
    storeAndLoad: (records, keys) => storeAndLoad(client, records, keys),
    storeStaffRecords: async (records) => {
      await storeStaffRecords(client, records);
      await storeBreakdowns(client, records.breakdowns);
    },
    storeBankTaps: async (taps) => void (await client.query(STORE_BANK_TAPS, [JSON.stringify(taps)])),
    write: (writes) => write(client, writes),
  };
}

async function claimInbox(client: pg.PoolClient, rowsMax: number): Promise<InboxRow[]> {
  const { rows } = await client.query<{
    inbox_id: bigint;
    epoch: string;
    hash: string;
    record: string;
    flags: string[];
    received_at_ms: bigint;
  }>(CLAIM_INBOX, [rowsMax]);
  return rows.map(({ inbox_id, epoch, hash, record, flags, received_at_ms }) => ({
    inboxId: inbox_id,
    epoch,
    hash,
    record,
    flags,
    receivedAtMs: Number(received_at_ms),
  }));
}

async function claimQueue(client: pg.PoolClient, rowsMax: number): Promise<QueueRow[]> {
  const { rows } = await client.query<{ account_id: string; fare_day: string; attempts: number }>(
    CLAIM_QUEUE,
    [rowsMax],
  );
  return rows.map((row) => ({ accountId: row.account_id, fareDay: row.fare_day, attempts: row.attempts }));
}

type MoneyText<T> = Omit<T, 'riderMinor' | 'concessionMinor' | 'lossMinor' | 'capMinor'> & {
  riderMinor: string;
  concessionMinor: string;
  lossMinor: string;
  capMinor: string;
};
type MaterialRow = {
  [K in keyof DayMaterial['facts']]: DayMaterial['facts'][K] | null;
} & {
  newTapIds: string[] | null;
  surroundings: DaySurroundings[] | null;
  decided: MoneyText<Decided>[] | null;
};

async function storeAndLoad(
  client: pg.PoolClient,
  records: Parameters<FareTransaction['storeAndLoad']>[0],
  keys: Parameters<FareTransaction['storeAndLoad']>[1],
): Promise<DayMaterial> {
  const spans = spansOf(records.taps);
  const { rows } = await client.query<MaterialRow>(STORE_AND_LOAD, [
    JSON.stringify(records.taps.map(({ belief, ...tap }) => ({ ...tap, ...belief }))),
    JSON.stringify(records.refused),
    JSON.stringify(records.shifts),
    keys.map(({ accountId }) => accountId),
    keys.map(({ fareDay }) => fareDay),
    JSON.stringify(spans),
    JSON.stringify(records.unsure),
    JSON.stringify(records.syncs),
    JSON.stringify(records.successions),
  ]);
  const row = rows[0] as MaterialRow;
  const isNew = new Set(row.newTapIds ?? []);
  const fresh = records.taps.filter((tap) => isNew.has(tap.tapId));
  return {
    facts: {
      taps: [...(row.taps ?? []), ...fresh],
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
    },
    surroundings: row.surroundings ?? [],
    decided: (row.decided ?? []).map((old) => ({
      ...old,
      riderMinor: BigInt(old.riderMinor),
      concessionMinor: BigInt(old.concessionMinor),
      lossMinor: BigInt(old.lossMinor),
      capMinor: BigInt(old.capMinor),
    })),
  };
}

async function write(client: pg.PoolClient, writes: PricingWrites): Promise<void> {
  await client.query(WRITE, [
    `[${writes.decisions.map(decisionJson).join(',')}]`,
    JSON.stringify(
      writes.postings.map((posting) => ({ ...posting, amountMinor: posting.amountMinor.toString() })),
    ),
    JSON.stringify(writes.leaves),
    JSON.stringify(writes.days.map((day) => ({ ...day, accountVersion: day.accountVersion.toString() }))),
    JSON.stringify(writes.emptied),
    JSON.stringify(writes.enqueue),
    JSON.stringify(writes.troubles),
    writes.atMs,
  ]);
}

/**
 * One decision as JSON, field by field: a replacer over every value costs more than all the rest of a chunk. The steps go
 * in as the exact text that the audit leaf has hashed.
 */
function decisionJson(decision: Decision): string {
  const { line } = decision;
  const text = JSON.stringify({
    tapId: decision.tapId,
    revision: decision.revision,
    supersedes: decision.supersedes,
    accountId: decision.accountId,
    accountVersion: decision.accountVersion.toString(),
    fareDay: decision.fareDay,
    kind: decision.kind,
    packageHash: line?.packageHash,
    fareMediaId: line?.fareMediaId,
    fareProductId: line?.fareProductId,
    riderCategoryId: line?.riderCategoryId,
    networkId: line?.networkId,
    vehicleId: decision.vehicleId,
    carrierId: decision.carrierId,
    routeId: line?.routeId,
    ...decision.route,
    currency: decision.currency,
    grossMinor: (line?.grossMinor ?? 0n).toString(),
    riderMinor: decision.riderMinor.toString(),
    transferMinor: (line?.transferMinor ?? 0n).toString(),
    concessionMinor: decision.concessionMinor.toString(),
    passMinor: (line?.passMinor ?? 0n).toString(),
    capMinor: decision.capMinor.toString(),
    lossMinor: decision.lossMinor.toString(),
    concessionId: line?.concessionId,
    fundingId: decision.fundingId,
    claimRide: line?.claimRide ?? false,
    lineSha256: decision.lineSha256,
    postedRevision: decision.postedRevision,
    adjustsClose: decision.adjustsClose,
    breakdownId: line?.steps.find((step) => step.kind === 'breakdown')?.params['breakdown'],
  });
  return `${text.slice(0, -1)},"steps":${decision.steps}}`;
}

/** First and last fare instant of each device on each fare day among new taps. */
function spansOf(taps: readonly StoredTap[]) {
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
