/** Contents of files: data, records, values, and the transaction that makes changes of backup files hold. */
import { le24, leInt32 } from '../bytes.ts';
import type { CommMode } from '../card-key.ts';
import { INS } from '../command.ts';
import type { DesfireCard } from '../desfire-card.ts';
import { type DesfireResult, done } from '../status.ts';

/** A part of a file. */
export interface FilePart {
  readonly fileNo: number;
  readonly offset: number;
  readonly mode: CommMode;
}

/** Most data of one command whose whole message must fit one APDU: encrypted and with MAC. */
const PART_BYTES_MAX = 224;

function partMax(card: DesfireCard): number {
  // Cut into frames by AF the length is free; commands of a kilobyte keep answers within their bounds.
  return card.framing === 'iso' ? PART_BYTES_MAX : 896;
}

/** ReadData: so many bytes, in as many commands as they need. */
export async function readData(
  card: DesfireCard,
  part: FilePart,
  bytes: number,
): Promise<DesfireResult<Buffer>> {
  const ins = card.framing === 'iso' ? INS.readDataIso : INS.readData;
  const read: Buffer[] = [];
  for (let at = 0; at < bytes; at += partMax(card)) {
    const count = Math.min(partMax(card), bytes - at);
    const header = Uint8Array.of(part.fileNo, ...le24(part.offset + at), ...le24(count));
    const answer = await card.run({ ins, header, fileMode: part.mode, answerBytes: count });
    if (!answer.ok || count === bytes) return answer;
    read.push(answer.value);
  }
  return done(Buffer.concat(read));
}

/** WriteData: all of it, in as many commands as it needs. A backup file shows it after CommitTransaction alone. */
export async function writeData(
  card: DesfireCard,
  part: FilePart,
  data: Uint8Array,
): Promise<DesfireResult<void>> {
  const ins = card.framing === 'iso' ? INS.writeDataIso : INS.writeData;
  return writePieces(card, { ...part, ins, before: [] }, data);
}

/** Records to be read, counted from the newest (0). */
export interface RecordRange {
  readonly fileNo: number;
  /** How many of the newest are passed over. */
  readonly skip: number;
  readonly count: number;
  readonly recordBytes: number;
  readonly mode: CommMode;
}

/**
 * ReadRecords, in as many commands as the range needs; oldest of the range first, as the card sends them. Fewer records than
 * asked for is a boundary error.
 */
export async function readRecords(card: DesfireCard, range: RecordRange): Promise<DesfireResult<Buffer[]>> {
  const { skip, count, recordBytes } = range;
  const most = Math.max(1, Math.floor(partMax(card) / recordBytes));
  const records: Buffer[] = [];
  for (let left = count; left > 0; ) {
    const piece = Math.min(most, left);
    left -= piece;
    const answer = await readPiece(card, { ...range, skip: skip + left, count: piece });
    if (!answer.ok) return answer;
    records.push(...answer.value);
  }
  return done(records);
}

async function readPiece(card: DesfireCard, range: RecordRange): Promise<DesfireResult<Buffer[]>> {
  const { fileNo, skip, count, recordBytes, mode } = range;
  // One record that is longer than an APDU comes in frames.
  const whole = card.framing === 'iso' && count * recordBytes <= PART_BYTES_MAX;
  const ins = whole ? INS.readRecordsIso : INS.readRecords;
  const header = Uint8Array.of(fileNo, ...le24(skip), ...le24(count));
  const answer = await card.run({ ins, header, fileMode: mode, answerBytes: count * recordBytes });
  if (!answer.ok) return answer;
  return done(
    Array.from({ length: count }, (_, index) =>
      answer.value.subarray(index * recordBytes, (index + 1) * recordBytes),
    ),
  );
}

/**
 * WriteRecord: into the one record that the running transaction makes (the first write of it begins it), from `offset` on, in as
 * many commands as it needs. What is not written of it is zeros; it is there after CommitTransaction alone.
 */
export async function writeRecord(
  card: DesfireCard,
  part: FilePart,
  data: Uint8Array,
): Promise<DesfireResult<void>> {
  const ins = card.framing === 'iso' ? INS.writeRecordIso : INS.writeRecord;
  return writePieces(card, { ...part, ins, before: [] }, data);
}

/** UpdateRecord: changes a record that is there, counted from the newest, in as many commands as it needs. */
export async function updateRecord(
  card: DesfireCard,
  part: FilePart & { readonly recordNo: number },
  data: Uint8Array,
): Promise<DesfireResult<void>> {
  const ins = card.framing === 'iso' ? INS.updateRecordIso : INS.updateRecord;
  return writePieces(card, { ...part, ins, before: le24(part.recordNo) }, data);
}

/** A command that writes, piece by piece. `before`: parameters between file and offset. */
async function writePieces(
  card: DesfireCard,
  to: FilePart & { readonly ins: number; readonly before: readonly number[] },
  data: Uint8Array,
): Promise<DesfireResult<void>> {
  for (let at = 0; at < data.length; at += partMax(card)) {
    const piece = data.subarray(at, at + partMax(card));
    const header = Uint8Array.of(to.fileNo, ...to.before, ...le24(to.offset + at), ...le24(piece.length));
    const command = { ins: to.ins, header, data: piece, fileMode: to.mode, answerBytes: 0 };
    const answer = await card.run(command);
    if (!answer.ok) return answer;
  }
  return done(undefined);
}

/** ClearRecordFile, as part of the transaction. */
export async function clearRecords(card: DesfireCard, fileNo: number): Promise<DesfireResult<void>> {
  return nothingOf(
    await card.run({ ins: INS.clearRecordFile, header: Uint8Array.of(fileNo), answerBytes: 0 }),
  );
}

/** A value file. */
export interface ValueFile {
  readonly fileNo: number;
  readonly mode: CommMode;
}

/** GetValue: a signed number of 32 bits. */
export async function getValue(card: DesfireCard, file: ValueFile): Promise<DesfireResult<number>> {
  const header = Uint8Array.of(file.fileNo);
  const answer = await card.run({ ins: INS.getValue, header, fileMode: file.mode, answerBytes: 4 });
  return answer.ok ? done(answer.value.readInt32LE(0)) : answer;
}

/** Credit, Debit or LimitedCredit; it holds after CommitTransaction. */
export async function changeValue(
  card: DesfireCard,
  how: 'credit' | 'debit' | 'limitedCredit',
  file: ValueFile,
  amount: number,
): Promise<DesfireResult<void>> {
  if (!Number.isInteger(amount) || amount < 0)
    throw new RangeError('an amount is a whole number, not negative');
  const header = Uint8Array.of(file.fileNo);
  const data = leInt32(amount);
  return nothingOf(await card.run({ ins: INS[how], header, data, fileMode: file.mode, answerBytes: 0 }));
}

/** What CommitTransaction says where the application has a TransactionMAC file. */
export interface TransactionMac {
  readonly counter: number;
  /** 8 bytes; the back office checks them (transaction-mac.ts). */
  readonly value: Buffer;
}

/**
 * CommitTransaction. A failure of kind `gone` or `not-genuine` leaves open whether it holds: nobody may act as if it did,
 * or as if it did not.
 */
export async function commitTransaction(card: DesfireCard): Promise<DesfireResult<void>> {
  return nothingOf(await card.run({ ins: INS.commitTransaction, answerBytes: 0 }));
}

/** CommitTransaction that asks for the transaction's MAC. */
export async function commitWithMac(card: DesfireCard): Promise<DesfireResult<TransactionMac>> {
  const header = Uint8Array.of(0x01);
  const answer = await card.run({ ins: INS.commitTransaction, header, answerBytes: 12 });
  if (!answer.ok) return answer;
  return done({ counter: answer.value.readUInt32LE(0), value: answer.value.subarray(4) });
}

export async function abortTransaction(card: DesfireCard): Promise<DesfireResult<void>> {
  return nothingOf(await card.run({ ins: INS.abortTransaction, answerBytes: 0 }));
}

/** CommitReaderID: names this reader in the transaction's MAC; gives the encrypted id of the reader before. */
export async function commitReaderId(
  card: DesfireCard,
  readerId: Uint8Array,
): Promise<DesfireResult<Buffer>> {
  if (readerId.length !== 16) throw new RangeError('a reader id has 16 bytes');
  return card.run({ ins: INS.commitReaderId, data: readerId, answerBytes: card.session ? 16 : 0 });
}

/** The answer of a command that has none. */
export function nothingOf(result: DesfireResult<Buffer>): DesfireResult<void> {
  return result.ok ? done(undefined) : result;
}
