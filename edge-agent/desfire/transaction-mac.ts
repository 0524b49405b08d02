/**
 * The transaction's own MAC (MF2DL(H)x0 §10.3): the card vouches to the back office, under a key that no reader has, for
 * what was read and written in one transaction.
 */
import { cmac, decryptCbc, ZERO_BLOCK } from './aes.ts';
import { le24, leInt32, paddedZero, sameSecret } from './bytes.ts';
import type { TransactionMac } from './commands/contents.ts';
import { truncatedMac } from './ev2-channel.ts';

const UID_BYTES = 7;
const COUNTER_MAX = 0xffffffff;

export interface TransactionMacKeys {
  /** Under it stands the transaction's MAC. */
  readonly macKey: Buffer;
  /** Under it stands the id of the reader before. */
  readonly encKey: Buffer;
}

/**
 * Session keys of one transaction.
 * @param counterBefore the counter before the transaction; its MAC is made under the next.
 * @throws RangeError for a UID that has not 7 bytes or a counter at its end.
 */
export function transactionMacKeys(
  key: Uint8Array,
  counterBefore: number,
  uid: Uint8Array,
): TransactionMacKeys {
  if (uid.length !== UID_BYTES) throw new RangeError('a UID has 7 bytes');
  if (!Number.isInteger(counterBefore) || counterBefore < 0 || counterBefore >= COUNTER_MAX)
    throw new RangeError('no transaction follows this counter');
  const vector = Buffer.alloc(16);
  vector.writeUInt32BE(0x00010080, 1);
  vector.writeUInt32LE(counterBefore + 1, 5);
  vector.set(uid, 9);
  vector[0] = 0x5a;
  const macKey = cmac(key, vector);
  vector[0] = 0xa5;
  return { macKey, encKey: cmac(key, vector) };
}

/** One command of a transaction as it enters the MAC: its parameters, then plain data, each filled up with zeros. */
export interface TransactionEntry {
  readonly parameters: Uint8Array;
  readonly data?: Uint8Array;
}

/** ReadData, WriteData or WriteRecord (one entry for each command that was sent): instruction as it was sent, and the data that were read or written. */
export function dataEntry(ins: number, fileNo: number, offset: number, data: Uint8Array): TransactionEntry {
  return { parameters: Uint8Array.of(ins, fileNo, ...le24(offset), ...le24(data.length)), data };
}

/** GetValue, Credit, Debit or LimitedCredit. */
export function valueEntry(ins: number, fileNo: number, value: number): TransactionEntry {
  return { parameters: Buffer.concat([Uint8Array.of(ins, fileNo), leInt32(value)]) };
}

/** ReadRecords: number of the first, how many were read, their data. */
export function recordsEntry(
  ins: number,
  fileNo: number,
  records: { readonly skip: number; readonly count: number; readonly data: Uint8Array },
): TransactionEntry {
  const parameters = Uint8Array.of(ins, fileNo, ...le24(records.skip), ...le24(records.count));
  return { parameters, data: records.data };
}

/** UpdateRecord: which record, from where, how much; the data that were written. One entry for each command that was sent. */
export function updateEntry(
  ins: number,
  fileNo: number,
  update: { readonly recordNo: number; readonly offset: number; readonly data: Uint8Array },
): TransactionEntry {
  const { recordNo, offset, data } = update;
  return {
    parameters: Uint8Array.of(ins, fileNo, ...le24(recordNo), ...le24(offset), ...le24(data.length)),
    data,
  };
}

/** ClearRecordFile. */
export function clearEntry(ins: number, fileNo: number): TransactionEntry {
  return { parameters: Uint8Array.of(ins, fileNo) };
}

/** CommitReaderID: our id, and the encrypted id of the reader before, as the card answered it. */
export function readerEntry(
  ins: number,
  readerId: Uint8Array,
  encryptedBefore: Uint8Array,
): TransactionEntry {
  return { parameters: Buffer.concat([Uint8Array.of(ins), readerId, encryptedBefore]) };
}

/** The value that a card must have given for these commands, 8 bytes. */
export function transactionMacValue(keys: TransactionMacKeys, entries: readonly TransactionEntry[]): Buffer {
  const input = entries.flatMap(({ parameters, data }) => [
    paddedZero(parameters),
    ...(data ? [paddedZero(data)] : []),
  ]);
  return truncatedMac(cmac(keys.macKey, Buffer.concat(input)));
}

/** Whether a card's word for a transaction holds. */
export function transactionMacHolds(
  key: Uint8Array,
  uid: Uint8Array,
  mac: TransactionMac,
  entries: readonly TransactionEntry[],
): boolean {
  if (mac.counter < 1) return false;
  const keys = transactionMacKeys(key, mac.counter - 1, uid);
  return sameSecret(transactionMacValue(keys, entries), mac.value);
}

/** The id of the reader of the transaction before. */
export function readerIdBefore(keys: TransactionMacKeys, encrypted: Uint8Array): Buffer {
  return decryptCbc(keys.encKey, ZERO_BLOCK, encrypted);
}
