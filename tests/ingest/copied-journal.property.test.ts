/** Whatever two copies of a journal say, in whatever order, cut and repetition: the same records, the same marks. */
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import { noProbe } from '#platform/probe.ts';
import { acceptBatch } from '../../ingest/accept-batch.ts';
import { type LinkWorker, startLinkWorker } from '../../ingest/adapters/link-worker.ts';
import { openRecordStore, type RecordStore } from '../../ingest/adapters/record-store.ts';
import { DEFAULT_LIMITS } from '../../ingest/config.ts';
import { manualClock } from '../support/manual-clock.ts';
import { type City, startCity } from './harness.ts';
import { createJournal, forkAt, type Journal, NOW_MS } from './journal.ts';

let city: City;
let pool: pg.Pool;
let store: RecordStore;
let linker: LinkWorker;
let used = 0;
const log = createLogger({ component: 'test', level: 'fatal', pretty: false });

beforeAll(async () => {
  city = await startCity([]);
  pool = createPool({ url: city.database.url('ingest_runtime'), applicationName: 'test', max: 4 });
  store = await openRecordStore(pool, { quota: DEFAULT_LIMITS, probe: noProbe, nowMs: NOW_MS });
  linker = startLinkWorker(pool, 3_600_000, { clock: manualClock(NOW_MS), log, probe: noProbe });
});
afterAll(async () => {
  await linker?.stop();
  await pool?.end();
  await city?.stop();
});

/** A batch of one of the two copies: which, from where, how many. */
interface Offer {
  readonly copy: 0 | 1;
  readonly from: number;
  readonly count: number;
}
const offers = fc.array(
  fc.record({ copy: fc.constantFrom(0 as const, 1 as const), from: fc.nat(30), count: fc.nat(9) }),
  { maxLength: 12 },
);

async function offer(journal: Journal, fromSeq: number, toSeq: number): Promise<void> {
  const keys = [{ keyId: 'k1', publicKey: journal.publicKey, revokedFromMs: null }];
  const arrival = { topic: journal.topic, payload: journal.batch(fromSeq, toSeq), receivedAtMs: NOW_MS };
  const verdict = acceptBatch(arrival, () => keys, { clockFarFromReceiptMs: 900_000 });
  expect(verdict.quarantined).toEqual([]);
  await store.commit(verdict.accepted, [], NOW_MS);
}

/** Offers in this order, linking after some of them, and at last everything once more. */
async function live(
  copies: readonly [Journal, Journal],
  order: readonly Offer[],
  first: 0 | 1,
): Promise<void> {
  for (const { copy, from, count } of order) {
    const journal = copies[copy];
    const fromSeq = 1 + (from % journal.records.length);
    await offer(journal, fromSeq, Math.min(journal.records.length, fromSeq + count));
    if (count % 3 === 0) await linker.drain();
  }
  for (const journal of [copies[first], copies[1 - first] as Journal]) {
    await offer(journal, 1, journal.records.length);
  }
  await linker.drain();
}

async function outcome(deviceId: string) {
  const held = await city.query<{ hash: string; forked: boolean; unlinked: boolean }>(
    `SELECT encode(i.hash, 'hex') AS hash,
            coalesce('FORKED_EPOCH' = ANY (i.flags) OR i.seq >= m.forked_from_seq, false) AS forked,
            coalesce(i.seq > m.linked_to_seq, false) AS unlinked
     FROM fare.record_inbox AS i
     LEFT JOIN LATERAL (SELECT * FROM fare.journal_mark AS m WHERE (m.device_id, m.epoch) = (i.device_id, i.epoch)
                        ORDER BY mark_id DESC LIMIT 1) AS m ON true
     WHERE i.device_id = $1 ORDER BY hash`,
    [deviceId],
  );
  const [row] = await city.query<{ n: string; forks: string; unlinked: string }>(
    `SELECT records AS n, forks, unlinked FROM ingest.published_device WHERE device_id = $1`,
    [deviceId],
  );
  return { held, row };
}

it('every record of both is handed on once, and all from the fork on are marked, also those that came before', async () => {
  await fc.assert(
    fc.asyncProperty(
      offers,
      fc.constantFrom(0 as const, 1 as const),
      fc.integer({ min: 2, max: 9 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 6 }),
      async (order, first, forkSeq, own, foreign) => {
        const journal = createJournal(`val-${used++}`);
        journal.addTaps(forkSeq - 2 + own);
        const copy = forkAt(journal, forkSeq, foreign);
        await city.register(journal);
        await live([journal, copy], order, first);
        const { held, row } = await outcome(journal.deviceId);
        const shared = forkSeq - 1;
        const hashes = [
          ...journal.records.map((_, i) => journal.hash(i + 1)),
          ...copy.records.slice(shared).map((_, i) => copy.hash(forkSeq + i)),
        ];
        const early = new Set(hashes.slice(0, shared));
        expect(held).toEqual(
          hashes.toSorted().map((hash) => ({ hash, forked: !early.has(hash), unlinked: false })),
        );
        expect(row).toMatchObject({ n: String(hashes.length), unlinked: '0' });
        expect(Number(row?.forks)).toBeGreaterThan(0);
      },
    ),
    { numRuns: 25 },
  );
});

it('one journal alone, in any order, leaves neither mark nor sign', async () => {
  await fc.assert(
    fc.asyncProperty(offers, fc.integer({ min: 1, max: 12 }), async (order, count) => {
      const journal = createJournal(`val-${used++}`);
      journal.addTaps(count);
      await city.register(journal);
      await live([journal, journal], order, 0);
      const { held, row } = await outcome(journal.deviceId);
      expect(held).toHaveLength(count + 1);
      expect(held.some((record) => record.forked || record.unlinked)).toBe(false);
      expect(row).toEqual({ n: String(count + 1), forks: '0', unlinked: '0' });
    }),
    { numRuns: 15 },
  );
});
