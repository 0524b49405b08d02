/** File 1 of layout 2 as it is issued (docs/CARD-LAYOUT.md): 64 bytes of identity and the issuer's signature over them. */
import type { Language } from '#contracts/reason-codes.ts';
import type { CardKind } from '#contracts/record.ts';
import { IDENTITY_BYTES } from '../media/kvytok-desfire/layout.ts';

/** Whoever holds the issuer's private key: a file for development, an HSM that signs and never gives the key away. */
export interface IssuerSigner {
  /** As validators know it: 4 ASCII letters or digits. */
  readonly keyId: string;
  /** Ed25519, 64 bytes. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** What a card is to say, but for its number and its chip. */
export interface CardContents {
  readonly kind: CardKind;
  readonly validFromMs: number;
  /** Exclusive. */
  readonly validUntilMs: number;
  readonly language: Language;
  /** A pass: 8 bytes in hex, and its end (exclusive). */
  readonly product?: { readonly productId: string; readonly validUntilMs: number };
}

const SIGNED_BYTES = 64;
const PREFIX = Buffer.from('kvytok card v2\n', 'latin1');
const KINDS: Readonly<Record<CardKind, number>> = {
  social: 0x01,
  wallet: 0x02,
  driver: 0x11,
  inspector: 0x12,
  technician: 0x13,
};

/** The 128 bytes for one chip. @throws RangeError for what does not fit: orders are checked before (order.ts). */
export async function makeIdentity(
  contents: CardContents,
  medium: { readonly mediumId: Uint8Array; readonly uid: Uint8Array },
  issuer: IssuerSigner,
): Promise<Buffer> {
  const bytes = Buffer.alloc(SIGNED_BYTES);
  bytes[0] = 0x02;
  bytes[1] = KINDS[contents.kind];
  bytes.set(medium.mediumId, 2);
  bytes.writeUInt32BE(secondsOf(contents.validFromMs), 18);
  bytes.writeUInt32BE(secondsOf(contents.validUntilMs), 22);
  bytes.write(contents.language, 26, 'latin1');
  bytes.write(issuer.keyId, 28, 'latin1');
  if (contents.product) {
    bytes.set(Buffer.from(contents.product.productId, 'hex'), 32);
    bytes.writeUInt32BE(secondsOf(contents.product.validUntilMs), 40);
  }
  bytes.set(medium.uid, 44);
  const signature = await issuer.sign(Buffer.concat([PREFIX, bytes]));
  return Buffer.concat([bytes, signature], IDENTITY_BYTES);
}

function secondsOf(ms: number): number {
  return Math.floor(ms / 1000);
}
