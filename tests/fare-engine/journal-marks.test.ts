/** Marks of journals reach taps that were priced before, change with what ingest knows, and never touch a price. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '#platform/postgres.ts';
import { EPOCH, type RowWish, tapIdOf, tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';

let engine: EngineDatabase;
let ingest: ReturnType<typeof createPool>;
beforeAll(async () => {
  engine = await openEngineDatabase();
  ingest = createPool({ url: engine.database.url('ingest_runtime'), applicationName: 'test', max: 1 });
});
afterAll(async () => {
  await ingest?.end();
  await engine?.close();
});

const MORNING = Date.UTC(2025, 9, 14, 5, 0);

/** Says a mark as ingest says it. */
async function mark(device: string, linkedTo: number | null, fromSeq: number | null, fromMs: number | null) {
  await ingest.query(
    `INSERT INTO fare.journal_mark (device_id, epoch, linked_to_seq, forked_from_seq, forked_from_ms, known_from_ms)
     VALUES ($1, $2, $3, $4, $5, 0)`,
    [device, EPOCH, linkedTo, fromSeq, fromMs],
  );
}

async function flagsOf(device: string): Promise<string[][]> {
  const { rows } = await engine.admin.query<{ flags: string[] }>(
    'SELECT flags FROM fare.published_tap WHERE device_id = $1 ORDER BY fare_at_ms',
    [device],
  );
  return rows.map(({ flags }) => flags);
}

/** Taps of numbers 1 to `count`, an hour apart, each of another card. */
const taps = (device: string, count: number): RowWish[] =>
  Array.from({ length: count }, (_, n) =>
    tapRow({
      device,
      seq: n + 1,
      atMs: MORNING + n * 3_600_000,
      token: token(Number(device.slice(4)) * 100 + n),
    }),
  );

test('late marks reach early taps; the latest stands; decisions and postings stay as they are', async () => {
  await engine.deliver(taps('val-1', 3));
  await engine.drain();
  const books = async () => {
    const { rows } = await engine.admin.query(
      'SELECT (SELECT json_agg(d ORDER BY tap_id) FROM fare.decision d) AS d, (SELECT json_agg(p) FROM fare.posting p) AS p',
    );
    return JSON.stringify(rows);
  };
  const before = await books();
  expect(await flagsOf('val-1')).toEqual([[], [], []]);
  await mark('val-1', 1, null, null);
  expect(await flagsOf('val-1')).toEqual([[], ['UNLINKED'], ['UNLINKED']]);
  await mark('val-1', 2, 2, null);
  expect(await flagsOf('val-1')).toEqual([[], ['FORKED_EPOCH'], ['FORKED_EPOCH', 'UNLINKED']]);
  await mark('val-1', null, 2, null);
  expect(await flagsOf('val-1')).toEqual([[], ['FORKED_EPOCH'], ['FORKED_EPOCH']]);
  expect(await engine.admin.query('SELECT FROM fare.account_day_queue')).toMatchObject({ rowCount: 0 });
  expect(await books()).toBe(before);
});

test('marks by time hold from their instant on, and marks of another device or epoch never', async () => {
  await engine.deliver([...taps('val-2', 2), ...taps('val-3', 1)]);
  await engine.drain();
  await mark('val-2', null, null, MORNING + 3_600_000);
  expect(await flagsOf('val-2')).toEqual([[], ['FORKED_EPOCH']]);
  expect(await flagsOf('val-3')).toEqual([[]]);
});

test('a tap of a branch has its own key and its mark, once', async () => {
  const branch = '9'.repeat(32);
  const [first] = taps('val-4', 1) as [RowWish];
  const other = tapRow({ device: 'val-4', seq: 1, atMs: MORNING + 60_000, token: token(499) });
  await engine.deliver([first, { ...other, epoch: branch, flags: ['FORKED_EPOCH'] }]);
  await engine.drain();
  await mark('val-4', null, 1, null);
  expect(await flagsOf('val-4')).toEqual([['FORKED_EPOCH'], ['FORKED_EPOCH']]);
  const { rows } = await engine.admin.query(
    "SELECT tap_id, rider_minor FROM fare.published_tap WHERE device_id = 'val-4' ORDER BY fare_at_ms",
  );
  expect(rows).toEqual([
    { tap_id: tapIdOf('val-4', 1), rider_minor: 1200n },
    { tap_id: `val-4.${branch}.1`, rider_minor: 1200n },
  ]);
});
