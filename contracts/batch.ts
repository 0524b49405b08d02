/**
 * A batch: consecutive records of one epoch with the device's signature over the last one's hash.
 *
 * On the wire (topic `kvytok/v1/{deviceId}/taps`): lines of UTF-8 parted by `\n`, no trailing one. The first line is
 * the {@link BatchHeader} as JSON, each further line one record's exact bytes. Records are not wrapped in JSON
 * again, so their bytes arrive as they were hashed.
 */
import { type Static, Type } from 'typebox';
import { DeviceId, EpochId, Seq, Sha256Hex, Signature } from './ids.ts';
import { decodeJson, describeProblems, type Parsed, parserOf, refuse } from './parse.ts';
import { RECORD_BYTES_MAX } from './record.ts';

/** Most records in one batch. */
export const BATCH_RECORDS_MAX = 200;
/** Largest batch in bytes; the broker's limit per packet stands above it. */
export const BATCH_BYTES_MAX = 256 * 1024;

export const BatchHeader = Type.Object({
  v: Type.Literal(1),
  deviceId: DeviceId,
  epoch: EpochId,
  /** Sequence number of the first record; the others follow without gaps. */
  firstSeq: Seq,
  count: Type.Integer({ minimum: 1, maximum: BATCH_RECORDS_MAX }),
  /** Hash of the last record. */
  head: Sha256Hex,
  /** Signature over {@link import('./hash-chain.ts').headMessage} of the last record. */
  sig: Signature,
});
export type BatchHeader = Static<typeof BatchHeader>;

/** A batch split into its parts; the records are bytes still, to be hashed before they are read. */
export interface Batch {
  readonly header: BatchHeader;
  readonly records: readonly Uint8Array[];
}

const parseHeader = parserOf(BatchHeader);

/** Writes a batch. The records' bytes go out untouched. */
export function encodeBatch(header: BatchHeader, records: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(JSON.stringify(header), 'utf8')];
  for (const record of records) parts.push(LINE_FEED, record);
  return Buffer.concat(parts);
}

const LINE_FEED = Buffer.from('\n');

/** Splits a batch. Hashes and signature are checked afterwards: this looks at form and bounds only. */
export function decodeBatch(payload: Uint8Array): Parsed<Batch> {
  if (payload.byteLength > BATCH_BYTES_MAX) {
    return refuse(`${payload.byteLength} bytes, a batch has at most ${BATCH_BYTES_MAX}`);
  }
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const lines = splitLines(bytes);
  const first = lines[0] as Buffer;
  const json = decodeJson(first, 1024);
  if (!json.ok) return refuse(`first line: ${describeProblems(json.problems)}`);
  const header = parseHeader(json.value);
  if (!header.ok) return header;
  const records = lines.slice(1);
  if (records.length !== header.value.count) {
    return refuse(`${records.length} records, the header says ${header.value.count}`, '/count');
  }
  const long = records.find((r) => r.byteLength > RECORD_BYTES_MAX || r.byteLength === 0);
  if (long) return refuse(`a record of ${long.byteLength} bytes; 1 to ${RECORD_BYTES_MAX} are taken`);
  return { ok: true, value: { header: header.value, records } };
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  // One line more than a full batch is enough to see that there are too many.
  while (lines.length <= BATCH_RECORDS_MAX + 1) {
    const end = bytes.indexOf(0x0a, start);
    if (end === -1) {
      lines.push(bytes.subarray(start));
      return lines;
    }
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}
