/** What a card signs during a transaction: CDA (EMV Book 2, 6.6) and fDDA (EMV Contactless Book C-3, annex on fDDA). */
import { sha1 } from './test-ca.ts';
import type { RsaKey } from './test-keys.ts';

/** Signed dynamic application data (tag 9F4B): format 05 around the card's data, hashed together with the terminal's. */
export function signDynamicData(cardKey: RsaKey, cardData: Uint8Array, terminalData: Uint8Array): Buffer {
  const size = cardKey.modulus.length;
  const signed = Buffer.alloc(size - 22, 0xbb);
  signed.set([0x05, 0x01, cardData.length]);
  signed.set(cardData, 3);
  const block = Buffer.concat([Buffer.from([0x6a]), signed, sha1(signed, terminalData), Buffer.from([0xbc])]);
  return cardKey.sign(block);
}

/** What goes into the signature of a GENERATE AC. */
export interface CdaParts {
  readonly cid: number;
  readonly cryptogram: Uint8Array;
  /** The card's unpredictable part, 8 bytes. */
  readonly dynamicNumber: Uint8Array;
  /** Values the terminal sent for PDOL and CDOL1. */
  readonly pdolValues: Uint8Array;
  readonly cdolValues: Uint8Array;
  /** The data objects of the answer in their order, without 9F4B. */
  readonly answer: Uint8Array;
  readonly unpredictableNumber: Uint8Array;
}

/** Combined data authentication: the signature covers the cryptogram and everything both sides said. */
export function signCda(cardKey: RsaKey, parts: CdaParts): Buffer {
  const cardData = Buffer.concat([
    Buffer.from([parts.dynamicNumber.length]),
    parts.dynamicNumber,
    Buffer.from([parts.cid]),
    parts.cryptogram,
    sha1(parts.pdolValues, parts.cdolValues, parts.answer),
  ]);
  return signDynamicData(cardKey, cardData, parts.unpredictableNumber);
}

/** What goes into Visa's signature. */
export interface FddaParts {
  /** Application transaction counter, 2 bytes: it is the dynamic number. */
  readonly atc: Uint8Array;
  readonly unpredictableNumber: Uint8Array;
  /** Tags 9F02 (6 bytes) and 5F2A (2). */
  readonly amount: Uint8Array;
  readonly currency: Uint8Array;
  /** Value of tag 9F69. */
  readonly cardAuthentication: Uint8Array;
}

/** Fast dynamic data authentication, version 01. */
export function signFdda(cardKey: RsaKey, parts: FddaParts): Buffer {
  const cardData = Buffer.concat([Buffer.from([parts.atc.length]), parts.atc]);
  const terminalData = Buffer.concat([
    parts.unpredictableNumber,
    parts.amount,
    parts.currency,
    parts.cardAuthentication,
  ]);
  return signDynamicData(cardKey, cardData, terminalData);
}
