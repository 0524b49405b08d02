/** The card between two commands: what it holds in its memory, and what every command may ask about rights. */
import type { AccessRights, Application, CardFile, CommMode, Eeprom } from './eeprom.ts';
import type { CommandShape, MessagingFlaws, Session } from './sessions.ts';
import { type Outcome, refuse, STATUS } from './status.ts';

/** A change that waits for its commit. */
export interface PendingFile {
  readonly file: CardFile;
  /** A record was begun; further writes of this transaction go into the same one. */
  readonly newRecord?: boolean;
  /** ClearRecordFile was asked for; nothing else may be done to the file before the commit. */
  readonly cleared?: boolean;
  /** Value files: sum of debits of this transaction. */
  readonly debited?: number;
}

export interface Transaction {
  readonly files: Map<number, PendingFile>;
  /** Transaction MAC input, as far as the application has a TransactionMAC file. */
  readonly macInput: Buffer[];
  readerId: Buffer | undefined;
}

/** Between the two halves of an authentication. */
export interface HalfAuthentication {
  readonly ins: number;
  readonly keyNo: number;
  readonly rndB: Buffer;
  /** EV1: what was sent, the vector of the next block. EV2First: capabilities that the reader sent. */
  readonly context: Buffer;
}

/** What is lost with the field. */
export interface Ram {
  /** None at the level of the card. */
  app: Application | undefined;
  session: Session | undefined;
  half: HalfAuthentication | undefined;
  /** Frames that wait for AF. */
  outgoing: Buffer[];
  /** A command of which more frames are to come. */
  incoming: { readonly ins: number; readonly body: Buffer } | undefined;
  transaction: Transaction;
  /** The number that a card with random UID shows in the field, `08` and three bytes. */
  readonly randomId: Buffer;
}

export interface Chip {
  readonly eeprom: Eeprom;
  ram: Ram;
  readonly random: (bytes: number) => Buffer;
  readonly flaws: MessagingFlaws;
}

/** A command whose parameters and rights are in order, before its bytes are opened. */
export interface Plan extends Omit<CommandShape, 'ins' | 'header'> {
  readonly headerBytes: number;
  run(header: Buffer, data: Buffer): Outcome;
}

export interface Command {
  /** Looks at the first frame's bytes. */
  plan(chip: Chip, body: Buffer): Plan | Outcome;
  /** Takes further frames by AF. */
  readonly chains?: boolean;
  /** Answers in one piece (ISO/IEC 14443-4 chaining below us) instead of by AF. */
  readonly whole?: boolean;
  /** Unknown to EV1. */
  readonly sinceEv2?: boolean;
}

export type Commands = ReadonlyMap<number, Command>;

export function emptyRam(random: (bytes: number) => Buffer): Ram {
  return {
    app: undefined,
    session: undefined,
    half: undefined,
    outgoing: [],
    incoming: undefined,
    transaction: newTransaction(),
    randomId: Buffer.concat([Uint8Array.of(0x08), random(3)]),
  };
}

export function newTransaction(): Transaction {
  return { files: new Map(), macInput: [], readerId: undefined };
}

/** The level, the session and the transaction of a fresh selection. */
export function enter(chip: Chip, app: Application | undefined): void {
  chip.ram.app = app;
  chip.ram.session = undefined;
  chip.ram.half = undefined;
  chip.ram.transaction = newTransaction();
}

/** How commands about the card itself travel: MACed within a session. */
export function adminMode(chip: Chip): CommMode {
  return chip.ram.session === undefined ? 'plain' : 'mac';
}

/** A command that is all header: whatever stands before the MAC. */
export function headerOnly(chip: Chip, body: Buffer, run: (header: Buffer) => Outcome): Plan {
  const macBytes = chip.ram.session?.kind === 'ev2' ? 8 : 0;
  return { headerBytes: Math.max(0, body.length - macBytes), mode: adminMode(chip), dataBytes: 0, run };
}

/** Whether the session is that of the master key of the level that is selected. */
export function isMaster(chip: Chip): boolean {
  return chip.ram.session?.keyNo === 0;
}

/** Whether the level lets everyone do this (bit of its key settings), or the session is its master's. */
export function freeOrMaster(chip: Chip, bit: number): boolean {
  const settings = chip.ram.app?.settings ?? chip.eeprom.masterSettings;
  return (settings & bit) !== 0 || isMaster(chip);
}

export const SETTINGS = {
  masterChangeable: 0x01,
  freeDirectory: 0x02,
  freeCreate: 0x04,
  changeable: 0x08,
} as const;

const FREE = 0xe;
const NEVER = 0xf;

/** In which mode a file may be reached through any of the rights, or the refusal. */
export function reach(
  chip: Chip,
  file: CardFile,
  rights: readonly (keyof AccessRights)[],
): CommMode | Outcome {
  const keys = rights.map((right) => file.rights[right]);
  const { session } = chip.ram;
  if (session !== undefined && keys.includes(session.keyNo)) return file.comm;
  if (keys.includes(FREE)) return 'plain';
  return refuse(keys.every((key) => key === NEVER) ? STATUS.denied : STATUS.authentication);
}

/** The file of the selected application, or why not. */
export function fileOf(chip: Chip, fileNo: number | undefined): CardFile | Outcome {
  if (chip.ram.app === undefined) return refuse(STATUS.illegal);
  if (fileNo === undefined) return refuse(STATUS.length);
  return chip.ram.app.files.get(fileNo) ?? refuse(STATUS.fileNotFound);
}

export function isOutcome(value: object | string): value is Outcome {
  return typeof value === 'object' && 'status' in value;
}

/** Remembers what a command did for the transaction MAC: parameters, then data, each filled up to blocks by zeros. */
export function noteForMac(chip: Chip, head: Uint8Array, data: Uint8Array = new Uint8Array(0)): void {
  if (transactionMacFileOf(chip.ram.app) === undefined) return;
  for (const part of [head, data])
    chip.ram.transaction.macInput.push(Buffer.from(part), Buffer.alloc((16 - (part.length % 16)) % 16));
}

/** An application has at most one. */
export function transactionMacFileOf(app: Application | undefined) {
  for (const [fileNo, file] of app?.files ?? []) if (file.type === 'transaction-mac') return { fileNo, file };
  return undefined;
}
