/** Records as devices write them, for tests of the fare engine. */
import { createHash } from 'node:crypto';
import type { BankEvidence, ClockEvidence } from '#contracts/record.ts';

export const EPOCH = 'e'.repeat(32);
const BOOT = 'b'.repeat(32);

export interface TapWish {
  readonly device?: string;
  readonly seq: number;
  /** Instant of the fare, UTC ms; the device is in sync. */
  readonly atMs: number;
  readonly token?: string;
  readonly formerToken?: string;
  readonly mediumKind?: 'social' | 'wallet' | 'bank';
  readonly vehicleId?: string;
  readonly routeId?: string;
  readonly stopId?: string;
  readonly companions?: number;
  readonly bags?: number;
  /** Of a bank card; its medium is `bank` then. */
  readonly bank?: BankEvidence;
  readonly receivedAtMs?: number;
  readonly passBackOfSeq?: number;
  /** Which way; `null` = the device cannot know. Absent = in. */
  readonly way?: 'in' | 'out' | null;
  /** What the device knew of time, instead of a sync a second before. */
  readonly clock?: ClockEvidence;
}

/** A row as ingest puts it into `fare.record_inbox`. */
export interface RowWish {
  readonly deviceId: string;
  readonly epoch: string;
  readonly seq: number;
  readonly kind: string;
  readonly hash: string;
  readonly record: string;
  readonly flags: string[];
  readonly receivedAtMs: number;
}

/** Where the city has said nothing of any device. */
export const NO_PLACES = { assignments: [], carriers: [], routes: [], shifts: [], breakdowns: [] };

/** Token number n. */
export const token = (n: number, keyVersion = 1): string =>
  `k${keyVersion}.${n.toString(16).padStart(32, '0')}`;

export const tapIdOf = (device: string, seq: number): string => `${device}.${EPOCH}.${seq}`;

/** A tap's row. */
export function tapRow(wish: TapWish): RowWish {
  const body = {
    tokenId: wish.token ?? token(1),
    ...(wish.formerToken === undefined ? {} : { formerTokenId: wish.formerToken }),
    mediumKind: wish.mediumKind ?? (wish.bank === undefined ? 'social' : 'bank'),
    ...(wish.way === null ? {} : { direction: wish.way ?? 'in' }),
    where: {
      vehicleId: wish.vehicleId ?? 'bus-1',
      routeId: wish.routeId ?? 'r1',
      ...(wish.stopId === undefined ? {} : { stopId: wish.stopId }),
    },
    companions: wish.companions ?? 0,
    ...(wish.bags === undefined ? {} : { bags: wish.bags }),
    ...(wish.bank === undefined ? {} : { bank: wish.bank }),
    ...(wish.passBackOfSeq === undefined ? {} : { passBackOfSeq: wish.passBackOfSeq }),
    denyList: { generation: 1, n: 0 },
  };
  return rowOf('tap', wish, body);
}

/** A shift's row. */
export function shiftRow(
  wish: Omit<TapWish, 'token' | 'mediumKind' | 'companions' | 'stopId'> & {
    readonly action?: 'open' | 'close';
    readonly source?: 'driver' | 'plan';
    readonly tripId?: string;
    readonly directionId?: 0 | 1;
  },
): RowWish {
  const { vehicleId = 'bus-1', routeId, tripId, directionId, action = 'open', source = 'driver' } = wish;
  const where = { vehicleId, routeId, tripId, directionId };
  return rowOf('shift', wish, { action, source, where });
}

/** The row of a breakdown. */
export function breakdownRow(
  wish: Omit<TapWish, 'token' | 'mediumKind' | 'companions'> & { readonly tripId?: string },
): RowWish {
  const { vehicleId = 'bus-1', routeId = 'r1', tripId, stopId } = wish;
  return rowOf('breakdown', wish, { where: { vehicleId, routeId, tripId, stopId }, staffId: token(999) });
}

/** A refusal's row. */
export function refusedRow(wish: TapWish): RowWish {
  const where = { vehicleId: wish.vehicleId ?? 'bus-1' };
  return rowOf('refused', wish, { reason: 'CARD_EXPIRED', where, denyList: { generation: 1, n: 0 } });
}

/** A row of a clock that met the city's; `clock.sync` is the exchange. */
export function clockSyncRow(wish: TapWish & { readonly clock: ClockEvidence }): RowWish {
  const { sync, wallMs } = wish.clock;
  const serverMs = sync?.serverMs ?? 0;
  return rowOf('clock-sync', wish, { serverMs, offsetMs: serverMs - wallMs, rttMs: sync?.rttMs ?? 0 });
}

/** The row of any record. */
export function rowOf(kind: string, wish: TapWish, body: unknown): RowWish {
  const deviceId = wish.device ?? 'val-1';
  const sync = { serverMs: wish.atMs - 1000, monoMs: 50_000, bootId: BOOT, rttMs: 0 };
  const at = wish.clock ?? { wallMs: wish.atMs, monoMs: 51_000, bootId: BOOT, sync };
  const record = JSON.stringify({
    v: 1,
    kind,
    deviceId,
    epoch: EPOCH,
    seq: wish.seq,
    prev: '0'.repeat(64),
    at,
    body,
  });
  return {
    deviceId,
    epoch: EPOCH,
    seq: wish.seq,
    kind,
    hash: createHash('sha256').update(record).digest('hex'),
    record,
    flags: [],
    receivedAtMs: wish.receivedAtMs ?? wish.atMs + 1000,
  };
}
