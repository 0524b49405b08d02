/** Files of an application: which there are, what they are, making and deleting them. */
import { le24, leInt32 } from '../bytes.ts';
import type { CardKey, CommMode } from '../card-key.ts';
import { INS } from '../command.ts';
import type { DesfireCard } from '../desfire-card.ts';
import { keyBytesOf } from '../key-material.ts';
import { type DesfireResult, done, failed } from '../status.ts';
import { nothingOf } from './contents.ts';

/** Who may do what with a file: a key number, `free` for everybody, `never` for nobody. */
export type Access = number | 'free' | 'never';

export interface AccessRights {
  readonly read: Access;
  readonly write: Access;
  readonly readWrite: Access;
  readonly change: Access;
}

interface Common {
  readonly mode: CommMode;
  readonly access: AccessRights;
}

/** What GetFileSettings tells. Sizes in bytes. */
export type FileSettings = Common &
  (
    | { readonly type: 'standard' | 'backup'; readonly bytes: number }
    | {
        readonly type: 'value';
        readonly lowerLimit: number;
        readonly upperLimit: number;
        readonly limitedCredit: number;
      }
    | {
        readonly type: 'linear' | 'cyclic';
        readonly recordBytes: number;
        readonly recordsMax: number;
        readonly records: number;
      }
    | { readonly type: 'transaction-mac' }
  );

const TYPES = ['standard', 'backup', 'value', 'linear', 'cyclic', 'transaction-mac'] as const;
const MODES: Readonly<Record<CommMode, number>> = { plain: 0x00, mac: 0x01, full: 0x03 };
const FREE = 0x0e;
const NEVER = 0x0f;
const FILES_MAX = 32;

/** GetFileIDs. */
export async function getFileIds(card: DesfireCard): Promise<DesfireResult<number[]>> {
  const answer = await card.run({ ins: INS.getFileIds, answerBytes: 'any' });
  if (!answer.ok) return answer;
  return answer.value.length <= FILES_MAX ? done([...answer.value]) : failed({ kind: 'malformed' });
}

/** GetISOFileIDs: two bytes each, most significant first as they are written (sent the other way round). */
export async function getIsoFileIds(card: DesfireCard): Promise<DesfireResult<number[]>> {
  const answer = await card.run({ ins: INS.getIsoFileIds, answerBytes: 'any' });
  if (!answer.ok) return answer;
  const { length } = answer.value;
  if (length % 2 !== 0 || length > 2 * FILES_MAX) return failed({ kind: 'malformed' });
  return done(Array.from({ length: length / 2 }, (_, index) => answer.value.readUInt16LE(2 * index)));
}

/** GetFileSettings. */
export async function getFileSettings(
  card: DesfireCard,
  fileNo: number,
): Promise<DesfireResult<FileSettings>> {
  const header = Uint8Array.of(fileNo);
  const answer = await card.run({ ins: INS.getFileSettings, header, answerBytes: 'any' });
  if (!answer.ok) return answer;
  const settings = parseFileSettings(answer.value);
  return settings ? done(settings) : failed({ kind: 'malformed' });
}

/** Settings as a card gives them; `undefined` for what is none. Bytes that later chips append are passed over. */
export function parseFileSettings(bytes: Buffer): FileSettings | undefined {
  const type = TYPES[bytes[0] ?? 0xff];
  const mode = modeOfFile(bytes[1] ?? 0xff);
  const needed = { standard: 7, backup: 7, value: 17, linear: 13, cyclic: 13, 'transaction-mac': 4 } as const;
  if (!type || !mode || bytes.length < needed[type]) return undefined;
  const common = { mode, access: parseAccess(bytes.readUInt16LE(2)) };
  if (type === 'standard' || type === 'backup') return { ...common, type, bytes: bytes.readUIntLE(4, 3) };
  if (type === 'transaction-mac') return { ...common, type };
  if (type === 'value') {
    const [lowerLimit, upperLimit] = [bytes.readInt32LE(4), bytes.readInt32LE(8)];
    return { ...common, type, lowerLimit, upperLimit, limitedCredit: bytes.readInt32LE(12) };
  }
  const [recordBytes, recordsMax, records] = [4, 7, 10].map((at) => bytes.readUIntLE(at, 3)) as [
    number,
    number,
    number,
  ];
  return { ...common, type, recordBytes, recordsMax, records };
}

/** The two low bits; 02 is plain as well. */
function modeOfFile(option: number): CommMode | undefined {
  return option === 0xff ? undefined : (['plain', 'mac', 'plain', 'full'] as const)[option & 0x03];
}

function parseAccess(rights: number): AccessRights {
  const at = (shift: number): Access => {
    const nibble = (rights >> shift) & 0x0f;
    return nibble === FREE ? 'free' : nibble === NEVER ? 'never' : nibble;
  };
  return { read: at(12), write: at(8), readWrite: at(4), change: at(0) };
}

/** Access rights in two bytes as they are sent, least significant first. */
export function accessBytes({ read, write, readWrite, change }: AccessRights): [number, number] {
  const nibble = (access: Access): number => (access === 'free' ? FREE : access === 'never' ? NEVER : access);
  return [(nibble(readWrite) << 4) | nibble(change), (nibble(read) << 4) | nibble(write)];
}

/** A file to be made. `isoId` in applications that have ISO file ids, e.g. 0xe101. */
export type NewFile = Common & { readonly fileNo: number; readonly isoId?: number } & (
    | { readonly type: 'standard' | 'backup'; readonly bytes: number }
    | {
        readonly type: 'value';
        readonly lowerLimit: number;
        readonly upperLimit: number;
        readonly value: number;
        readonly limitedCredit: boolean;
      }
    | { readonly type: 'linear' | 'cyclic'; readonly recordBytes: number; readonly recordsMax: number }
  );

const CREATE = {
  standard: INS.createStdDataFile,
  backup: INS.createBackupDataFile,
  value: INS.createValueFile,
  linear: INS.createLinearRecordFile,
  cyclic: INS.createCyclicRecordFile,
} as const;

/** CreateStdDataFile, CreateBackupDataFile, CreateValueFile, CreateLinearRecordFile, CreateCyclicRecordFile. */
export async function createFile(card: DesfireCard, file: NewFile): Promise<DesfireResult<void>> {
  const iso = file.isoId === undefined ? [] : [file.isoId & 0xff, file.isoId >> 8];
  const head = [file.fileNo, ...iso, MODES[file.mode], ...accessBytes(file.access)];
  const header = Uint8Array.from([...head, ...sizesOf(file)]);
  return nothingOf(await card.run({ ins: CREATE[file.type], header, answerBytes: 0 }));
}

function sizesOf(file: NewFile): number[] {
  if ('bytes' in file) return le24(file.bytes);
  if ('recordBytes' in file) return [...le24(file.recordBytes), ...le24(file.recordsMax)];
  const numbers = [file.lowerLimit, file.upperLimit, file.value].flatMap((value) => [...leInt32(value)]);
  return [...numbers, file.limitedCredit ? 0x01 : 0x00];
}

/** CreateTransactionMACFile with an AES key, which goes over encrypted. */
export async function createTransactionMacFile(
  card: DesfireCard,
  file: Common & { readonly fileNo: number; readonly key: CardKey; readonly keyVersion: number },
): Promise<DesfireResult<void>> {
  const AES = 0x02;
  const header = Uint8Array.of(file.fileNo, MODES[file.mode], ...accessBytes(file.access), AES);
  const data = Buffer.concat([keyBytesOf(file.key), Uint8Array.of(file.keyVersion)]);
  return nothingOf(await card.run({ ins: INS.createTransactionMacFile, header, data, answerBytes: 0 }));
}

/** ChangeFileSettings: mode and access rights. */
export async function changeFileSettings(
  card: DesfireCard,
  fileNo: number,
  { mode, access }: Common,
): Promise<DesfireResult<void>> {
  const header = Uint8Array.of(fileNo);
  const data = Uint8Array.of(MODES[mode], ...accessBytes(access));
  return nothingOf(await card.run({ ins: INS.changeFileSettings, header, data, answerBytes: 0 }));
}

export async function deleteFile(card: DesfireCard, fileNo: number): Promise<DesfireResult<void>> {
  return nothingOf(await card.run({ ins: INS.deleteFile, header: Uint8Array.of(fileNo), answerBytes: 0 }));
}
