/** The end of a transaction: all its changes at once, or none; and the transaction MAC over it. */
import { cmac, encryptCbc, oddBytes } from './aes.ts';
import {
  adminMode,
  type Chip,
  type Command,
  type Commands,
  headerOnly,
  isOutcome,
  newTransaction,
  type PendingFile,
  type Plan,
  reach,
  transactionMacFileOf,
} from './chip.ts';
import { transactionKeys } from './derive-keys.ts';
import type { CardFile, TransactionMacFile } from './eeprom.ts';
import { done, type Outcome, refuse, STATUS } from './status.ts';

const READER_ID_BYTES = 16;
const NEVER = 0xf;

export const COMMIT_TRANSACTION = 0xc7;

export const TRANSACTION_COMMANDS: Commands = new Map<number, Command>([
  [COMMIT_TRANSACTION, { plan: (chip, body) => headerOnly(chip, body, (header) => commit(chip, header)) }],
  [0xa7, { plan: (chip, body) => headerOnly(chip, body, (header) => abort(chip, header)) }],
  [0xc8, { sinceEv2: true, plan: planReaderId }],
]);

function commit(chip: Chip, header: Buffer): Outcome {
  if (chip.ram.app === undefined) return refuse(STATUS.illegal);
  const option = header[0] ?? 0;
  if (header.length > (chip.eeprom.model === 'EV1' ? 0 : 1)) return refuse(STATUS.length);
  if (option > 1) return refuse(STATUS.parameter);
  const { files, macInput, readerId } = chip.ram.transaction;
  const mac = transactionMacFileOf(chip.ram.app);
  if (option === 1 && mac === undefined) return refuse(STATUS.parameter);
  if (files.size === 0 && macInput.length === 0) return refuse(STATUS.noChanges);
  if (mac !== undefined && mac.file.rights.readWrite !== NEVER && readerId === undefined)
    return refuse(STATUS.denied);
  for (const [fileNo, pending] of files) chip.ram.app.files.set(fileNo, settled(pending));
  if (mac !== undefined) {
    const sealed = sealTransaction(chip, mac.file, Buffer.concat(macInput), readerId);
    chip.ram.app.files.set(mac.fileNo, sealed);
    chip.ram.transaction = newTransaction();
    return done(option === 1 ? counterAndMac(sealed) : undefined);
  }
  chip.ram.transaction = newTransaction();
  return done();
}

/** What LimitedCredit may give back later is what this transaction took, if it took anything. */
function settled({ file, debited = 0 }: PendingFile): CardFile {
  return file.type === 'value' && debited > 0 ? { ...file, limitedCredit: debited } : file;
}

function sealTransaction(
  chip: Chip,
  file: TransactionMacFile,
  input: Buffer,
  readerId: Buffer | undefined,
): TransactionMacFile {
  const keys = transactionKeys(file.key.bytes, file.counter, chip.eeprom.uid);
  const mac = oddBytes(cmac(keys.mac, input));
  return { ...file, counter: file.counter + 1, mac, readerId: readerId ?? file.readerId };
}

function counterAndMac(file: TransactionMacFile): Buffer {
  const counter = Buffer.alloc(4);
  counter.writeUInt32LE(file.counter);
  return Buffer.concat([counter, file.mac]);
}

function abort(chip: Chip, header: Buffer): Outcome {
  if (header.length !== 0) return refuse(STATUS.length);
  if (chip.ram.app === undefined) return refuse(STATUS.illegal);
  const { files, macInput } = chip.ram.transaction;
  chip.ram.transaction = newTransaction();
  return files.size === 0 && macInput.length === 0 ? refuse(STATUS.noChanges) : done();
}

/** Names the reader of this transaction; the answer is the reader of the last one, under a key of this one. */
function planReaderId(chip: Chip, body: Buffer): Plan | Outcome {
  const mac = transactionMacFileOf(chip.ram.app);
  if (mac === undefined) return refuse(STATUS.denied);
  const reached = reach(chip, mac.file, ['readWrite']);
  if (isOutcome(reached)) return reached;
  if (chip.ram.transaction.readerId !== undefined) return refuse(STATUS.denied);
  if (body.length < READER_ID_BYTES) return refuse(STATUS.length);
  const run = (_header: Buffer, readerId: Buffer): Outcome => {
    const keys = transactionKeys(mac.file.key.bytes, mac.file.counter, chip.eeprom.uid);
    const before = encryptCbc(keys.enc, mac.file.readerId);
    chip.ram.transaction.readerId = Buffer.from(readerId);
    chip.ram.transaction.macInput.push(Buffer.of(0xc8), readerId, before, Buffer.alloc(15));
    return done(before);
  };
  return { headerBytes: 0, mode: adminMode(chip), dataBytes: READER_ID_BYTES, run };
}
