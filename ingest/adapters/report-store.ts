/**
 * Writes the devices' last words. What comes between two writes is overwritten in memory: one row per device, however
 * often it speaks, so neither memory nor the table can grow by talking.
 */
import type { Pool } from 'pg';
import type { DeviceHealth, DeviceStatus } from '#contracts/device-report.ts';
import type { RejectionCode } from '#contracts/reason-codes.ts';
import type { Logger } from '#platform/logger.ts';
import { createBootWatch } from '../boot-watch.ts';
import type { ReadReport } from '../read-report.ts';
import { wellFormed, wellFormedText } from '../well-formed.ts';
import { alarmForks, type DeviceFork, noteForks } from './fork-notes.ts';
import { countUncollected } from './record-store.ts';

export interface ReportStore {
  take(report: ReadReport): void;
  /** Writes what is there; never throws, what could not be written is tried again. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

interface Timed<T> {
  readonly atMs: number;
  readonly report: T;
}

/** What the database does not take as data is counted as what could not be read. */
const MALFORMED: RejectionCode = 'INGEST_MALFORMED';

/** Starts writing every `everyMs`. */
export function startReportStore(pool: Pool, everyMs: number, log: Logger): ReportStore {
  let statuses = new Map<string, Timed<DeviceStatus>>();
  let healths = new Map<string, Timed<DeviceHealth>>();
  let refusals = new Map<string, number>();
  /** Devices whose runs report by turns, with the epoch that the one that came back names. */
  let turned = new Map<string, DeviceFork>();
  const boots = createBootWatch();
  let lastAtMs = 0;
  let flushing: Promise<void> | undefined;

  async function write(): Promise<void> {
    const [status, health, refused, forks] = [statuses, healths, refusals, turned];
    statuses = new Map();
    healths = new Map();
    refusals = new Map();
    turned = new Map();
    const malformed = (): void => {
      refused.set(MALFORMED, (refused.get(MALFORMED) ?? 0) + 1);
    };
    try {
      await writeEach([...status.values()], (items) => writeStatuses(pool, items), malformed);
      status.clear();
      await writeEach([...health.values()], (items) => writeHealths(pool, items), malformed);
      health.clear();
      alarmForks(log, await noteForks(pool, [...forks.values()], lastAtMs));
      for (const [reason, items] of refused) {
        await countUncollected(pool, 'report', reason, items, lastAtMs);
        refused.delete(reason);
      }
    } catch (error) {
      log.debug({ problem: (error as Error).message }, 'ingest.reports.away');
      // What came meanwhile is newer and stays.
      statuses = new Map([...status, ...statuses]);
      healths = new Map([...health, ...healths]);
      turned = new Map([...forks, ...turned]);
      for (const [reason, items] of refused) refusals.set(reason, (refusals.get(reason) ?? 0) + items);
    }
  }
  function takeHealth(read: Timed<DeviceHealth>): void {
    const { deviceId, epoch } = read.report;
    healths.set(deviceId, read);
    if (boots.turnsBack(read.report)) turned.set(deviceId, { deviceId, kind: 'two-boots', epoch, seq: 1 });
  }
  const flush = (): Promise<void> => {
    flushing ??= write().finally(() => {
      flushing = undefined;
    });
    return flushing;
  };
  const timer = setInterval(() => void flush(), everyMs);
  return {
    take(read) {
      if (read.kind === 'status') statuses.set(read.report.deviceId, read);
      else if (read.kind === 'health') takeHealth(read);
      else refusals.set(read.reason, (refusals.get(read.reason) ?? 0) + 1);
      if (read.kind !== 'refused') lastAtMs = Math.max(lastAtMs, read.atMs);
    },
    flush,
    async stop() {
      clearInterval(timer);
      await flush();
      await flush();
    },
  };
}

/** SQLSTATE class 22, data exception (PostgreSQL, Appendix A). */
const isDataError = (error: unknown): boolean =>
  String((error as { code?: unknown } | null)?.code).startsWith('22');

/** Writes all at once; when the database refuses the data of one, each by itself, so that none keeps back the others. */
async function writeEach<T>(
  items: readonly T[],
  write: (items: readonly T[]) => Promise<void>,
  refuse: () => void,
): Promise<void> {
  if (items.length === 0) return;
  try {
    await write(items);
  } catch (error) {
    if (!isDataError(error)) throw error;
    if (items.length === 1) refuse();
    else for (const item of items) await writeEach([item], write, refuse);
  }
}

const softwareOf = ({ software }: DeviceStatus): string | null =>
  software === undefined ? null : wellFormedText(software);

// Ordered by device, so that two writers never wait for each other crosswise; an older word never replaces a newer.
async function writeStatuses(pool: Pool, items: readonly Timed<DeviceStatus>[]): Promise<void> {
  await pool.query(
    `INSERT INTO ingest.device_status AS d (device_id, online, software, at_ms, stopped)
     SELECT * FROM unnest($1::text[], $2::boolean[], $3::text[], $4::bigint[], $5::boolean[])
       AS o(device_id, online, software, at_ms, stopped)
     ORDER BY device_id
     ON CONFLICT (device_id) DO UPDATE SET online = excluded.online, software = excluded.software,
       at_ms = excluded.at_ms, stopped = excluded.stopped
     WHERE d.at_ms <= excluded.at_ms`,
    [
      items.map((i) => i.report.deviceId),
      items.map((i) => i.report.online),
      items.map((i) => softwareOf(i.report)),
      items.map((i) => i.atMs),
      items.map((i) => i.report.stopped === true),
    ],
  );
}

async function writeHealths(pool: Pool, items: readonly Timed<DeviceHealth>[]): Promise<void> {
  const holders = items.filter(({ report }) => report.tariff !== undefined);
  if (holders.length > 0) await writeTariffs(pool, holders);
  await pool.query(
    `INSERT INTO ingest.device_health AS d (device_id, health, at_ms)
     SELECT * FROM unnest($1::text[], $2::jsonb[], $3::bigint[]) AS o(device_id, health, at_ms)
     ORDER BY device_id
     ON CONFLICT (device_id) DO UPDATE SET health = excluded.health, at_ms = excluded.at_ms
     WHERE d.at_ms <= excluded.at_ms`,
    [
      items.map((i) => i.report.deviceId),
      items.map((i) => JSON.stringify(wellFormed(i.report))),
      items.map((i) => i.atMs),
    ],
  );
}

/** Which tariff extract a device holds, and since when it says so; another version begins anew. */
async function writeTariffs(pool: Pool, items: readonly Timed<DeviceHealth>[]): Promise<void> {
  await pool.query(
    `INSERT INTO ingest.device_tariff AS d (device_id, version, sha256, since_ms, seen_ms)
     SELECT device_id, version, sha256, at_ms, at_ms
       FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[]) AS o(device_id, version, sha256, at_ms)
     ORDER BY device_id
     ON CONFLICT (device_id) DO UPDATE SET version = excluded.version, sha256 = excluded.sha256,
       seen_ms = excluded.seen_ms, since_ms = CASE
         WHEN (d.version, d.sha256) = (excluded.version, excluded.sha256) THEN d.since_ms ELSE excluded.since_ms END
     WHERE d.seen_ms <= excluded.seen_ms`,
    [
      items.map((i) => i.report.deviceId),
      items.map((i) => i.report.tariff?.version),
      items.map((i) => i.report.tariff?.sha256),
      items.map((i) => i.atMs),
    ],
  );
}
