/**
 * Issued cards of layout 2, blank cards and cards of strangers, written from docs/CARD-LAYOUT.md alone. A card is made
 * as it lies in a pocket, not by the commands of a station: eight thousand riders carry one.
 */
import { createHash, type KeyObject, sign } from 'node:crypto';
import type { CardIssuer, CardLanguage } from '../issue-card.ts';
import { diversifyKey } from './derive-keys.ts';
import { type Application, blankEeprom, type CardFile, type ChipModel, type Eeprom } from './eeprom.ts';

/** Whose card it is: a passenger's, or one of the staff's. */
export type DesfireKind = 'social' | 'wallet' | 'driver' | 'inspector' | 'technician';

/** A city's master keys of one generation, 16 bytes each; the generation is the keys' version on the card. */
export interface DesfireMasterKeys {
  readonly generation: number;
  readonly picc: Uint8Array;
  readonly master: Uint8Array;
  readonly read: Uint8Array;
  readonly log: Uint8Array;
  /** The same on all cards. */
  readonly uid: Uint8Array;
  readonly hint: Uint8Array;
}

/** A record of the card's own log. Tags are made of ids here; null = none. */
export interface DesfireLogEntry {
  readonly atS: number;
  readonly vehicleId: string | null;
  readonly routeId: string | null;
  readonly deviceId: string;
  readonly seq: number;
  readonly companions?: number;
  readonly bags?: number;
  readonly clockUnsure?: boolean;
}

export interface DesfireHint {
  readonly asOfS: number;
  readonly balanceMinor?: number;
  readonly quotaLeft?: number;
  readonly listKeyId: string;
  readonly listKey: KeyObject;
}

/** What is asked of the issuer. Instants are unix seconds; ends are exclusive. */
export interface DesfireOrder {
  readonly model: ChipModel;
  /** 7 bytes, the chip's. */
  readonly uid: Uint8Array;
  readonly randomUid?: boolean;
  readonly kind: DesfireKind;
  /** 16 random bytes. */
  readonly mediumId: Uint8Array;
  readonly validFromS: number;
  readonly validUntilS: number;
  readonly language: CardLanguage;
  readonly issuer: CardIssuer;
  /** An opaque number of 8 bytes. */
  readonly product?: { readonly id: Uint8Array; readonly validUntilS: number };
  readonly keys: DesfireMasterKeys;
  /** Oldest first. */
  readonly log?: readonly DesfireLogEntry[];
  readonly hint?: DesfireHint;
  /** Another layout number, for cards that a reader must not take. */
  readonly layoutVersion?: number;
  /** Another UID in the identity than the chip's: a copy of another card's file. */
  readonly writtenUid?: Uint8Array;
}

export const KVYTOK_AID = '4b5654';
export const KVYTOK_DF_NAME = 'f04b5659544f4b02';
const ISO_FILE_ID = 0xe542;
const KINDS: Readonly<Record<DesfireKind, number>> = {
  social: 0x01,
  wallet: 0x02,
  driver: 0x11,
  inspector: 0x12,
  technician: 0x13,
};
const SIGNED_BYTES = 64;
const RECORD_BYTES = 32;
const RECORDS_MAX = 6;
/** Five empty records are written at issue. */
const RECORDS_KEPT = RECORDS_MAX - 1;
const HINT_BYTES = 96;
const HINT_SIGNED_BYTES = 32;

/** An issued card. Throws a RangeError for an order that the layout cannot hold: that is a bug of the caller. */
export function issueDesfire(order: DesfireOrder): Eeprom {
  const { keys } = order;
  const card = blankEeprom(order.model, order.uid);
  const ofCard = (key: Uint8Array, aid: string) =>
    diversifyKey(key, Buffer.concat([order.uid, Buffer.from(aid, 'hex'), Buffer.from('KVYTOK', 'latin1')]));
  const stored = (bytes: Uint8Array) => ({ bytes: Buffer.from(bytes), version: keys.generation });
  card.masterKey = stored(ofCard(keys.picc, '000000'));
  card.randomUid = order.randomUid === true;
  const own = [keys.master, keys.read, keys.log].map((key) => stored(ofCard(key, KVYTOK_AID)));
  const appKeys = [...own, stored(keys.uid), stored(ofCard(keys.hint, KVYTOK_AID))];
  card.applications.set(KVYTOK_AID, {
    aid: KVYTOK_AID,
    isoFileId: ISO_FILE_ID,
    dfName: Buffer.from(KVYTOK_DF_NAME, 'hex'),
    isoFiles: true,
    settings: 0x09,
    keyCount: appKeys.length,
    keySets: [{ version: 0, keys: appKeys, finalized: true }],
    rollKey: 0,
    files: filesOf(order),
  });
  return card;
}

function filesOf(order: DesfireOrder): Map<number, CardFile> {
  const records = new Array<Buffer>(RECORDS_KEPT).fill(Buffer.alloc(RECORD_BYTES));
  records.push(...(order.log ?? []).map(logRecord));
  return new Map<number, CardFile>([
    [
      1,
      {
        type: 'standard',
        isoFileId: 0xe101,
        comm: 'full',
        rights: { read: 1, write: 0xf, readWrite: 0, change: 0 },
        bytes: identityBytes(order),
      },
    ],
    [
      2,
      {
        type: 'cyclic',
        isoFileId: 0xe102,
        comm: 'full',
        rights: { read: 1, write: 2, readWrite: 0, change: 0 },
        recordBytes: RECORD_BYTES,
        recordsMax: RECORDS_MAX,
        records: records.slice(-RECORDS_KEPT),
      },
    ],
    [
      3,
      {
        type: 'backup',
        isoFileId: 0xe103,
        comm: 'full',
        rights: { read: 1, write: 0xf, readWrite: 4, change: 0 },
        bytes: order.hint === undefined ? Buffer.alloc(HINT_BYTES) : hintBytes(order.mediumId, order.hint),
      },
    ],
  ]);
}

/** File 1: what the issuer signs, and the signature. */
export function identityBytes(order: DesfireOrder): Buffer {
  const { product, issuer } = order;
  if (order.mediumId.length !== 16) throw new RangeError('a medium id has 16 bytes');
  if (order.validUntilS <= order.validFromS) throw new RangeError('a card is valid for some time');
  if (!/^[A-Za-z0-9]{4}$/.test(issuer.keyId)) throw new RangeError('an issuer key id has 4 characters');
  if (product !== undefined && product.id.length !== 8) throw new RangeError('a product id has 8 bytes');
  const signed = Buffer.alloc(SIGNED_BYTES);
  signed[0] = order.layoutVersion ?? 2;
  signed[1] = KINDS[order.kind];
  signed.set(order.mediumId, 2);
  signed.writeUInt32BE(order.validFromS, 18);
  signed.writeUInt32BE(order.validUntilS, 22);
  signed.write(order.language, 26, 'latin1');
  signed.write(issuer.keyId, 28, 'latin1');
  signed.set(product?.id ?? [], 32);
  signed.writeUInt32BE(product?.validUntilS ?? 0, 40);
  signed.set(order.writtenUid ?? order.uid, 44);
  return Buffer.concat([signed, signature('kvytok card v2\n', signed, issuer.privateKey)]);
}

/** A record of file 2. */
export function logRecord(entry: DesfireLogEntry): Buffer {
  const record = Buffer.alloc(RECORD_BYTES);
  record[0] = 0x01;
  record[1] = entry.clockUnsure === true ? 0x01 : 0x00;
  record.writeUInt32BE(entry.atS, 2);
  record.set(tagOf(entry.vehicleId), 6);
  record.set(tagOf(entry.routeId), 10);
  record.set(tagOf(entry.deviceId), 14);
  record.writeUInt32BE(entry.seq, 18);
  record[22] = entry.companions ?? 0;
  record[23] = entry.bags ?? 0;
  return record;
}

/** File 3 of a card with this number. */
export function hintBytes(mediumId: Uint8Array, hint: DesfireHint): Buffer {
  const signed = Buffer.alloc(HINT_SIGNED_BYTES);
  signed[0] = 0x01;
  signed[1] = (hint.balanceMinor === undefined ? 0 : 0x01) | (hint.quotaLeft === undefined ? 0 : 0x02);
  signed.writeUInt32BE(hint.asOfS, 2);
  signed.writeInt32BE(hint.balanceMinor ?? 0, 6);
  signed.writeUInt16BE(hint.quotaLeft ?? 0, 10);
  signed.write(hint.listKeyId, 12, 8, 'latin1');
  signed.set(createHash('sha256').update(mediumId).digest().subarray(0, 8), 20);
  return Buffer.concat([signed, signature('kvytok hint v1\n', signed, hint.listKey)]);
}

/** The first 4 bytes of SHA-256 of an id; zeros for none. */
export function tagOf(id: string | null): Buffer {
  return id === null ? Buffer.alloc(4) : createHash('sha256').update(id).digest().subarray(0, 4);
}

function signature(purpose: string, bytes: Uint8Array, key: KeyObject): Buffer {
  return sign(null, Buffer.concat([Buffer.from(purpose, 'latin1'), bytes]), key);
}

/** Another issuer's card that passengers already carry: one application, and a number in a standard data file. */
export interface StrangerOrder {
  readonly model: ChipModel;
  readonly uid: Uint8Array;
  readonly randomUid?: boolean;
  /** Three bytes in hex, as sent. */
  readonly aid: string;
  readonly dfName?: Uint8Array;
  /** Keys of the application as they lie on the card, diversified or not. */
  readonly keys: readonly { readonly bytes: Uint8Array; readonly version: number }[];
  readonly file: {
    readonly no: number;
    readonly comm: CardFile['comm'];
    /** The key that reads it; 14 for anyone. */
    readonly readKey: number;
    readonly bytes: Uint8Array;
  };
}

export function strangerDesfire(order: StrangerOrder): Eeprom {
  const card = blankEeprom(order.model, order.uid);
  card.randomUid = order.randomUid === true;
  const keys = order.keys.map(({ bytes, version }) => ({ bytes: Buffer.from(bytes), version }));
  const { no, comm, readKey, bytes } = order.file;
  const app: Application = {
    aid: order.aid,
    ...(order.dfName !== undefined && { isoFileId: 0xe5f1, dfName: Buffer.from(order.dfName) }),
    isoFiles: false,
    settings: 0x0b,
    keyCount: keys.length,
    keySets: [{ version: 0, keys, finalized: true }],
    rollKey: 0,
    files: new Map<number, CardFile>([
      [
        no,
        {
          type: 'standard',
          comm,
          rights: { read: readKey, write: 0xf, readWrite: 0, change: 0 },
          bytes: Buffer.from(bytes),
        },
      ],
    ]),
  };
  card.applications.set(order.aid, app);
  return card;
}
