/** A device's journal made by hand from the contract: records, chain, signed batches, and ways to spoil them. */
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type BatchHeader, encodeBatch } from '#contracts/batch.ts';
import { headMessage, sha256Hex, signBytes } from '#contracts/hash-chain.ts';
import { NO_PREVIOUS } from '#contracts/record.ts';
import { deviceTopic } from '#contracts/topics.ts';

export const NOW_MS = Date.UTC(2026, 2, 2, 6, 0, 0);
const BOOT = 'b'.repeat(32);

/** A name of 128 bits made from a text. */
export const hex32 = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

export interface Journal {
  readonly deviceId: string;
  readonly keyId: string;
  readonly epoch: string;
  readonly publicKeyPem: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** Records from seq 1. */
  readonly records: readonly Buffer[];
  hash(seq: number): string;
  /** Adds `count` taps. */
  addTaps(count: number): void;
  /** Adds any bytes; `change` may spoil the record that would stand there. */
  add(change: (record: Record<string, unknown>) => unknown): void;
  addBytes(bytes: Buffer): void;
  /** The batch of records `fromSeq` to `toSeq`, both inside. */
  batch(fromSeq: number, toSeq: number, header?: Partial<BatchHeader>): Buffer;
  readonly topic: string;
}

export interface JournalOptions {
  readonly epoch?: string;
  readonly follows?: unknown;
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  /** Without the first record that names the epoch. */
  readonly bare?: boolean;
}

/** Clock evidence in step with {@link NOW_MS}. */
export const syncedAt = (monoMs: number) => ({
  wallMs: NOW_MS + monoMs,
  monoMs,
  bootId: BOOT,
  sync: { serverMs: NOW_MS, monoMs: 0, bootId: BOOT, rttMs: 4 },
});

export function createJournal(deviceId: string, options: JournalOptions = {}): Journal {
  const { publicKey, privateKey } = options.keys ?? generateKeyPairSync('ed25519');
  const epoch = options.epoch ?? hex32(`epoch of ${deviceId}`);
  const records: Buffer[] = [];
  const hash = (seq: number): string => (seq === 0 ? NO_PREVIOUS : sha256Hex(records[seq - 1] as Buffer));
  const addBytes = (bytes: Buffer): void => void records.push(bytes);
  const add: Journal['add'] = (change) => {
    const seq = records.length + 1;
    const record = {
      v: 1,
      kind: 'tap',
      deviceId,
      epoch,
      seq,
      prev: hash(seq - 1),
      at: syncedAt(seq * 1000),
      body: tapBody(seq),
    };
    addBytes(Buffer.from(JSON.stringify(change(record))));
  };
  if (!options.bare) {
    add((record) => ({
      ...record,
      kind: 'epoch',
      body: { follows: options.follows ?? 'none', software: 'test' },
    }));
  }
  return {
    deviceId,
    keyId: 'k1',
    epoch,
    publicKey,
    privateKey,
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    records,
    hash,
    add,
    addBytes,
    addTaps(count) {
      for (let i = 0; i < count; i++) add((record) => record);
    },
    batch(fromSeq, toSeq, changes = {}) {
      const head = hash(toSeq);
      const sig = signBytes(headMessage({ deviceId, epoch, seq: toSeq, hash: head }), privateKey);
      const header = {
        v: 1 as const,
        deviceId,
        epoch,
        firstSeq: fromSeq,
        count: toSeq - fromSeq + 1,
        head,
        sig,
      };
      return encodeBatch({ ...header, ...changes }, records.slice(fromSeq - 1, toSeq));
    },
    topic: deviceTopic(deviceId, 'taps'),
  };
}

function tapBody(seq: number) {
  return {
    tokenId: `k1.${hex32(`token ${seq % 50}`)}`,
    mediumKind: seq % 2 === 0 ? 'social' : 'wallet',
    direction: 'in',
    where: { vehicleId: 'bus-7', routeId: 'route-9', stopId: 'площа-Волі' },
    companions: 0,
    denyList: { generation: 1, n: 3 },
  };
}

/** A copy of the journal (same keys, same epoch) whose records from `fromSeq` on are others. */
export function forkAt(journal: Journal, fromSeq: number, count: number): Journal {
  const copy = createJournal(journal.deviceId, { epoch: journal.epoch, keys: journal, bare: true });
  for (const bytes of journal.records.slice(0, fromSeq - 1)) copy.addBytes(bytes);
  for (let i = 0; i < count; i++) copy.add((record) => ({ ...record, at: syncedAt(777_000 + i) }));
  return copy;
}
