/**
 * Journals of many devices, made and signed beforehand, so that a benchmark measures the city and not the devices:
 * real records, chained, in batches whose heads are signed.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { encodeBatch } from '#contracts/batch.ts';
import { headMessage, sha256Hex, signBytes } from '#contracts/hash-chain.ts';
import { NO_PREVIOUS } from '#contracts/record.ts';

export interface JournalPlan {
  /** Devices are called `val-<firstDevice>` and up. */
  readonly firstDevice: number;
  readonly devices: number;
  readonly tapsPerDevice: number;
  readonly batchRecords: number;
  /** Instant of the first tap, and time over which a device's taps spread. */
  readonly startMs: number;
  readonly spreadMs: number;
  readonly riders: number;
  readonly routeIds: readonly string[];
}

/** One device with its batches, ready to be sent. */
export interface MadeJournal {
  readonly deviceId: string;
  readonly publicKeyPem: string;
  readonly batches: readonly Buffer[];
  /** Number of its last record: a receipt up to it says that everything is held. */
  readonly lastSeq: number;
}

interface Writer {
  readonly deviceId: string;
  readonly epoch: string;
  readonly bootId: string;
  readonly key: KeyObject;
}

/** Makes them. Riders are shared by all devices, so that accounts meet several vehicles. */
export function makeJournals(plan: JournalPlan): MadeJournal[] {
  return Array.from({ length: plan.devices }, (_, index) => makeJournal(index, plan));
}

function makeJournal(index: number, plan: JournalPlan): MadeJournal {
  const { privateKey } = generateKeyPairSync('ed25519');
  const writer: Writer = {
    deviceId: `val-${plan.firstDevice + index}`,
    epoch: randomBytes(16).toString('hex'),
    bootId: randomBytes(16).toString('hex'),
    key: privateKey,
  };
  const records = chain(writer, index, plan);
  const batches: Buffer[] = [];
  for (let from = 0; from < records.length; from += plan.batchRecords) {
    batches.push(batchOf(writer, from + 1, records.slice(from, from + plan.batchRecords)));
  }
  const publicKeyPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  return { deviceId: writer.deviceId, publicKeyPem, batches, lastSeq: records.length };
}

interface Chained {
  readonly bytes: Buffer;
  readonly hash: string;
}

/** The epoch's first record, then the taps. */
function chain(writer: Writer, index: number, plan: JournalPlan): Chained[] {
  const records: Chained[] = [];
  let prev = NO_PREVIOUS;
  const add = (kind: string, atMs: number, body: object): void => {
    const at = { wallMs: atMs, monoMs: Math.round(atMs - plan.startMs) + 60_000, bootId: writer.bootId };
    const sync = { serverMs: plan.startMs, monoMs: 60_000, bootId: writer.bootId, rttMs: 20 };
    const { deviceId, epoch } = writer;
    const seq = records.length + 1;
    const text = JSON.stringify({ v: 1, kind, deviceId, epoch, seq, prev, at: { ...at, sync }, body });
    const bytes = Buffer.from(text, 'utf8');
    prev = sha256Hex(bytes);
    records.push({ bytes, hash: prev });
  };
  add('epoch', plan.startMs, { follows: 'none', software: 'bench' });
  for (let n = 0; n < plan.tapsPerDevice; n++) {
    const atMs = plan.startMs + Math.round((plan.spreadMs * (n + 1)) / plan.tapsPerDevice);
    // A prime step, so that neighbours on one device are different riders.
    const rider = ((n * plan.devices + index) * 7919) % plan.riders;
    add('tap', atMs, {
      tokenId: `k1.${rider.toString(16).padStart(32, '0')}`,
      mediumKind: rider % 2 === 0 ? 'social' : 'wallet',
      direction: 'in',
      where: { vehicleId: `bus-${index}`, routeId: plan.routeIds[index % plan.routeIds.length] },
      companions: 0,
      denyList: { generation: 1, n: 0 },
    });
  }
  return records;
}

function batchOf(writer: Writer, firstSeq: number, records: readonly Chained[]): Buffer {
  const { deviceId, epoch, key } = writer;
  const head = (records.at(-1) as Chained).hash;
  const seq = firstSeq + records.length - 1;
  const sig = signBytes(headMessage({ deviceId, epoch, seq, hash: head }), key);
  const header = { v: 1 as const, deviceId, epoch, firstSeq, count: records.length, head, sig };
  return encodeBatch(
    header,
    records.map((record) => record.bytes),
  );
}
