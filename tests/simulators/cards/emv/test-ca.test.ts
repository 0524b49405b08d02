import { describe, expect, it } from 'vitest';
import {
  caKeyList,
  cardCertificate,
  issuerCertificate,
  TEST_AUTHORITIES,
  UNKNOWN_AUTHORITY,
} from '../../../../simulators/cards/emv/test-ca.ts';
import { testKey } from '../../../../simulators/cards/emv/test-keys.ts';
import { openCertificate, recover, sha1 } from './terminal.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('the list of authorities', () => {
  it('has checksums that hold, names that are unique, and is for tests only', () => {
    const { v, keys } = caKeyList();
    expect(v).toBe(1);
    expect(new Set(keys.map((key) => key.rid + key.index)).size).toBe(keys.length);
    for (const key of keys) {
      const sum = sha1(hex(key.rid), hex(key.index), hex(key.modulus), hex(key.exponent));
      expect(key.checksum).toBe(sum.toUpperCase());
      expect(key.test).toBe(true);
      expect(key.validFrom < key.validUntil).toBe(true);
      expect(['03', '010001']).toContain(key.exponent);
    }
    expect(new Set(keys.map((key) => key.modulus.length * 4))).toEqual(new Set([1024, 1152, 1408, 1984]));
    expect(keys.map((key) => key.index)).not.toContain(UNKNOWN_AUTHORITY.index);
  });

  it('names no key twice, and none is a key of the published conversation', () => {
    const moduli = caKeyList().keys.map((key) => key.modulus);
    expect(new Set(moduli).size).toBe(moduli.length);
    expect(moduli.some((modulus) => modulus.startsWith('99D17396'))).toBe(false);
  });
});

describe('certificates', () => {
  const terms = { expiry: '1230', serial: '00A1B2' };
  const { key } = TEST_AUTHORITIES.visa;

  it.each(['issuer-visa', 'issuer-mastercard'])('of an issuer (%s) give its key back whole', (name) => {
    const issuerKey = testKey(name);
    const made = issuerCertificate({
      ...terms,
      authority: TEST_AUTHORITIES.visa,
      issuerKey,
      issuerId: '476173',
    });
    expect(made.certificate).toHaveLength(key.modulus.length);
    expect(made.remainder).toHaveLength(Math.max(0, issuerKey.modulus.length - (key.modulus.length - 36)));
    const block = recover(key.modulus, key.exponent, made.certificate);
    expect(block.subarray(0, 15).toString('hex')).toBe(
      `6a02476173ff123000a1b20101${issuerKey.modulus.length.toString(16)}01`,
    );
    const opened = openCertificate(block, 4, made.remainder, made.exponent);
    expect(opened).toMatchObject({ hashHolds: true, name: '476173FF', expiry: '1230' });
    expect(opened.modulus.equals(issuerKey.modulus)).toBe(true);
  });

  it('of a card cover its static data and its number of 19 digits', () => {
    const issuerKey = testKey('issuer-mastercard');
    const cardKey = testKey('icc-long');
    const staticData = hex('5f2403301231');
    const made = cardCertificate({ ...terms, issuerKey, cardKey, pan: '6304900017740292441', staticData });
    expect(made.remainder).toHaveLength(176 - (176 - 42));
    const block = recover(issuerKey.modulus, issuerKey.exponent, made.certificate);
    const opened = openCertificate(block, 10, made.remainder, made.exponent, [staticData]);
    expect(opened).toMatchObject({ format: 4, hashHolds: true, name: '6304900017740292441F' });
    expect(opened.modulus.equals(cardKey.modulus)).toBe(true);
    const altered = openCertificate(block, 10, made.remainder, made.exponent, [hex('5f2403311231')]);
    expect(altered.hashHolds).toBe(false);
  });

  it('know no key that was not made', () => {
    expect(() => testKey('issuer-nobody')).toThrow(RangeError);
  });
});
