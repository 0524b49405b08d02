/**
 * Carries out `replay-quarantine`: proven records whose kind was not known when they came are read again, and those that
 * can be read now are taken in as if they had just come. A record is one row whatever happens in between, so a replay
 * that died is begun anew and takes nothing twice.
 */
import type { Pool, PoolClient } from 'pg';
import { parseRecord } from '#contracts/record.ts';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { inTransaction } from '#platform/postgres.ts';
import { acceptedRecord } from '../accept-batch.ts';
import type { FlagLimits } from '../flags.ts';
import type { AcceptedRecord } from '../model.ts';
import type { RecordStore } from './record-store.ts';

export interface ReplayDeps {
  readonly pool: Pool;
  readonly store: Pick<RecordStore, 'commit'>;
  readonly limits: FlagLimits;
  readonly clock: Clock;
  readonly log: Logger;
  /** Something was taken in: the linker has work. */
  readonly onTaken: () => void;
}

export interface ReplayWorker {
  /** Carries out what waits; never throws. */
  work(): Promise<void>;
  stop(): Promise<void>;
}

const RECORDS_AT_ONCE = 500;

/** Looks for commands every `everyMs`. */
export function startReplayWorker(deps: ReplayDeps, everyMs: number): ReplayWorker {
  let running: Promise<void> | undefined;
  const work = (): Promise<void> => {
    running ??= carryOutAll(deps)
      .catch((error: Error) => deps.log.debug({ problem: error.message }, 'ingest.replay.away'))
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const timer = setInterval(() => void work(), everyMs);
  return {
    work,
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}

async function carryOutAll(deps: ReplayDeps): Promise<void> {
  while (await inTransaction(deps.pool, (client) => carryOutOne(client, deps)));
}

/** The command's row is locked until its outcome is written: another ingest passes over it. */
async function carryOutOne(client: PoolClient, deps: ReplayDeps): Promise<boolean> {
  const { rows } = await client.query<{ command_id: string; submitted_by: string }>(
    `SELECT command_id, submitted_by FROM ingest.command_inbox ORDER BY arrival LIMIT 1 FOR UPDATE SKIP LOCKED`,
  );
  const command = rows[0];
  if (command === undefined) return false;
  const { looked, taken } = await replay(deps);
  await client.query(
    `WITH done AS (DELETE FROM ingest.command_inbox WHERE command_id = $1 RETURNING *)
     INSERT INTO ingest.command_outcome
       (command_id, kind, submitted_by, submitted_at_ms, done_at_ms, looked, taken, left_waiting)
     SELECT command_id, kind, submitted_by, submitted_at_ms, $2, $3, $4, $5 FROM done`,
    [command.command_id, deps.clock.nowMs(), looked, taken, looked - taken],
  );
  deps.log.info({ looked, taken, submittedBy: command.submitted_by }, 'ingest.quarantine.replayed');
  return true;
}

interface WaitingItem {
  readonly quarantine_id: bigint;
  readonly device_id: string;
  readonly epoch: string;
  readonly seq: bigint;
  readonly hash: string;
  readonly payload: Buffer;
  readonly received_at_ms: bigint;
}

/** Page by page, each in a transaction of its own. */
async function replay(deps: ReplayDeps): Promise<{ looked: number; taken: number }> {
  let [looked, taken, after] = [0, 0, 0n];
  for (;;) {
    const items = await waitingAfter(deps.pool, after);
    if (items.length === 0) return { looked, taken };
    const records = items.flatMap((item) => readAgain(item, deps.limits) ?? []);
    if (records.length > 0) {
      const { inserted, branched } = await deps.store.commit(records, [], deps.clock.nowMs());
      taken += inserted + branched;
      deps.onTaken();
    }
    looked += items.length;
    after = items.at(-1)?.quarantine_id as bigint;
  }
}

async function waitingAfter(pool: Pool, after: bigint): Promise<WaitingItem[]> {
  const { rows } = await pool.query<WaitingItem>(
    `SELECT quarantine_id, q.device_id, q.epoch, q.seq, encode(q.hash, 'hex') AS hash, payload, q.received_at_ms
     FROM ingest.quarantine AS q
     WHERE q.authentic AND q.reason = 'INGEST_UNSUPPORTED_KIND' AND q.quarantine_id > $1
       AND NOT EXISTS (SELECT FROM ingest.record AS r
                       WHERE (r.device_id, r.epoch, r.seq, r.hash) = (q.device_id, q.epoch, q.seq, q.hash))
       AND NOT EXISTS (SELECT FROM ingest.branch_record AS b
                       WHERE (b.device_id, b.epoch, b.seq, b.hash) = (q.device_id, q.epoch, q.seq, q.hash))
     ORDER BY q.quarantine_id LIMIT ${RECORDS_AT_ONCE}`,
    [after],
  );
  return rows;
}

/** The record, when this version knows its kind and it still stands where it was proven to stand. */
function readAgain(item: WaitingItem, limits: FlagLimits): AcceptedRecord | undefined {
  const parsed = parseRecord(item.payload);
  if (!parsed.ok) return undefined;
  const record = parsed.value;
  const inPlace =
    record.deviceId === item.device_id && record.epoch === item.epoch && record.seq === Number(item.seq);
  if (!inPlace) return undefined;
  // When it came is when it came: a tap must not be late because this city learned its kind late.
  const by = { receivedAtMs: Number(item.received_at_ms), keyId: null };
  return acceptedRecord({ record, hash: item.hash, bytes: item.payload }, by, limits);
}
