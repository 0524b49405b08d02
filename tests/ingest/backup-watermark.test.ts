import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Receipt } from '#contracts/receipt.ts';
import { createPool } from '#platform/postgres.ts';
import {
  announceMark,
  moveWatermark,
  type Promised,
  sayBackupState,
} from '../../ingest/adapters/backup-marks.ts';
import { manualClock } from '../support/manual-clock.ts';
import { until } from '../support/until.ts';
import { type City, startCity, type TestDevice } from './harness.ts';
import { createJournal, NOW_MS } from './journal.ts';

const SOON = { slackMs: 0, reserveMs: 0 };
const journal = createJournal('val-1');
const clock = manualClock(NOW_MS);

let city: City;
let backup: Pool;
let device: TestDevice;
let ingest: Awaited<ReturnType<City['startIngest']>>;

beforeAll(async () => {
  city = await startCity([journal.deviceId]);
  await city.register(journal);
  backup = createPool({ url: city.database.url('backup_runtime'), applicationName: 'test', max: 2 });
  ingest = await city.startIngest({ clock });
  device = await city.connectDevice(journal);
});
afterAll(async () => {
  await backup?.end();
  await city?.stop();
});
beforeEach(async () => {
  await city.query('UPDATE ingest.backup_watermark SET announced_ms = NULL, watermark_ms = NULL');
  await city.query('DELETE FROM ingest.backup_mark');
});

/** One more record, receipted; gives the receipt. */
async function oneMore() {
  journal.addTaps(1);
  const seq = journal.records.length;
  return device.offer(journal.batch(seq, seq), seq);
}

const covers = ({ ranges }: Receipt, seq: number): boolean =>
  ranges.some(({ fromSeq, toSeq }) => fromSeq <= seq && toSeq >= seq);

/** Moves the watermark; gives what was kept before any receipt could carry it, and checks that receipts now may. */
async function moved(heldUpTo: string, nowMs: number, limits: { reserveMs: number }): Promise<number | null> {
  let kept: Promised | null = null;
  const did = await moveWatermark(backup, heldUpTo, nowMs, limits, async (promised) => {
    kept = promised;
  });
  const [row] = await city.query<{ ms: string | null }>(
    'SELECT watermark_ms AS ms FROM ingest.backup_watermark',
  );
  const promised = kept as Promised | null;
  expect(did).toBe(promised !== null);
  if (promised === null) return null;
  expect(promised.position).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
  expect(Number(row?.ms)).toBe(promised.watermarkMs);
  return promised.watermarkMs;
}

const here = async (): Promise<string> =>
  (await city.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn'))[0]?.lsn ?? '';
const newest = async (): Promise<number> =>
  Number((await city.query<{ ms: string }>('SELECT at_ms AS ms FROM ingest.newest_received'))[0]?.ms);

describe('the watermark', () => {
  it('is null until a backup holds the place that was noted after the announcement', async () => {
    expect((await oneMore()).backupWatermarkMs).toBeNull();
    const before = await here();
    await announceMark(backup, clock.nowMs(), SOON);
    expect(await moved(before, clock.nowMs(), SOON)).toBeNull();
    clock.advance(5);
    expect((await oneMore()).backupWatermarkMs).toBeNull();
  });

  it('is what was announced once the backup holds that place, and receipts carry it', async () => {
    clock.advance(5);
    await oneMore();
    const announced = await newest();
    await announceMark(backup, clock.nowMs(), SOON);
    clock.advance(5);
    expect(await moved(await here(), clock.nowMs(), SOON)).toBe(announced);
    const receipt = await oneMore();
    expect(receipt.backupWatermarkMs).toBe(announced);
    expect(receipt.issuedAtMs).toBeGreaterThan(announced);
  });

  it('stays behind by the reserve, to the millisecond', async () => {
    clock.advance(1000);
    await oneMore();
    const first = await newest();
    await announceMark(backup, clock.nowMs(), SOON);
    const held = await here();
    const reserve = { reserveMs: 500 };
    expect(await moved(held, clock.nowMs(), reserve)).toBeNull();
    clock.advance(499);
    await oneMore();
    expect(await moved(held, clock.nowMs(), reserve)).toBeNull();
    clock.advance(1);
    await oneMore();
    expect(await moved(held, clock.nowMs(), reserve)).toBe(first);
  });

  it('promises no more than the clock of the backup allows, and no more than ingest has received', async () => {
    clock.advance(1000);
    await oneMore();
    const received = await newest();
    await announceMark(backup, received - 300, SOON);
    expect(await moved(await here(), received + 1e12, SOON)).toBe(received - 300);
    await announceMark(backup, received + 1e12, SOON);
    expect(await moved(await here(), received + 1e12, SOON)).toBe(received);
  });

  it('takes back what was announced by a clock that ran ahead', async () => {
    const ahead = clock.nowMs() + 86_400_000;
    await city.query('UPDATE ingest.backup_watermark SET announced_ms = $1, watermark_ms = $1', [ahead]);
    clock.advance(10);
    await announceMark(backup, clock.nowMs(), SOON);
    const [row] = await city.query('SELECT announced_ms, watermark_ms FROM ingest.backup_watermark');
    expect(row).toEqual({ announced_ms: String(await newest()), watermark_ms: null });
  });
});

describe('a receipt', () => {
  it('is not issued at the announced instant, and is issued one millisecond after it', async () => {
    clock.advance(1000);
    const atMs = clock.nowMs();
    await city.query('UPDATE ingest.backup_watermark SET announced_ms = $1', [atMs]);
    journal.addTaps(1);
    const seq = journal.records.length;
    const { unreceipted } = ingest.counts();
    await device.publish(journal.batch(seq, seq));
    // A batch of before may have come twice: the record itself is waited for, too.
    const kept = () => city.query('SELECT 1 FROM ingest.record WHERE seq = $1', [seq]);
    await until(async () => ingest.counts().unreceipted > unreceipted && (await kept()).length === 1, {
      what: 'a batch without a receipt',
    });
    expect(device.receipts.some((receipt) => covers(receipt, seq))).toBe(false);
    clock.advance(1);
    expect((await device.offer(journal.batch(seq, seq), seq)).issuedAtMs).toBe(atMs + 1);
  });
});

describe('a database that came back from a backup', () => {
  it.each([
    ['another timeline', 'timeline = timeline + 1'],
    ['another system', 'system_identifier = system_identifier + 1'],
  ])('(%s) keeps ingest from starting until a new life is begun', async (_what, change) => {
    await city.query(`UPDATE ingest.incarnation SET ${change}`);
    await expect(city.startIngest()).rejects.toMatchObject({ code: 'DATABASE_RESTORED' });
    await city.query(`UPDATE ingest.incarnation SET ${change.replace('+', '-')}`);
    const other = await city.startIngest();
    await other.stop();
  });

  it('is noticed by an ingest that was running: it receipts nothing more', async () => {
    await city.query('UPDATE ingest.incarnation SET timeline = timeline + 1');
    journal.addTaps(1);
    const seq = journal.records.length;
    const { unreceipted } = ingest.counts();
    // Offered again and again: the ingest of the test before had the same name at the broker.
    const offered = async () => {
      await device.publish(journal.batch(seq, seq));
      return ingest.counts().unreceipted > unreceipted;
    };
    await until(offered, { what: 'a batch without a receipt', everyMs: 300 });
    expect(device.receipts.some((receipt) => covers(receipt, seq))).toBe(false);
    await city.query('UPDATE ingest.incarnation SET timeline = timeline - 1');
    await device.offer(journal.batch(seq, seq), seq);
  });
});

describe('the role of backups', () => {
  it('writes its own rows and reads no record', async () => {
    await sayBackupState(backup, { state: 'running', detail: 'x', atMs: 1, baseAtMs: null });
    const [row] = await city.query(
      'SELECT state, watermark_ms, incarnation_ordinal FROM ingest.published_backup',
    );
    expect(row).toEqual({ state: 'running', watermark_ms: null, incarnation_ordinal: 1 });
    for (const sql of [
      'SELECT * FROM ingest.record',
      'SELECT * FROM fare.tap',
      'INSERT INTO ingest.incarnation VALUES (2)',
      'UPDATE ingest.incarnation SET timeline = 1',
    ])
      await expect(backup.query(sql)).rejects.toMatchObject({ code: '42501' });
  });
});
