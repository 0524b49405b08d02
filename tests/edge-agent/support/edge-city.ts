/** A small city for tests of the edge: its keys, an enrolled device folder, cards, and what ingest would sign. */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Batch, decodeBatch } from '#contracts/batch.ts';
import { headMessage, sha256Hex, verifyBytes } from '#contracts/hash-chain.ts';
import type { Receipt, ReceiptRange } from '#contracts/receipt.ts';
import { NO_PREVIOUS, parseRecord } from '#contracts/record.ts';
import { type CitySigner, type PinnedKeys, sealEnvelope } from '#contracts/signed-envelope.ts';
import { createVirtualCard, type VirtualCard } from '../../../simulators/cards/virtual-card.ts';

export interface TestCity {
  readonly ingest: CitySigner;
  readonly lists: CitySigner;
  /** Kept offline: begins generations of lists. */
  readonly generation: CitySigner;
  readonly issuer: CitySigner;
  readonly tokenKey: Buffer;
}

export function createTestCity(): TestCity {
  const signer = (keyId: string): CitySigner => ({
    keyId,
    privateKey: generateKeyPairSync('ed25519').privateKey,
  });
  return {
    ingest: signer('ingest-1'),
    lists: signer('lists-1'),
    generation: signer('generation-1'),
    issuer: signer('i001'),
    tokenKey: randomBytes(32),
  };
}

export function pinned(signer: CitySigner): PinnedKeys {
  return new Map([[signer.keyId, publicOf(signer.privateKey)]]);
}

function publicOf(key: KeyObject): KeyObject {
  return createPublicKey(key);
}

export interface EnrolledFolder {
  readonly dir: string;
  readonly deviceId: string;
  readonly secret: string;
  readonly publicKey: KeyObject;
}

/** Writes a device folder as enrolment does. */
export function enrol(
  dir: string,
  city: TestCity,
  options: { deviceId?: string; mqttUrl?: string; journalRecordsMax?: number; passBackS?: number } = {},
): EnrolledFolder {
  const deviceId = options.deviceId ?? 'val-1';
  const pem = (key: KeyObject): string => publicOf(key).export({ type: 'spki', format: 'pem' }).toString();
  const own = generateKeyPairSync('ed25519');
  const secret = randomBytes(32).toString('base64url');
  mkdirSync(dir, { recursive: true });
  const file = {
    v: 1,
    deviceId,
    vehicleId: 'bus-12',
    mqttUrl: options.mqttUrl ?? 'mqtt://127.0.0.1:1',
    ingestKeys: { [city.ingest.keyId]: pem(city.ingest.privateKey) },
    listKeys: { [city.lists.keyId]: pem(city.lists.privateKey) },
    listGenerationKeys: { [city.generation.keyId]: pem(city.generation.privateKey) },
    issuerKeys: { [city.issuer.keyId]: pem(city.issuer.privateKey) },
    policy: {
      passBackS: options.passBackS ?? 10,
      mediumKinds: ['social', 'wallet'],
      journalRecordsMax: options.journalRecordsMax ?? 5000,
    },
  };
  writeFileSync(join(dir, 'device.json'), JSON.stringify(file));
  writeFileSync(join(dir, 'device-key.pem'), own.privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
  writeFileSync(join(dir, 'mqtt-secret'), `${secret}\n`, { mode: 0o600 });
  writeFileSync(join(dir, 'token-key'), `${city.tokenKey.toString('hex')}\n`, { mode: 0o600 });
  return { dir, deviceId, secret, publicKey: own.publicKey };
}

/** A card of the city, valid from 2020 to 2040. `number` makes it the same card each time. */
export function cardOf(city: TestCity, number: number, kind: 'social' | 'wallet' = 'social'): VirtualCard {
  const mediumId = Buffer.alloc(16);
  mediumId.writeUInt32BE(number, 12);
  return createVirtualCard({
    mediumKind: kind,
    mediumId,
    validFromS: Date.UTC(2020, 0, 1) / 1000,
    validUntilS: Date.UTC(2040, 0, 1) / 1000,
    language: 'uk',
    issuer: city.issuer,
  });
}

export const INCARNATION_1 = '1'.repeat(32);
export const INCARNATION_2 = '2'.repeat(32);

export function receiptFor(
  deviceId: string,
  ranges: ReceiptRange[],
  more: Partial<Omit<Receipt, 'ranges'>> = {},
): Receipt {
  return {
    v: 1,
    deviceId,
    incarnation: INCARNATION_1,
    backupWatermarkMs: null,
    issuedAtMs: Date.UTC(2026, 2, 2, 6),
    ranges,
    ...more,
  };
}

export function seal(receipt: Receipt, city: TestCity): Buffer {
  return sealEnvelope('receipt', receipt, city.ingest);
}

/** Checks a batch as ingest does: form, chain and signature. Throws with the first fault. */
export function checkBatch(payload: Uint8Array, publicKey: KeyObject): Batch {
  const decoded = decodeBatch(payload);
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.problems));
  const { header, records } = decoded.value;
  checkChain(records, header.firstSeq, header.epoch);
  const { deviceId, epoch, head } = header;
  const seq = header.firstSeq + header.count - 1;
  if (sha256Hex(records.at(-1) as Uint8Array) !== head) throw new Error('the head is not the last hash');
  if (!verifyBytes(headMessage({ deviceId, epoch, seq, hash: head }), header.sig, publicKey))
    throw new Error('the signature does not hold');
  return decoded.value;
}

/** Parses records, and checks that each follows the one before. */
export function checkChain(records: readonly Uint8Array[], firstSeq: number, epoch: string): void {
  let prev = firstSeq === 1 ? NO_PREVIOUS : undefined;
  for (const [index, bytes] of records.entries()) {
    const parsed = parseRecord(bytes);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const record = parsed.value;
    if (record.seq !== firstSeq + index)
      throw new Error(`seq ${record.seq} where ${firstSeq + index} belongs`);
    if (record.epoch !== epoch) throw new Error('another epoch');
    if (prev !== undefined && record.prev !== prev) throw new Error(`record ${record.seq} breaks the chain`);
    prev = sha256Hex(bytes);
  }
}
