/**
 * Judges one batch: who sent it, does the signature hold, what is each record. Pure; nothing is thrown away.
 *
 * One signature stands for the whole batch: it covers the last record's hash, and each record names the hash of the
 * one before it. So records are proven from the last one backwards, as far as the links reach.
 */
import { BATCH_BYTES_MAX, type Batch, type BatchHeader, decodeBatch } from '#contracts/batch.ts';
import { headMessage, sha256Hex, verifyBytes } from '#contracts/hash-chain.ts';
import { decodeJson, describeProblems, type Problem } from '#contracts/parse.ts';
import type { RejectionCode } from '#contracts/reason-codes.ts';
import { type JournalRecord, parseRecord, RECORD_BYTES_MAX, RECORD_KINDS } from '#contracts/record.ts';
import { parseDeviceTopic } from '#contracts/topics.ts';
import { aliveAt } from './alive.ts';
import { clockFlags, type FlagLimits } from './flags.ts';
import {
  type AcceptedRecord,
  type Arrival,
  type BatchVerdict,
  DETAIL_CHARS_MAX,
  type KeysOf,
  type QuarantinedItem,
} from './model.ts';

/**
 * Standing keys of one device that are tried on a signature at most, newest first. It must reach as far back as replaced
 * keys stand: a validator that renews weekly has 13 within the 90 days of `OLD_KEY_MS`.
 */
export const KEYS_TRIED_MAX = 32;
/** Revoked keys that are tried after them, only to name the reason. */
const REVOKED_TRIED_MAX = 4;

/** Judges an arrival on a taps topic. */
export function acceptBatch(arrival: Arrival, keysOf: KeysOf, limits: FlagLimits): BatchVerdict {
  const sender = parseDeviceTopic(arrival.topic)?.deviceId ?? null;
  const whole = (reason: RejectionCode, detail: string): BatchVerdict => ({
    accepted: [],
    quarantined: [unproven(arrival, sender, arrival.payload, reason, detail)],
  });
  if (arrival.payload.byteLength > BATCH_BYTES_MAX) {
    return whole(
      'INGEST_TOO_LARGE',
      `${arrival.payload.byteLength} bytes, at most ${BATCH_BYTES_MAX} are taken`,
    );
  }
  const decoded = decodeBatch(arrival.payload);
  if (!decoded.ok) return whole('INGEST_MALFORMED', describeProblems(decoded.problems));
  const { header, records } = decoded.value;
  const refusal = checkSender(header, sender, arrival.receivedAtMs, keysOf);
  if (refusal) return whole(refusal.reason, refusal.detail);
  const hashes = records.map((bytes) => sha256Hex(bytes));
  if (hashes.at(-1) !== header.head) {
    return whole('INGEST_BROKEN_CHAIN', 'the head is not the hash of the last record');
  }
  const signature = checkSignature(header, arrival.receivedAtMs, keysOf);
  if ('reason' in signature) return whole(signature.reason, signature.detail);
  return judgeRecords({ ...arrival, keyId: signature.keyId }, decoded.value, hashes, limits);
}

interface Refusal {
  readonly reason: RejectionCode;
  readonly detail: string;
}

function checkSender(
  header: BatchHeader,
  sender: string | null,
  nowMs: number,
  keysOf: KeysOf,
): Refusal | undefined {
  const keys = keysOf(header.deviceId);
  if (keys.length === 0) {
    return { reason: 'INGEST_UNKNOWN_DEVICE', detail: `no key is registered for ${header.deviceId}` };
  }
  if (!keys.some((key) => stands(key.revokedFromMs, nowMs))) {
    return { reason: 'INGEST_DEVICE_REVOKED', detail: `every key of ${header.deviceId} is revoked` };
  }
  if (header.deviceId !== sender) {
    return {
      reason: 'INGEST_WRONG_TOPIC',
      detail: `a batch of ${header.deviceId} on the topic of ${sender}`,
    };
  }
  if (!Number.isSafeInteger(header.firstSeq + header.count - 1)) {
    return { reason: 'INGEST_MALFORMED', detail: 'sequence numbers beyond 2^53' };
  }
  return undefined;
}

/** The key that signed, when it stands. */
function checkSignature(
  header: BatchHeader,
  nowMs: number,
  keysOf: KeysOf,
): Refusal | { readonly keyId: string } {
  const { deviceId, epoch, head, firstSeq, count, sig } = header;
  const message = headMessage({ deviceId, epoch, seq: firstSeq + count - 1, hash: head });
  const keys = keysOf(deviceId);
  const standing = keys.filter((key) => stands(key.revokedFromMs, nowMs)).slice(0, KEYS_TRIED_MAX);
  const revoked = keys.filter((key) => !stands(key.revokedFromMs, nowMs)).slice(0, REVOKED_TRIED_MAX);
  const signer = [...standing, ...revoked].find((key) => verifyBytes(message, sig, key.publicKey));
  if (!signer) return { reason: 'INGEST_BAD_SIGNATURE', detail: 'no key of the device verifies the head' };
  if (stands(signer.revokedFromMs, nowMs)) return { keyId: signer.keyId };
  return { reason: 'INGEST_DEVICE_REVOKED', detail: `key ${signer.keyId} is revoked` };
}

function stands(revokedFromMs: number | null, nowMs: number): boolean {
  return revokedFromMs === null || nowMs < revokedFromMs;
}

/** An arrival whose signature holds. */
interface Proven extends Arrival {
  readonly keyId: string;
}

/** Goes from the proven last record backwards; what the links do not reach is kept as unproven. */
function judgeRecords(arrival: Proven, batch: Batch, hashes: string[], limits: FlagLimits): BatchVerdict {
  const { header, records } = batch;
  const accepted: AcceptedRecord[] = [];
  const quarantined: QuarantinedItem[] = [];
  for (let i = records.length - 1; i >= 0; i--) {
    const bytes = records[i] as Uint8Array;
    const read = readRecord(bytes, header, header.firstSeq + i);
    const place = { epoch: header.epoch, seq: header.firstSeq + i, hash: hashes[i] as string };
    if (read.ok) {
      accepted.push(acceptedRecord({ ...read, hash: place.hash, bytes }, arrival, limits));
    } else {
      const { reason, detail } = read;
      quarantined.push({
        ...unproven(arrival, header.deviceId, bytes, reason, detail),
        ...place,
        authentic: true,
      });
    }
    if (i > 0 && read.prev !== hashes[i - 1]) {
      quarantined.push(brokenRest(arrival, header, records.slice(0, i), header.firstSeq + i));
      break;
    }
  }
  return { accepted: accepted.reverse(), quarantined: quarantined.reverse() };
}

function brokenRest(
  arrival: Arrival,
  header: BatchHeader,
  rest: readonly Uint8Array[],
  namedBySeq: number,
): QuarantinedItem {
  const lines = rest.flatMap((record, i) => (i === 0 ? [record] : [LINE_FEED, record]));
  const detail = `records ${header.firstSeq} to ${namedBySeq - 1}: record ${namedBySeq} does not link to them`;
  const item = unproven(arrival, header.deviceId, Buffer.concat(lines), 'INGEST_BROKEN_CHAIN', detail);
  return { ...item, epoch: header.epoch, seq: header.firstSeq };
}

const LINE_FEED = Buffer.from('\n');

type ReadRecord =
  | { readonly ok: true; readonly record: JournalRecord; readonly prev: string }
  | ({ readonly ok: false; readonly prev: string | undefined } & Refusal);

function readRecord(bytes: Uint8Array, header: BatchHeader, seq: number): ReadRecord {
  const parsed = parseRecord(bytes);
  if (!parsed.ok) return unreadable(bytes, parsed.problems);
  const record = parsed.value;
  const { prev } = record;
  if (record.deviceId === header.deviceId && record.epoch === header.epoch && record.seq === seq) {
    return { ok: true, record, prev };
  }
  const detail = `record ${seq} of the batch calls itself ${record.deviceId} ${record.epoch} ${record.seq}`;
  return { ok: false, prev, reason: 'INGEST_MALFORMED', detail };
}

const PREV = /"prev"\s*:\s*"([0-9a-f]{64})"/;

/** A record that this city cannot read still names the one before it, if anything in it does. */
function unreadable(bytes: Uint8Array, problems: readonly Problem[]): ReadRecord {
  const prev = PREV.exec(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'),
  )?.[1];
  const json = decodeJson(bytes, RECORD_BYTES_MAX);
  const value = (json.ok ? json.value : undefined) as { v?: unknown; kind?: unknown } | null | undefined;
  const newKind =
    typeof value?.kind === 'string' && !(RECORD_KINDS as readonly string[]).includes(value.kind);
  const newVersion = typeof value?.v === 'number' && value.v !== 1;
  const reason = newKind || newVersion ? 'INGEST_UNSUPPORTED_KIND' : 'INGEST_MALFORMED';
  return { ok: false, prev, reason, detail: describeProblems(problems) };
}

/** What is inserted of a record that was read; `by` says when it came and which key proved it. */
export function acceptedRecord(
  read: { readonly record: JournalRecord; readonly hash: string; readonly bytes: Uint8Array },
  by: { readonly receivedAtMs: number; readonly keyId: string | null },
  limits: FlagLimits,
): AcceptedRecord {
  const { record, hash, bytes } = read;
  const { receivedAtMs, keyId } = by;
  return {
    deviceId: record.deviceId,
    epoch: record.epoch,
    seq: record.seq,
    kind: record.kind,
    prev: record.prev,
    hash,
    // The parser has seen that these bytes are UTF-8 without NUL, so the text is exactly them.
    text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'),
    flags: clockFlags(record.at, receivedAtMs, limits),
    receivedAtMs,
    keyId,
    alive: aliveAt(record.at),
  };
}

function unproven(
  arrival: Arrival,
  deviceId: string | null,
  payload: Uint8Array,
  reason: RejectionCode,
  detail: string,
): QuarantinedItem {
  return {
    deviceId,
    epoch: null,
    seq: null,
    reason,
    detail: detail.slice(0, DETAIL_CHARS_MAX),
    hash: sha256Hex(payload),
    payload,
    authentic: false,
    receivedAtMs: arrival.receivedAtMs,
  };
}
