/**
 * What an issuer puts on a card: the bytes of EF.01 and EF.02 (docs/CARD-LAYOUT.md, layout version 1), and the token
 * under which the city will know it. Written from the layout page alone, so that it can judge the reader.
 */
import { createHmac, type KeyObject, sign } from 'node:crypto';

/** Kinds of card in layout 1. */
export type CardKind = 'social' | 'wallet';
export type CardLanguage = 'uk' | 'en' | 'de' | 'pl';

/** An issuer's signing key and the name that cards carry of it. */
export interface CardIssuer {
  /** Four ASCII letters or digits, e.g. `i001`. */
  readonly keyId: string;
  /** Ed25519 private key. */
  readonly privateKey: KeyObject;
}

/** What is asked of the issuer. Instants are unix seconds; `validUntilS` is exclusive. */
export interface CardOrder {
  readonly mediumKind: CardKind;
  /** 16 random bytes. */
  readonly mediumId: Uint8Array;
  readonly validFromS: number;
  readonly validUntilS: number;
  readonly language: CardLanguage;
  readonly issuer: CardIssuer;
  /** Another layout version than 1, to make cards that a reader must not take. */
  readonly layoutVersion?: number;
}

/** A card's two files. */
export interface CardFiles {
  readonly ef01: Buffer;
  readonly ef02: Buffer;
}

const KIND_BYTES: Readonly<Record<CardKind, number>> = { social: 1, wallet: 2 };

/** Makes the files of a card. Throws a RangeError for an order that layout 1 cannot hold: that is a bug of the caller. */
export function issueCard(order: CardOrder): CardFiles {
  const ef01 = Buffer.alloc(40);
  ef01[0] = order.layoutVersion ?? 1;
  ef01[1] = KIND_BYTES[order.mediumKind];
  if (order.mediumId.length !== 16) throw new RangeError('a medium id has 16 bytes');
  ef01.set(order.mediumId, 2);
  if (order.validUntilS <= order.validFromS) throw new RangeError('a card must end after it begins');
  ef01.writeUInt32BE(order.validFromS, 18);
  ef01.writeUInt32BE(order.validUntilS, 22);
  ef01.write(order.language, 26, 2, 'latin1');
  if (!/^[A-Za-z0-9]{4}$/.test(order.issuer.keyId)) throw new RangeError('an issuer key id has 4 characters');
  ef01.write(order.issuer.keyId, 28, 4, 'latin1');
  return { ef01, ef02: signIdentity(ef01, order.issuer.privateKey) };
}

/** The issuer's signature over EF.01. */
export function signIdentity(ef01: Uint8Array, issuerKey: KeyObject): Buffer {
  return sign(null, Buffer.concat([Buffer.from('kvytok card v1\n', 'latin1'), ef01]), issuerKey);
}

/** The token of a medium under token key version 1: what the back office links to an account. */
export function cardTokenId(mediumId: Uint8Array, tokenKey: Uint8Array): string {
  const mac = createHmac('sha256', tokenKey).update(mediumId).digest('hex');
  return `k1.${mac.slice(0, 32)}`;
}
