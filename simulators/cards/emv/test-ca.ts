/**
 * The certification authorities of the virtual bank cards, one or more for each payment system, and the certificates of
 * issuers and cards (EMV Book 2, 5.1 and 6.1). Nothing here is known to any real terminal: the keys are public, and the
 * list says `test: true` for each.
 */
import { createHash } from 'node:crypto';
import { type RsaKey, testKey } from './test-keys.ts';
import { type Bytes, bytes } from './tlv-bytes.ts';

/** An authority's public key as terminals name it. Dates are `YYYY-MM-DD`, the last one exclusive. */
export interface TestAuthority {
  /** Registered application provider: the first 5 bytes of an application's name, in hex. */
  readonly rid: string;
  /** One byte in hex. */
  readonly index: string;
  readonly key: RsaKey;
  readonly validFrom: string;
  readonly validUntil: string;
}

const VALID = { validFrom: '2015-01-01', validUntil: '2050-01-01' } as const;

/** Authorities that a terminal may be given. `visaOver` is no longer valid; its cards must be refused. */
export const TEST_AUTHORITIES = {
  visa: { rid: 'A000000003', index: 'E1', key: testKey('ca-visa'), ...VALID },
  mastercard: { rid: 'A000000004', index: 'E1', key: testKey('ca-mastercard'), ...VALID },
  /** The longest key there is (1984 bits): its certificates fill an answer of 256 bytes. */
  mastercardLong: { rid: 'A000000004', index: 'E2', key: testKey('ca-mastercard-long'), ...VALID },
  amex: { rid: 'A000000025', index: 'E1', key: testKey('ca-amex'), ...VALID },
  visaOver: {
    rid: 'A000000003',
    index: 'E3',
    key: testKey('ca-visa-over'),
    validFrom: '2010-01-01',
    validUntil: '2018-01-01',
  },
} as const satisfies Readonly<Record<string, TestAuthority>>;

/** An authority that no terminal is given, at an index that no list has. */
export const UNKNOWN_AUTHORITY: TestAuthority = {
  rid: 'A000000003',
  index: 'EE',
  key: testKey('ca-unknown'),
  ...VALID,
};

/** A list of authorities' keys as a terminal loads it (docs/EMV-TEST-CARDS.md). */
export interface CaKeyList {
  readonly v: 1;
  readonly keys: readonly CaKey[];
}

/** Bytes are upper-case hex; dates `YYYY-MM-DD`, the last one exclusive. */
export interface CaKey {
  readonly rid: string;
  readonly index: string;
  readonly modulus: string;
  readonly exponent: string;
  /** SHA-1 over RID, index, modulus and exponent (EMV Book 2, 11.2.2). */
  readonly checksum: string;
  readonly validFrom: string;
  readonly validUntil: string;
  /** Not of a payment system: a terminal in service must not take it. */
  readonly test: boolean;
}

/** The list for a terminal; without an argument all of {@link TEST_AUTHORITIES}. */
export function caKeyList(
  authorities: readonly TestAuthority[] = Object.values(TEST_AUTHORITIES),
): CaKeyList {
  return {
    v: 1,
    keys: authorities.map(({ rid, index, key, validFrom, validUntil }) => ({
      rid,
      index,
      modulus: hex(key.modulus),
      exponent: hex(key.exponent),
      checksum: hex(sha1(rid, index, key.modulus, key.exponent)),
      validFrom,
      validUntil,
      test: true,
    })),
  };
}

/** A public key certificate: what goes onto the card. */
export interface Certificate {
  /** Tag 90 or 9F46. */
  readonly certificate: Buffer;
  /** Tag 92 or 9F48: the part of the modulus that found no room; empty when all of it did. */
  readonly remainder: Buffer;
  /** Tag 9F32 or 9F47. */
  readonly exponent: Buffer;
}

/** What both kinds of certificate say besides the key. */
export interface CertificateTerms {
  /** Last month, `MMYY`. */
  readonly expiry: string;
  /** 3 bytes in hex. */
  readonly serial: string;
  /** `01` is SHA-1, the only one there is; another makes a certificate that must be refused. */
  readonly hashIndicator?: string;
}

/** A certificate of an issuer's key. `issuerId` holds the first 3 to 8 digits of its cards' numbers. */
export function issuerCertificate(
  terms: CertificateTerms & {
    readonly authority: TestAuthority;
    readonly issuerKey: RsaKey;
    readonly issuerId: string;
  },
): Certificate {
  const name = Buffer.from(terms.issuerId.padEnd(8, 'F'), 'hex');
  return certify(terms.authority.key, terms.issuerKey, '02', name, terms, Buffer.alloc(0));
}

/** A certificate of a card's key, over the card's static data too. */
export function cardCertificate(
  terms: CertificateTerms & {
    readonly issuerKey: RsaKey;
    readonly cardKey: RsaKey;
    readonly pan: string;
    readonly staticData: Uint8Array;
  },
): Certificate {
  const name = Buffer.from(terms.pan.padEnd(20, 'F'), 'hex');
  return certify(terms.issuerKey, terms.cardKey, '04', name, terms, terms.staticData);
}

/** EMV Book 2, tables 5 and 13: head, format, name, terms, key, filling, hash, trailer; signed without padding. */
function certify(
  signer: RsaKey,
  subject: RsaKey,
  format: string,
  name: Uint8Array,
  terms: CertificateTerms,
  staticData: Uint8Array,
): Certificate {
  const head = Buffer.concat(
    [
      format,
      name,
      terms.expiry,
      terms.serial,
      terms.hashIndicator ?? '01',
      '01', // RSA
      Buffer.from([subject.modulus.length, subject.exponent.length]),
    ].map(bytes),
  );
  const room = signer.modulus.length - head.length - 22;
  const leftmost = Buffer.alloc(room, 0xbb);
  subject.modulus.copy(leftmost);
  const remainder = subject.modulus.subarray(room);
  const hash = sha1(head, leftmost, remainder, subject.exponent, staticData);
  const block = Buffer.concat([bytes('6a'), head, leftmost, hash, bytes('bc')]);
  return { certificate: signer.sign(block), remainder, exponent: subject.exponent };
}

/** SHA-1 over the parts one after the other: EMV's only hash. */
export function sha1(...parts: readonly Bytes[]): Buffer {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(bytes(part));
  return hash.digest();
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex').toUpperCase();
}
