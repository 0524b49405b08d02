/** Commands that make, describe and delete files. */
import {
  type Chip,
  type Command,
  type Commands,
  fileOf,
  freeOrMaster,
  headerOnly,
  isOutcome,
  type Plan,
  reach,
  SETTINGS,
  transactionMacFileOf,
} from './chip.ts';
import {
  type AccessRights,
  type CardFile,
  type CommMode,
  freeBytes,
  rightsBytes,
  rightsOf,
} from './eeprom.ts';
import { done, type Outcome, refuse, STATUS } from './status.ts';

const FILE_NO_MAX = 31;
const KEY_BYTES = 16;
const AES = 0x02;
const COMM_CODES: Readonly<Record<CommMode, number>> = { plain: 0, mac: 1, full: 3 };
const TYPE_CODES: Readonly<Record<CardFile['type'], number>> = {
  standard: 0,
  backup: 1,
  value: 2,
  linear: 3,
  cyclic: 4,
  'transaction-mac': 5,
};

export const FILE_COMMANDS: Commands = new Map<number, Command>([
  [0xcd, creating(3, (head, bytes) => dataFile('standard', head, bytes))],
  [0xcb, creating(3, (head, bytes) => dataFile('backup', head, bytes))],
  [0xcc, creating(13, valueFile, { isoFileId: false })],
  [0xc1, creating(6, (head, bytes) => recordFile('linear', head, bytes))],
  [0xc0, creating(6, (head, bytes) => recordFile('cyclic', head, bytes))],
  [0xce, { sinceEv2: true, plan: planTransactionMacFile }],
  [0xdf, { plan: (chip, body) => headerOnly(chip, body, (header) => deleteFile(chip, header)) }],
  [
    0x6f, // GetFileIDs
    { plan: (chip, body) => listing(chip, body, (files) => Buffer.from([...files.keys()])) },
  ],
  [
    0x61, // GetISOFileIDs
    {
      plan: (chip, body) =>
        listing(chip, body, (files) => Buffer.concat([...files.values()].map(isoIdBytes))),
    },
  ],
  [0xf5, { plan: (chip, body) => headerOnly(chip, body, (header) => settingsOf(chip, header)) }],
  [0x5f, { plan: planChangeSettings }],
]);

interface NewFile {
  readonly comm: CommMode;
  readonly rights: AccessRights;
  readonly isoFileId?: number;
}

/** A command that makes a file: number, ISO file id where the application has them, mode, rights, then its own bytes. */
function creating(
  ownBytes: number,
  make: (head: NewFile, bytes: Buffer) => CardFile | number,
  options: { readonly isoFileId: boolean } = { isoFileId: true },
): Command {
  return {
    plan: (chip, body) =>
      headerOnly(chip, body, (header) => {
        const isoBytes = options.isoFileId && chip.ram.app?.isoFiles === true ? 2 : 0;
        if (header.length !== 4 + isoBytes + ownBytes) return refuse(STATUS.length);
        const iso = isoBytes === 0 ? undefined : header.readUInt16LE(1);
        const head = readHead(chip, header.subarray(1 + isoBytes), iso);
        if (typeof head === 'number') return refuse(head);
        const file = make(head, header.subarray(4 + isoBytes));
        return typeof file === 'number' ? refuse(file) : addFile(chip, header[0] as number, file);
      }),
  };
}

/** Mode and rights; a status where the application does not know them. */
function readHead(chip: Chip, bytes: Buffer, isoFileId: number | undefined): NewFile | number {
  const comm = commOf(bytes[0] as number);
  const rights = rightsOf(bytes.subarray(1, 3));
  const keyCount = chip.ram.app?.keyCount ?? 0;
  if (comm === undefined || Object.values(rights).some((key) => key >= keyCount && key < 0xe))
    return STATUS.parameter;
  return { comm, rights, ...(isoFileId !== undefined && { isoFileId }) };
}

function commOf(code: number): CommMode | undefined {
  return ([`plain`, 'mac', 'plain', 'full'] as const)[code];
}

function dataFile(type: 'standard' | 'backup', head: NewFile, bytes: Buffer): CardFile | number {
  const size = bytes.readUIntLE(0, 3);
  return size === 0 ? STATUS.parameter : { ...head, type, bytes: Buffer.alloc(Math.min(size, 0x4000)) };
}

function valueFile(head: NewFile, bytes: Buffer): CardFile | number {
  const [lower, upper, value] = [bytes.readInt32LE(0), bytes.readInt32LE(4), bytes.readInt32LE(8)];
  const options = bytes[12] as number;
  if (options > 3) return STATUS.parameter;
  if (lower > upper || value < lower || value > upper) return STATUS.boundary;
  const [limitedCreditEnabled, freeGetValue] = [(options & 1) !== 0, (options & 2) !== 0];
  return {
    ...head,
    type: 'value',
    lower,
    upper,
    value,
    limitedCredit: 0,
    limitedCreditEnabled,
    freeGetValue,
  };
}

function recordFile(type: 'linear' | 'cyclic', head: NewFile, bytes: Buffer): CardFile | number {
  const [recordBytes, recordsMax] = [bytes.readUIntLE(0, 3), bytes.readUIntLE(3, 3)];
  if (recordBytes === 0 || recordsMax < (type === 'cyclic' ? 2 : 1)) return STATUS.parameter;
  return { ...head, type, recordBytes, recordsMax, records: [] };
}

/** The key comes enciphered within a session. Nobody writes the file; its "read and write" names CommitReaderID's key. */
function planTransactionMacFile(chip: Chip, body: Buffer): Plan | Outcome {
  const run = (header: Buffer, data: Buffer): Outcome => {
    const head = readHead(chip, header.subarray(1), undefined);
    if (typeof head === 'number') return refuse(head);
    if (header[4] !== AES || head.rights.write !== 0xf) return refuse(STATUS.parameter);
    if (transactionMacFileOf(chip.ram.app) !== undefined) return refuse(STATUS.duplicate);
    const key = { bytes: Buffer.from(data.subarray(0, KEY_BYTES)), version: data[KEY_BYTES] as number };
    const empty = { counter: 0, mac: Buffer.alloc(8), readerId: Buffer.alloc(16) };
    return addFile(chip, header[0] as number, { ...head, type: 'transaction-mac', key, ...empty });
  };
  if (body.length < 5) return refuse(STATUS.length);
  return { headerBytes: 5, mode: chip.ram.session ? 'full' : 'plain', dataBytes: KEY_BYTES + 1, run };
}

function addFile(chip: Chip, fileNo: number, file: CardFile): Outcome {
  const { app } = chip.ram;
  if (app === undefined) return refuse(STATUS.illegal);
  if (!freeOrMaster(chip, SETTINGS.freeCreate)) return refuse(STATUS.authentication);
  if (fileNo > FILE_NO_MAX) return refuse(STATUS.parameter);
  const twin = [...app.files.values()].some(
    (other) => file.isoFileId !== undefined && other.isoFileId === file.isoFileId,
  );
  if (app.files.has(fileNo) || twin) return refuse(STATUS.duplicate);
  app.files.set(fileNo, file);
  if (freeBytes(chip.eeprom) >= 0) return done();
  app.files.delete(fileNo);
  return refuse(STATUS.memory);
}

function deleteFile(chip: Chip, header: Buffer): Outcome {
  if (header.length !== 1) return refuse(STATUS.length);
  const file = fileOf(chip, header[0]);
  if (isOutcome(file)) return file;
  if (!freeOrMaster(chip, SETTINGS.freeCreate)) return refuse(STATUS.authentication);
  chip.ram.app?.files.delete(header[0] as number);
  chip.ram.transaction.files.delete(header[0] as number);
  return done();
}

function listing(chip: Chip, body: Buffer, list: (files: ReadonlyMap<number, CardFile>) => Buffer): Plan {
  return headerOnly(chip, body, (header) => {
    if (header.length !== 0) return refuse(STATUS.length);
    if (chip.ram.app === undefined) return refuse(STATUS.illegal);
    if (!freeOrMaster(chip, SETTINGS.freeDirectory)) return refuse(STATUS.authentication);
    return done(list(chip.ram.app.files));
  });
}

function isoIdBytes({ isoFileId }: CardFile): Buffer {
  if (isoFileId === undefined) return Buffer.alloc(0);
  return Buffer.of(isoFileId & 0xff, isoFileId >> 8);
}

function settingsOf(chip: Chip, header: Buffer): Outcome {
  if (header.length !== 1) return refuse(STATUS.length);
  const file = fileOf(chip, header[0]);
  if (isOutcome(file)) return file;
  if (!freeOrMaster(chip, SETTINGS.freeDirectory)) return refuse(STATUS.authentication);
  const head = Buffer.of(TYPE_CODES[file.type], COMM_CODES[file.comm]);
  return done(Buffer.concat([head, rightsBytes(file.rights), ownSettings(file)]));
}

function ownSettings(file: CardFile): Buffer {
  switch (file.type) {
    case 'value': {
      const bytes = Buffer.alloc(13);
      bytes.writeInt32LE(file.lower, 0);
      bytes.writeInt32LE(file.upper, 4);
      bytes.writeInt32LE(file.limitedCredit, 8);
      bytes[12] = (file.limitedCreditEnabled ? 1 : 0) | (file.freeGetValue ? 2 : 0);
      return bytes;
    }
    case 'linear':
    case 'cyclic':
      return Buffer.concat([file.recordBytes, file.recordsMax, file.records.length].map(threeBytes));
    case 'transaction-mac':
      return Buffer.of(AES, file.key.version);
    default:
      return threeBytes(file.bytes.length);
  }
}

function threeBytes(value: number): Buffer {
  const bytes = Buffer.alloc(3);
  bytes.writeUIntLE(value, 0, 3);
  return bytes;
}

/** New mode and rights, enciphered unless anyone may change them. */
function planChangeSettings(chip: Chip, body: Buffer): Plan | Outcome {
  const fileNo = body[0] as number;
  const file = fileOf(chip, body[0]);
  if (isOutcome(file)) return file;
  const reached = reach(chip, { ...file, comm: 'full' }, ['change']);
  if (isOutcome(reached)) return reached;
  const run = (_header: Buffer, data: Buffer): Outcome => {
    const head = readHead(chip, data, file.isoFileId);
    if (typeof head === 'number') return refuse(head);
    if (file.type === 'transaction-mac' && head.rights.write !== 0xf) return refuse(STATUS.parameter);
    chip.ram.app?.files.set(fileNo, { ...file, ...head });
    return done();
  };
  return { headerBytes: 1, mode: reached, dataBytes: 3, run };
}
