/** Where things are on a card of layout 2: docs/CARD-LAYOUT.md in constants. */
import type { NewFile } from '../../desfire/commands/files.ts';
import { KEY_NAMES } from '../../keys/key-provider.ts';

/** AID as it is sent. */
export const AID: Uint8Array = Buffer.from('4b5654', 'hex');
export const DF_NAME: Uint8Array = Buffer.from('f04b5659544f4b02', 'hex');
export const ISO_ID = 0xe542;
/** Key settings 1 of the application. */
export const KEY_SETTINGS = 0x09;
export const KEYS = 5;

/** Keys of the application: number on the card, name in the provider, whether each card has its own. */
export const KEY = {
  master: { no: 0, name: KEY_NAMES.desfireMaster, diversified: true },
  read: { no: 1, name: KEY_NAMES.desfireRead, diversified: true },
  log: { no: 2, name: KEY_NAMES.desfireLog, diversified: true },
  uid: { no: 3, name: KEY_NAMES.desfireUid, diversified: false },
  hint: { no: 4, name: KEY_NAMES.desfireHint, diversified: true },
} as const;

export const IDENTITY_BYTES = 128;
export const RECORD_BYTES = 32;
export const HINT_BYTES = 96;
/** Records that a reader asks for. */
export const RECORDS_READ = 3;

const NOBODY = { write: 'never', readWrite: KEY.master.no, change: KEY.master.no } as const;

/** The files, as they are made at issue. */
export const FILES = {
  identity: {
    type: 'standard',
    fileNo: 1,
    isoId: 0xe101,
    mode: 'full',
    access: { ...NOBODY, read: KEY.read.no },
    bytes: IDENTITY_BYTES,
  },
  log: {
    type: 'cyclic',
    fileNo: 2,
    isoId: 0xe102,
    mode: 'full',
    access: { ...NOBODY, read: KEY.read.no, write: KEY.log.no },
    recordBytes: RECORD_BYTES,
    recordsMax: 6,
  },
  hint: {
    type: 'backup',
    fileNo: 3,
    isoId: 0xe103,
    mode: 'full',
    access: { ...NOBODY, read: KEY.read.no, readWrite: KEY.hint.no },
    bytes: HINT_BYTES,
  },
} as const satisfies Record<string, NewFile>;

const SYSTEM = Buffer.from('KVYTOK', 'latin1');

/** Diversification input of a card's keys in an application (the card's own key: AID of zeros). */
export function diversificationOf(uid: Uint8Array, aid: Uint8Array = AID): Buffer {
  return Buffer.concat([uid, aid, SYSTEM]);
}
