/**
 * What a command is, and in which mode it goes over the air: a table of command and channel. Commands know their bytes
 * and nothing of cryptography.
 *
 * Source for EV2: MF2DL(H)x0 §11 and MF3D(H)x3; for EV1 what cards in the field do: the MAC of a command moves the chain
 * and is sent with data written in mode MAC alone; each answer that is not encrypted carries one.
 */
import type { CommMode, SecureChannel } from './card-key.ts';

/** Instructions of the native command set. */
export const INS = {
  authenticateIso: 0x1a,
  authenticateEv1: 0xaa,
  authenticateEv2First: 0x71,
  authenticateEv2NonFirst: 0x77,
  moreFrames: 0xaf,
  selectApplication: 0x5a,
  getVersion: 0x60,
  getCardUid: 0x51,
  getKeyVersion: 0x64,
  getKeySettings: 0x45,
  changeKeySettings: 0x54,
  changeKey: 0xc4,
  changeKeyEv2: 0xc6,
  getApplicationIds: 0x6a,
  createApplication: 0xca,
  deleteApplication: 0xda,
  formatPicc: 0xfc,
  getFreeMemory: 0x6e,
  setConfiguration: 0x5c,
  getFileIds: 0x6f,
  getIsoFileIds: 0x61,
  getFileSettings: 0xf5,
  changeFileSettings: 0x5f,
  createStdDataFile: 0xcd,
  createBackupDataFile: 0xcb,
  createValueFile: 0xcc,
  createLinearRecordFile: 0xc1,
  createCyclicRecordFile: 0xc0,
  createTransactionMacFile: 0xce,
  deleteFile: 0xdf,
  readData: 0xbd,
  readDataIso: 0xad,
  writeData: 0x3d,
  writeDataIso: 0x8d,
  readRecords: 0xbb,
  readRecordsIso: 0xab,
  writeRecord: 0x3b,
  writeRecordIso: 0x8b,
  updateRecord: 0xdb,
  updateRecordIso: 0xba,
  clearRecordFile: 0xeb,
  getValue: 0x6c,
  credit: 0x0c,
  debit: 0xdc,
  limitedCredit: 0x1c,
  commitTransaction: 0xc7,
  abortTransaction: 0xa7,
  commitReaderId: 0xc8,
} as const;

/** A command before any protection. */
export interface Command {
  readonly ins: number;
  /** Parameters that stay readable in every mode. */
  readonly header?: Uint8Array;
  /** What mode FULL encrypts. */
  readonly data?: Uint8Array;
  /** Mode of the file that is asked for, where the command is about a file's contents. */
  readonly fileMode?: CommMode;
  /** Bytes of data in the answer; `any` where only the card knows. */
  readonly answerBytes: number | 'any';
}

type Rule = CommMode | 'file';
interface Row {
  readonly ev1: Rule;
  readonly ev2: Rule;
  /** EV1: in mode MAC the command's own MAC is sent. */
  readonly macSentInEv1?: true;
}

const FULL: Row = { ev1: 'full', ev2: 'full' };
const READS: Row = { ev1: 'file', ev2: 'file' };
const WRITES: Row = { ev1: 'file', ev2: 'file', macSentInEv1: true };
/** What is not in the table: MAC, which in EV1 is sent with answers alone. */
const OTHERS: Row = { ev1: 'mac', ev2: 'mac' };

const TABLE: ReadonlyMap<number, Row> = new Map([
  [INS.getCardUid, FULL],
  [INS.changeKeySettings, FULL],
  [INS.setConfiguration, FULL],
  [INS.changeFileSettings, FULL],
  [INS.createTransactionMacFile, FULL],
  [INS.readData, READS],
  [INS.readDataIso, READS],
  [INS.readRecords, READS],
  [INS.readRecordsIso, READS],
  [INS.getValue, READS],
  [INS.writeData, WRITES],
  [INS.writeDataIso, WRITES],
  [INS.writeRecord, WRITES],
  [INS.writeRecordIso, WRITES],
  [INS.updateRecord, WRITES],
  [INS.updateRecordIso, WRITES],
  [INS.credit, WRITES],
  [INS.debit, WRITES],
  [INS.limitedCredit, WRITES],
]);

/** The mode of a command on a channel. @throws TypeError when a command about contents does not say its file's mode. */
export function modeOf(
  command: Command,
  channel: SecureChannel['kind'],
): { mode: CommMode; macSent: boolean } {
  const row = TABLE.get(command.ins) ?? OTHERS;
  const rule = row[channel];
  const mode = rule === 'file' ? command.fileMode : rule;
  if (!mode) throw new TypeError(`command ${command.ins.toString(16)} needs the mode of its file`);
  return { mode, macSent: channel === 'ev2' || row.macSentInEv1 === true };
}
