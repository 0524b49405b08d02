/** File 1 of layout 2: who the card is, signed by the issuer together with the chip it is on. */
import { type KeyObject, verify } from 'node:crypto';
import { LANGUAGES, type Language, type RefusalCode } from '#contracts/reason-codes.ts';
import type { PinnedKeys } from '#contracts/signed-envelope.ts';
import type { ServiceCard } from '../../ports.ts';

/** What file 1 says. Instants in milliseconds, `validUntilMs` exclusive. */
export interface Identity {
  readonly kind: 'social' | 'wallet' | ServiceCard['role'];
  /** A part of the file's bytes; wiped with them. */
  readonly mediumId: Buffer;
  readonly validFromMs: number;
  readonly validUntilMs: number;
  readonly language: Language;
  readonly product?: { readonly productId: string; readonly validUntilMs: number };
}

const SIGNED_PREFIX = Buffer.from('kvytok card v2\n', 'latin1');
const SIGNED_BYTES = 64;
const KINDS: Readonly<Record<number, Identity['kind']>> = {
  1: 'social',
  2: 'wallet',
  17: 'driver',
  18: 'inspector',
  19: 'technician',
};
const NO_PRODUCT = '0000000000000000';

/** The identity, or why it is none. `file` has 128 bytes; `uid` is the chip's, 7 bytes. */
export function readIdentity(file: Buffer, uid: Uint8Array, issuerKeys: PinnedKeys): Identity | RefusalCode {
  // A later layout has other fields: nothing of them is looked at.
  if (file[0] !== 2) return 'CARD_UNKNOWN';
  const issuerKey = issuerKeys.get(file.toString('latin1', 28, 32));
  if (!issuerKey) return 'CARD_UNKNOWN';
  if (!signatureHolds(file, issuerKey) || !file.subarray(44, 51).equals(uid)) return 'CARD_NOT_GENUINE';
  return fieldsOf(file) ?? 'CARD_UNKNOWN';
}

function signatureHolds(file: Buffer, issuerKey: KeyObject): boolean {
  const message = Buffer.concat([SIGNED_PREFIX, file.subarray(0, SIGNED_BYTES)]);
  const holds = verify(null, message, issuerKey, file.subarray(SIGNED_BYTES));
  message.fill(0);
  return holds;
}

/** Every field; `undefined` for a card that this city does not issue so. */
function fieldsOf(file: Buffer): Identity | undefined {
  const kind = KINDS[file.readUInt8(1)];
  const code = file.toString('latin1', 26, 28);
  const language = LANGUAGES.find((known) => known === code);
  const validFromMs = file.readUInt32BE(18) * 1000;
  const validUntilMs = file.readUInt32BE(22) * 1000;
  const productId = file.toString('hex', 32, 40);
  const productUntilMs = file.readUInt32BE(40) * 1000;
  const reserved = file.subarray(51, SIGNED_BYTES);
  if (!kind || !language || validUntilMs <= validFromMs || reserved.some((byte) => byte !== 0))
    return undefined;
  const none = productId === NO_PRODUCT;
  if (none !== (productUntilMs === 0)) return undefined;
  return {
    kind,
    mediumId: file.subarray(2, 18),
    validFromMs,
    validUntilMs,
    language,
    ...(none ? {} : { product: { productId, validUntilMs: productUntilMs } }),
  };
}
