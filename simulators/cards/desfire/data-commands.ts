/** Commands that read and change what is in files. Only standard files change before the commit. */
import {
  type Chip,
  type Command,
  type Commands,
  fileOf,
  isOutcome,
  noteForMac,
  type PendingFile,
  type Plan,
  reach,
} from './chip.ts';
import type { AccessRights, CardFile, DataFile, RecordFile, ValueFile } from './eeprom.ts';
import { done, type Outcome, refuse, STATUS } from './status.ts';

const VALUE_BYTES = 4;
/** Number, offset or record number, length or count. */
const RANGE_BYTES = 7;
const UPDATE_BYTES = 10;

const READ: readonly (keyof AccessRights)[] = ['read', 'readWrite'];
const WRITE: readonly (keyof AccessRights)[] = ['write', 'readWrite'];
const ANY: readonly (keyof AccessRights)[] = ['read', 'write', 'readWrite'];
const FULL: readonly (keyof AccessRights)[] = ['readWrite'];

export const DATA_COMMANDS: Commands = new Map<number, Command>([
  [0xbd, { plan: (chip, body) => planReadData(chip, 0xbd, body) }],
  [0xad, { sinceEv2: true, whole: true, plan: (chip, body) => planReadData(chip, 0xad, body) }],
  [0x3d, { chains: true, plan: (chip, body) => planWriteData(chip, 0x3d, body) }],
  [0x8d, { sinceEv2: true, plan: (chip, body) => planWriteData(chip, 0x8d, body) }],
  [0x6c, { plan: planGetValue }],
  [0x0c, { plan: (chip, body) => planChangeValue(chip, 0x0c, body, FULL, credit) }],
  [0xdc, { plan: (chip, body) => planChangeValue(chip, 0xdc, body, ANY, debit) }],
  [0x1c, { plan: (chip, body) => planChangeValue(chip, 0x1c, body, WRITE, limitedCredit) }],
  [0xbb, { plan: (chip, body) => planReadRecords(chip, 0xbb, body) }],
  [0xab, { sinceEv2: true, whole: true, plan: (chip, body) => planReadRecords(chip, 0xab, body) }],
  [0x3b, { chains: true, plan: (chip, body) => planWriteRecord(chip, 0x3b, body) }],
  [0x8b, { sinceEv2: true, plan: (chip, body) => planWriteRecord(chip, 0x8b, body) }],
  [0xdb, { sinceEv2: true, chains: true, plan: (chip, body) => planUpdateRecord(chip, 0xdb, body) }],
  [0xba, { sinceEv2: true, plan: (chip, body) => planUpdateRecord(chip, 0xba, body) }],
  [0xeb, { plan: planClearRecords }],
]);

function planReadData(chip: Chip, ins: number, body: Buffer): Plan | Outcome {
  const file = fileOf(chip, body[0]);
  if (isOutcome(file)) return file;
  if (body.length < RANGE_BYTES) return refuse(STATUS.length);
  const content = contentOf(file);
  if (content === undefined) return refuse(STATUS.denied);
  const mode = reach(chip, file, file.type === 'transaction-mac' ? ['read'] : READ);
  if (isOutcome(mode)) return mode;
  const { from, count } = rangeOf(body);
  const end = count === 0 ? content.length : from + count;
  const run = (header: Buffer): Outcome => {
    if (from >= content.length || end > content.length) return refuse(STATUS.boundary);
    const data = content.subarray(from, end);
    if (file.type !== 'transaction-mac')
      noteForMac(chip, Buffer.concat([Buffer.of(ins), withCount(header, data.length)]), data);
    return { ...done(data), endMarked: count === 0 };
  };
  return { headerBytes: RANGE_BYTES, mode, dataBytes: 0, run };
}

/** The committed bytes of a file that is read by offset. */
function contentOf(file: CardFile): Buffer | undefined {
  if (file.type === 'standard' || file.type === 'backup') return file.bytes;
  if (file.type !== 'transaction-mac') return undefined;
  const counter = Buffer.alloc(4);
  counter.writeUInt32LE(file.counter);
  return Buffer.concat([counter, file.mac]);
}

function planWriteData(chip: Chip, ins: number, body: Buffer): Plan | Outcome {
  const file = fileOf(chip, body[0]);
  if (isOutcome(file)) return file;
  if (body.length < RANGE_BYTES) return refuse(STATUS.length);
  if (file.type !== 'standard' && file.type !== 'backup') return refuse(STATUS.denied);
  const mode = reach(chip, file, WRITE);
  if (isOutcome(mode)) return mode;
  const { from, count } = rangeOf(body);
  if (count === 0) return refuse(STATUS.parameter);
  if (from + count > file.bytes.length) return refuse(STATUS.boundary);
  const run = (header: Buffer, data: Buffer): Outcome => {
    const fileNo = header[0] as number;
    const before = pendingOf(chip, fileNo)?.file ?? file;
    const changed = { ...file, bytes: overwritten((before as DataFile).bytes, from, data) };
    if (file.type === 'standard') chip.ram.app?.files.set(fileNo, changed);
    else chip.ram.transaction.files.set(fileNo, { file: changed });
    noteForMac(chip, Buffer.concat([Buffer.of(ins), header]), data);
    return done();
  };
  return { headerBytes: RANGE_BYTES, mode, dataBytes: count, macSent: true, run };
}

function planGetValue(chip: Chip, body: Buffer): Plan | Outcome {
  const file = fileOf(chip, body[0]);
  if (isOutcome(file)) return file;
  if (file.type !== 'value') return refuse(STATUS.denied);
  const reached = reach(chip, file, ANY);
  const mode = file.freeGetValue && isOutcome(reached) ? 'plain' : reached;
  if (isOutcome(mode)) return mode;
  const run = (header: Buffer): Outcome => {
    const value = Buffer.alloc(VALUE_BYTES);
    value.writeInt32LE(file.value);
    noteForMac(chip, Buffer.concat([Buffer.of(0x6c), header, value]));
    return done(value);
  };
  return { headerBytes: 1, mode, dataBytes: 0, run };
}

type ValueChange = (
  pending: PendingFile & { readonly file: ValueFile },
  amount: number,
) => PendingFile | number;

function planChangeValue(
  chip: Chip,
  ins: number,
  body: Buffer,
  rights: readonly (keyof AccessRights)[],
  change: ValueChange,
): Plan | Outcome {
  const file = fileOf(chip, body[0]);
  if (isOutcome(file)) return file;
  if (file.type !== 'value') return refuse(STATUS.denied);
  const mode = reach(chip, file, rights);
  if (isOutcome(mode)) return mode;
  const run = (header: Buffer, data: Buffer): Outcome => {
    const fileNo = header[0] as number;
    const amount = data.readInt32LE();
    if (amount < 0) return refuse(STATUS.parameter);
    const pending = pendingOf(chip, fileNo) ?? { file };
    const changed = change(pending as PendingFile & { readonly file: ValueFile }, amount);
    if (typeof changed === 'number') return refuse(changed);
    chip.ram.transaction.files.set(fileNo, changed);
    noteForMac(chip, Buffer.concat([Buffer.of(ins), header, data]));
    return done();
  };
  return { headerBytes: 1, mode, dataBytes: VALUE_BYTES, macSent: true, run };
}

const credit: ValueChange = (pending, amount) => {
  const value = pending.file.value + amount;
  return value > pending.file.upper ? STATUS.boundary : { ...pending, file: { ...pending.file, value } };
};

const debit: ValueChange = (pending, amount) => {
  const value = pending.file.value - amount;
  if (value < pending.file.lower) return STATUS.boundary;
  return { file: { ...pending.file, value }, debited: (pending.debited ?? 0) + amount };
};

/** Gives back at most what the last transaction with a debit took, and only once. */
const limitedCredit: ValueChange = (pending, amount) => {
  const { file } = pending;
  if (!file.limitedCreditEnabled) return STATUS.denied;
  if (amount > file.limitedCredit || file.value + amount > file.upper) return STATUS.boundary;
  return { ...pending, file: { ...file, value: file.value + amount, limitedCredit: 0 } };
};

/** Record 0 is the newest; the answer goes from old to new. */
function planReadRecords(chip: Chip, ins: number, body: Buffer): Plan | Outcome {
  const file = recordFileOf(chip, body, RANGE_BYTES);
  if (isOutcome(file)) return file;
  const mode = reach(chip, file, READ);
  if (isOutcome(mode)) return mode;
  const { from, count } = rangeOf(body);
  const run = (header: Buffer): Outcome => {
    if (pendingOf(chip, header[0] as number)?.cleared === true) return refuse(STATUS.denied);
    const end = file.records.length - from;
    const begin = count === 0 ? 0 : end - count;
    if (end <= 0 || begin < 0) return refuse(STATUS.boundary);
    const data = Buffer.concat(file.records.slice(begin, end));
    noteForMac(chip, Buffer.concat([Buffer.of(ins), withCount(header, end - begin)]), data);
    return { ...done(data), endMarked: count === 0 };
  };
  return { headerBytes: RANGE_BYTES, mode, dataBytes: 0, run };
}

/** Begins a record, or goes on writing the one that this transaction began. */
function planWriteRecord(chip: Chip, ins: number, body: Buffer): Plan | Outcome {
  const file = recordFileOf(chip, body, RANGE_BYTES);
  if (isOutcome(file)) return file;
  const mode = reach(chip, file, WRITE);
  if (isOutcome(mode)) return mode;
  const { from, count } = rangeOf(body);
  if (count === 0) return refuse(STATUS.parameter);
  if (from + count > file.recordBytes) return refuse(STATUS.boundary);
  const run = (header: Buffer, data: Buffer): Outcome => {
    const fileNo = header[0] as number;
    const pending = pendingOf(chip, fileNo);
    if (pending?.cleared === true) return refuse(STATUS.denied);
    const kept = pending?.newRecord === true ? (pending.file as RecordFile).records : file.records;
    const [others, begun] =
      pending?.newRecord === true
        ? [kept.slice(0, -1), kept.at(-1) as Buffer]
        : [kept, Buffer.alloc(file.recordBytes)];
    if (file.type === 'linear' && others.length >= file.recordsMax) return refuse(STATUS.boundary);
    // One place of a cyclic file is always the one being written.
    const rest = file.type === 'cyclic' ? others.slice(-(file.recordsMax - 2) || others.length) : others;
    const records = [...rest, overwritten(begun, from, data)];
    chip.ram.transaction.files.set(fileNo, { file: { ...file, records }, newRecord: true });
    noteForMac(chip, Buffer.concat([Buffer.of(ins), header]), data);
    return done();
  };
  return { headerBytes: RANGE_BYTES, mode, dataBytes: count, macSent: true, run };
}

/** Changes a record that is there; number 0 is the newest. */
function planUpdateRecord(chip: Chip, ins: number, body: Buffer): Plan | Outcome {
  const file = recordFileOf(chip, body, UPDATE_BYTES);
  if (isOutcome(file)) return file;
  const mode = reach(chip, file, FULL);
  if (isOutcome(mode)) return mode;
  const recordNo = body.readUIntLE(1, 3);
  const [from, count] = [body.readUIntLE(4, 3), body.readUIntLE(7, 3)];
  if (count === 0) return refuse(STATUS.parameter);
  const run = (header: Buffer, data: Buffer): Outcome => {
    const fileNo = header[0] as number;
    const pending = pendingOf(chip, fileNo);
    if (pending?.cleared === true) return refuse(STATUS.denied);
    const records = ((pending?.file as RecordFile | undefined) ?? file).records;
    const index = records.length - 1 - recordNo;
    const record = records[index];
    if (record === undefined || from + count > file.recordBytes) return refuse(STATUS.boundary);
    const changed = { ...file, records: records.with(index, overwritten(record, from, data)) };
    chip.ram.transaction.files.set(fileNo, { ...pending, file: changed });
    noteForMac(chip, Buffer.concat([Buffer.of(ins), header]), data);
    return done();
  };
  return { headerBytes: UPDATE_BYTES, mode, dataBytes: count, macSent: true, run };
}

function planClearRecords(chip: Chip, body: Buffer): Plan | Outcome {
  const file = recordFileOf(chip, body, 1);
  if (isOutcome(file)) return file;
  const mode = reach(chip, { ...file, comm: 'mac' }, FULL);
  if (isOutcome(mode)) return mode;
  const run = (header: Buffer): Outcome => {
    chip.ram.transaction.files.set(header[0] as number, { file: { ...file, records: [] }, cleared: true });
    noteForMac(chip, Buffer.concat([Buffer.of(0xeb), header]));
    return done();
  };
  return { headerBytes: 1, mode, dataBytes: 0, run };
}

function recordFileOf(chip: Chip, body: Buffer, headerBytes: number): RecordFile | Outcome {
  const file = fileOf(chip, body[0]);
  if (isOutcome(file)) return file;
  if (body.length < headerBytes) return refuse(STATUS.length);
  return file.type === 'linear' || file.type === 'cyclic' ? file : refuse(STATUS.denied);
}

function pendingOf(chip: Chip, fileNo: number): PendingFile | undefined {
  return chip.ram.transaction.files.get(fileNo);
}

function rangeOf(body: Buffer): { from: number; count: number } {
  return { from: body.readUIntLE(1, 3), count: body.readUIntLE(4, 3) };
}

/** "All" is written into the transaction MAC as what it was. */
function withCount(header: Buffer, count: number): Buffer {
  const copy = Buffer.from(header);
  copy.writeUIntLE(count, 4, 3);
  return copy;
}

function overwritten(bytes: Buffer, from: number, data: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(data, from);
  return copy;
}
