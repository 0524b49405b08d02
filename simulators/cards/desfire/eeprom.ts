/**
 * What the card keeps without power. Stored bytes are replaced and never written into, so a copy of the containers is
 * a copy of the card.
 */

export type CommMode = 'plain' | 'mac' | 'full';
/** The generation of the chip; what GetVersion tells of it stands in `versions.ts`. */
export type ChipModel = 'EV1' | 'EV2' | 'EV3';

export interface StoredKey {
  readonly bytes: Buffer;
  readonly version: number;
  /** The factory's DES key; any other is AES-128. */
  readonly des?: true;
}

/** Rights of a file: a key number, 0xe for anyone, 0xf for no one. */
export interface AccessRights {
  readonly read: number;
  readonly write: number;
  readonly readWrite: number;
  readonly change: number;
}

interface FileHead {
  readonly comm: CommMode;
  readonly rights: AccessRights;
  readonly isoFileId?: number;
}
export interface DataFile extends FileHead {
  readonly type: 'standard' | 'backup';
  readonly bytes: Buffer;
}
export interface ValueFile extends FileHead {
  readonly type: 'value';
  readonly lower: number;
  readonly upper: number;
  readonly value: number;
  /** What LimitedCredit may still give back. */
  readonly limitedCredit: number;
  readonly limitedCreditEnabled: boolean;
  readonly freeGetValue: boolean;
}
export interface RecordFile extends FileHead {
  readonly type: 'linear' | 'cyclic';
  readonly recordBytes: number;
  /** Places in the file; a cyclic file keeps one of them for the record that is being written. */
  readonly recordsMax: number;
  /** Oldest first. */
  readonly records: readonly Buffer[];
}
export interface TransactionMacFile extends FileHead {
  readonly type: 'transaction-mac';
  readonly key: StoredKey;
  /** TMC, the number of committed transactions. */
  readonly counter: number;
  /** TMV of the last one. */
  readonly mac: Buffer;
  /** TMRI of the last one that named its reader. */
  readonly readerId: Buffer;
}
export type CardFile = DataFile | ValueFile | RecordFile | TransactionMacFile;

export interface KeySet {
  readonly version: number;
  readonly keys: readonly StoredKey[];
  /** Only a finished set can be rolled to. */
  readonly finalized: boolean;
}

export interface Application {
  /** Three bytes in hex, as they are sent. */
  readonly aid: string;
  readonly isoFileId?: number;
  readonly dfName?: Buffer;
  /** Files carry ISO file ids. */
  readonly isoFiles: boolean;
  settings: number;
  readonly keyCount: number;
  /** The first one is active. */
  keySets: (KeySet | undefined)[];
  /** The key that RollKeySet asks for. */
  readonly rollKey: number;
  files: Map<number, CardFile>;
}

export interface Eeprom {
  readonly model: ChipModel;
  /** 7 bytes. */
  readonly uid: Buffer;
  masterKey: StoredKey;
  masterSettings: number;
  randomUid: boolean;
  formatDisabled: boolean;
  /** The key with which new applications begin. */
  defaultKey: StoredKey;
  applications: Map<string, Application>;
}

export const ZERO_KEY: StoredKey = { bytes: Buffer.alloc(16), version: 0 };

/** A card as a test orders it: AES master key of zeros, everything allowed, no application. */
export function blankEeprom(model: ChipModel, uid: Uint8Array): Eeprom {
  if (uid.length !== 7) throw new RangeError('a UID has 7 bytes');
  return {
    model,
    uid: Buffer.from(uid),
    masterKey: ZERO_KEY,
    masterSettings: 0x0f,
    randomUid: false,
    formatDisabled: false,
    defaultKey: ZERO_KEY,
    applications: new Map(),
  };
}

/** A card as it leaves the factory: its master key is DES, 8 zero bytes; key version 0. */
export function factoryEeprom(model: ChipModel, uid: Uint8Array): Eeprom {
  return { ...blankEeprom(model, uid), masterKey: { bytes: Buffer.alloc(8), version: 0, des: true } };
}

/** The same card a second time. */
export function copyEeprom(eeprom: Eeprom): Eeprom {
  const applications = new Map<string, Application>();
  for (const [aid, app] of eeprom.applications)
    applications.set(aid, { ...app, keySets: [...app.keySets], files: new Map(app.files) });
  return { ...eeprom, applications };
}

/** The active keys of an application. */
export function activeKeys(app: Application): readonly StoredKey[] {
  return app.keySets[0]?.keys ?? [];
}

/** Rights as the card sends them: low byte read&write and change, high byte read and write. */
export function rightsBytes({ read, write, readWrite, change }: AccessRights): Buffer {
  return Buffer.from([(readWrite << 4) | change, (read << 4) | write]);
}

export function rightsOf(bytes: Uint8Array): AccessRights {
  const [low, high] = bytes as unknown as [number, number];
  return { read: high >> 4, write: high & 15, readWrite: low >> 4, change: low & 15 };
}

const BLOCK_BYTES = 32;
const MEMORY_BYTES: Readonly<Record<ChipModel, number>> = { EV1: 4864, EV2: 7936, EV3: 7936 };

/**
 * Bytes that are left. The chip's own bookkeeping is not public; ours counts blocks of 32 bytes: a file's bytes (twice
 * where a change waits for its commit), one for each application and file, and its keys.
 */
export function freeBytes(eeprom: Eeprom): number {
  let blocks = 0;
  for (const app of eeprom.applications.values()) {
    const keys = app.keySets.reduce((sum, set) => sum + (set ? app.keyCount : 0), 0);
    blocks += 1 + blocksOf(keys * 17);
    for (const file of app.files.values()) blocks += 1 + blocksOf(fileBytes(file));
  }
  return MEMORY_BYTES[eeprom.model] - blocks * BLOCK_BYTES;
}

/** What a file takes of the memory. */
export function fileBytes(file: CardFile): number {
  switch (file.type) {
    case 'standard':
      return file.bytes.length;
    case 'backup':
      return file.bytes.length * 2;
    case 'linear':
    case 'cyclic':
      return file.recordBytes * file.recordsMax;
    default:
      return BLOCK_BYTES;
  }
}

function blocksOf(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES);
}
