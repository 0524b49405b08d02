/** Taps as ingest hands them to the fare engine, for benchmarks that begin at its inbox. */
import type pg from 'pg';
import { sha256Hex } from '#contracts/hash-chain.ts';

/** Which taps: how many, by how many riders, from when on, spread over how long. */
export interface InboxLoad {
  readonly taps: number;
  readonly riders: number;
  readonly devices: number;
  readonly startMs: number;
  readonly spreadMs: number;
  readonly routeIds: readonly string[];
  /** Taps that were put in before: numbers go on behind them. Absent = none. */
  readonly before?: number;
}

const ROWS_PER_INSERT = 5000;
const EPOCH = 'e'.repeat(32);
const BOOT = 'b'.repeat(32);

/** Fills the inbox. A rider's taps lie apart, so each finds the day priced so far. */
export async function fillInbox(pool: pg.Pool, load: InboxLoad): Promise<void> {
  for (let from = 0; from < load.taps; from += ROWS_PER_INSERT) {
    const count = Math.min(ROWS_PER_INSERT, load.taps - from);
    const rows = Array.from({ length: count }, (_, index) => rowOf(from + index + 1, load));
    await pool.query(
      `INSERT INTO fare.record_inbox (device_id, epoch, seq, kind, hash, record, received_at_ms)
       SELECT "deviceId", epoch, seq, 'tap', decode(hash, 'hex'), record, "receivedAtMs"
       FROM json_to_recordset($1) AS r ("deviceId" text, epoch text, seq bigint, hash text, record text,
         "receivedAtMs" bigint)`,
      [JSON.stringify(rows)],
    );
  }
}

function rowOf(seq: number, load: InboxLoad) {
  const atMs = load.startMs + Math.floor((seq / load.taps) * load.spreadMs);
  const deviceId = `val-${100 + (seq % load.devices)}`;
  const number = seq + (load.before ?? 0);
  const sync = { serverMs: atMs - 1000, monoMs: 50_000, bootId: BOOT, rttMs: 0 };
  const record = JSON.stringify({
    v: 1,
    kind: 'tap',
    deviceId,
    epoch: EPOCH,
    seq: number,
    prev: '0'.repeat(64),
    at: { wallMs: atMs, monoMs: 51_000, bootId: BOOT, sync },
    body: {
      tokenId: `k1.${(seq % load.riders).toString(16).padStart(32, '0')}`,
      mediumKind: seq % 2 === 0 ? 'social' : 'wallet',
      direction: 'in',
      where: { vehicleId: deviceId, routeId: load.routeIds[seq % load.routeIds.length] },
      companions: 0,
      denyList: { generation: 1, n: 0 },
    },
  });
  return { deviceId, epoch: EPOCH, seq: number, hash: sha256Hex(record), record, receivedAtMs: atMs + 1000 };
}
