/**
 * The posting path alone: what pricing workers hand to the store is recorded in one database and written into another with the same
 * inbox, by the same functions of the store, with as many workers. Nothing is parsed and nothing is priced in the second.
 */
import type pg from 'pg';
import { createPool } from '#platform/postgres.ts';
import { createPostgresFareStore } from '../../fare-engine/adapters/postgres-fare-store.ts';
import type { StoredTap } from '../../fare-engine/facts/facts.ts';
import type {
  AccountDayKey,
  AccountToLock,
  FareStore,
  FareTransaction,
  PricingWrites,
} from '../../fare-engine/ports.ts';
import { workInbox, workQueue } from '../../fare-engine/work-chunk.ts';
import { workerOf } from './bench-worker.ts';

export interface PostingSize {
  readonly workers: number;
  /** Inbox rows in one transaction. */
  readonly rows: number;
}

/** What one transaction of a worker took and wrote. */
export interface RecordedChunk {
  readonly claimed: number;
  readonly accounts: readonly AccountToLock[];
  readonly keys: readonly AccountDayKey[];
  readonly taps: readonly StoredTap[];
  readonly writes: PricingWrites;
}

/** Works the inbox off and hands out what was written, in the order in which the accounts were locked. */
export async function recordPosting(postgresUrl: string, size: PostingSize, atMs: number) {
  const pool = createPool({ url: postgresUrl, applicationName: 'kvytok-bench', max: size.workers });
  try {
    const chunks: Partial<RecordedChunk>[] = [];
    const deps = await workerOf(recording(createPostgresFareStore(pool), chunks), atMs);
    const work = async (): Promise<void> => {
      while ((await workInbox(deps, size.rows)).claimed > 0);
    };
    await Promise.all(Array.from({ length: size.workers }, work));
    const { claimed } = await workQueue(deps, 1);
    if (claimed > 0) throw new Error('a day was queued: the recorded transactions are not all there is');
    return chunks as RecordedChunk[];
  } finally {
    await pool.end();
  }
}

function recording(store: FareStore, chunks: Partial<RecordedChunk>[]): FareStore {
  const watched = (tx: FareTransaction): FareTransaction => {
    const chunk: { -readonly [K in keyof RecordedChunk]?: RecordedChunk[K] } = {};
    return {
      ...tx,
      claimInbox: async (rowsMax) => {
        const rows = await tx.claimInbox(rowsMax);
        chunk.claimed = rows.length;
        return rows;
      },
      lockAccounts: async (accounts) => {
        const versions = await tx.lockAccounts(accounts);
        chunk.accounts = accounts;
        chunks.push(chunk);
        return versions;
      },
      loadHeads: (keys) => {
        chunk.keys = keys;
        return tx.loadHeads(keys);
      },
      storeTaps: (taps) => {
        chunk.taps = taps;
        return tx.storeTaps(taps);
      },
      write: (writes) => {
        chunk.writes = writes;
        return tx.write(writes);
      },
    };
  };
  return { ...store, pricing: (work) => store.pricing((tx) => work(watched(tx))) };
}

/** Writes recorded transactions; seconds from the first claim to the last commit. */
export async function postAlone(
  postgresUrl: string,
  chunks: readonly RecordedChunk[],
  size: PostingSize,
): Promise<number> {
  const pool = createPool({ url: postgresUrl, applicationName: 'kvytok-bench', max: size.workers });
  try {
    await connectAll(pool, size.workers);
    const store = createPostgresFareStore(pool);
    const left = chunks.values();
    const work = async (): Promise<void> => {
      for (const chunk of left) await store.pricing((tx) => postChunk(tx, chunk));
    };
    const startMs = performance.now();
    await Promise.all(Array.from({ length: size.workers }, work));
    return (performance.now() - startMs) / 1000;
  } finally {
    await pool.end();
  }
}

/** Which rows are claimed does not matter: each is claimed once, and as many as there were. */
async function postChunk(tx: FareTransaction, chunk: RecordedChunk): Promise<void> {
  const { length } = await tx.claimInbox(chunk.claimed);
  if (length !== chunk.claimed) throw new Error(`${length} of ${chunk.claimed} rows of the inbox were there`);
  await tx.lockAccounts(chunk.accounts);
  await tx.loadHeads(chunk.keys);
  await tx.storeTaps(chunk.taps);
  await tx.write(chunk.writes);
}

async function connectAll(pool: pg.Pool, count: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, () => pool.connect()));
  for (const client of clients) client.release();
}
