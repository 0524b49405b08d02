/**
 * Personalisation: from an order to what lies on a chip, records, certificates and the answers' fixed parts. A flaw is
 * one mistake of the issuer; everything else about such a card is in order.
 */
import { cardMasterKey } from './cryptogram.ts';
import { type FormFactor, formFactorData, SCHEMES, type Scheme } from './schemes.ts';
import { cardCertificate, issuerCertificate, type TestAuthority, UNKNOWN_AUTHORITY } from './test-ca.ts';
import { type RsaKey, testKey } from './test-keys.ts';
import { bytes, tlv } from './tlv-bytes.ts';

/** What is asked of the bank. Dates are `YYMMDD`. */
export interface EmvOrder {
  readonly scheme: Scheme;
  /** 13 to 19 digits; test numbers only. */
  readonly pan: string;
  readonly expiry: string;
  readonly effective?: string;
  /** Tag 5F34, 0 to 99. */
  readonly panSequence?: number;
  /** Payment account reference, tag 9F24: 29 characters; absent on most cards. */
  readonly par?: string;
  readonly form?: FormFactor;
  /** Tag 5F20: contactless cards have none; for tests that look where names go. */
  readonly cardholderName?: string;
  /** Tag 87, 1 comes first. */
  readonly priority?: number;
  /** Answers SELECT with 6283 and does nothing afterwards. */
  readonly blocked?: boolean;
  /** Where a Visa card puts its signature: into the answer or into the last record. */
  readonly signatureIn?: 'answer' | 'record';
  /** File of the signed record: 1 to 10 are signed without their template, 11 to 30 with it. */
  readonly staticSfi?: number;
  /** Answers GET PROCESSING OPTIONS in format 1 (80) or 2 (77). A Visa card has format 2 only. */
  readonly optionsFormat?: 1 | 2;
  /** Another authority and other keys than the payment system's usual ones. */
  readonly authority?: TestAuthority;
  readonly issuerKey?: string;
  readonly cardKey?: string;
  readonly flaw?: Flaw;
}

/** One mistake in the card's making. */
export type Flaw =
  | 'no-oda'
  | 'wrong-static-data'
  | 'issuer-certificate-expired'
  | 'card-certificate-expired'
  | 'unknown-authority'
  | 'certificate-of-another-pan'
  | 'certificate-of-another-issuer'
  | 'unknown-hash-algorithm'
  | 'tag-list-not-aip'
  | 'expiry-not-signed';

/** An application on the chip. */
export interface EmvApplication {
  readonly scheme: Scheme;
  readonly aid: Buffer;
  readonly label: string;
  readonly priority: number;
  readonly kernelId: string;
  readonly blocked: boolean;
  readonly languages: string;
  readonly pdol: Buffer;
  readonly cdol1: Buffer | null;
  readonly aip: Buffer;
  /** Empty when there is nothing to read. */
  readonly afl: Buffer;
  readonly optionsFormat: 1 | 2;
  /** Whole records by `SFI/number`. */
  readonly records: ReadonlyMap<string, Buffer>;
  /** Data objects that a Visa card adds to its answer. */
  readonly answerExtras: Buffer;
  readonly signatureIn: 'answer' | 'record';
  /** Null: this card cannot be authenticated offline. */
  readonly cardKey: RsaKey | null;
  readonly masterKey: Buffer;
  readonly issuerApplicationData: Buffer;
}

/** Record that a Visa card fills at each transaction, in a file of its own. */
export const SIGNATURE_RECORD = '3/1';
const CERTIFICATE_SFI = 2;
const PAST_EXPIRY = '1217';

/** Makes one application. */
export function personalise(order: EmvOrder): EmvApplication {
  const facts = SCHEMES[order.scheme];
  const form = order.form ?? 'card';
  const oda = order.flaw !== 'no-oda';
  const staticSfi = order.staticSfi ?? 1;
  const aip = bytes(oda ? facts.aip[form] : facts.aipWithoutOda);
  const signed = signedRecord(order);
  const others = otherRecord(order, form);
  const records = new Map([[`${staticSfi}/1`, signed]]);
  if (others.length > 0) records.set(`${staticSfi}/2`, tlv('70', others));
  const afl = [aflEntry(staticSfi, 1, others.length > 0 ? 2 : 1, oda ? 1 : 0)];
  if (oda) {
    const certificates = certificateRecords(order, staticDataOf(order, signed, aip));
    for (const [i, record] of certificates.entries()) records.set(`${CERTIFICATE_SFI}/${i + 1}`, record);
    afl.push(aflEntry(CERTIFICATE_SFI, 1, certificates.length, 0));
    if (order.scheme === 'visa' && order.signatureIn === 'record') afl.push(aflEntry(3, 1, 1, 0));
  }
  if (order.flaw === 'wrong-static-data') records.set(`${staticSfi}/1`, alterUsage(signed));
  return {
    scheme: order.scheme,
    aid: bytes(facts.aid),
    label: facts.label,
    priority: order.priority ?? 1,
    kernelId: facts.kernelId,
    blocked: order.blocked ?? false,
    languages: 'uken',
    pdol: bytes(facts.pdol[form]),
    cdol1: facts.cdol1 === null ? null : bytes(facts.cdol1),
    aip,
    afl: Buffer.concat(afl),
    optionsFormat: order.optionsFormat ?? (order.scheme === 'amex' ? 1 : 2),
    records,
    answerExtras: order.scheme === 'visa' ? visaExtras(order, form) : Buffer.alloc(0),
    signatureIn: order.signatureIn ?? 'answer',
    cardKey: oda ? testKey(order.cardKey ?? facts.cardKey) : null,
    masterKey: cardMasterKey(order.pan, order.panSequence ?? 1),
    issuerApplicationData: bytes(facts.issuerApplicationData),
  };
}

function aflEntry(sfi: number, first: number, last: number, signed: number): Buffer {
  return Buffer.from([sfi << 3, first, last, signed]);
}

function expiryOf(order: EmvOrder): Buffer {
  return tlv('5F24', order.expiry);
}

/** The record that the card's certificate covers. */
function signedRecord(order: EmvOrder): Buffer {
  const facts = SCHEMES[order.scheme];
  return tlv(
    '70',
    ...(order.flaw === 'expiry-not-signed' ? [] : [expiryOf(order)]),
    tlv('5F25', order.effective ?? '200101'),
    tlv('5A', panBytes(order.pan)),
    tlv('5F34', sequenceOf(order)),
    tlv('9F07', 'FF80'),
    tlv('5F28', '0804'),
    tlv('9F4A', order.flaw === 'tag-list-not-aip' ? '8295' : '82'),
    ...(facts.cdol1 === null
      ? []
      : [
          tlv('8C', facts.cdol1),
          tlv('8E', '000000000000000042031F03'),
          tlv('9F0D', 'B4508C8000'),
          tlv('9F0E', '0000000000'),
          tlv('9F0F', 'B4708C8000'),
          tlv('9F08', '0002'),
        ]),
  );
}

/** Data objects that nobody signs. */
function otherRecord(order: EmvOrder, form: FormFactor): Buffer {
  const { scheme, par, cardholderName } = order;
  const formData = scheme === 'visa' ? null : formFactorData(scheme, form);
  return Buffer.concat([
    ...(scheme === 'visa' ? [] : [tlv('57', track2(order))]),
    ...(order.flaw === 'expiry-not-signed' ? [expiryOf(order)] : []),
    ...(cardholderName === undefined ? [] : [tlv('5F20', Buffer.from(cardholderName, 'latin1'))]),
    ...(par === undefined ? [] : [tlv('9F24', Buffer.from(par, 'latin1'))]),
    ...(formData === null ? [] : [tlv('9F6E', formData)]),
  ]);
}

/** Track 2, sequence, qualifiers of the card, its form, customer data. */
function visaExtras(order: EmvOrder, form: FormFactor): Buffer {
  return Buffer.concat([
    tlv('57', track2(order)),
    tlv('5F34', sequenceOf(order)),
    tlv('9F6C', VISA_QUALIFIERS),
    tlv('9F6E', formFactorData('visa', form) ?? ''),
    ...(form === 'phone' ? [tlv('9F7C', '0001')] : []),
  ]);
}

/** Tag 9F6C of all Visa cards here: no cardholder verification wanted. */
export const VISA_QUALIFIERS = '0000';

/** What the card's certificate hashes besides its own fields (EMV Book 3, 10.3). */
function staticDataOf(order: EmvOrder, record: Buffer, aip: Buffer): Buffer {
  const whole = (order.staticSfi ?? 1) > 10;
  return Buffer.concat([whole ? record : record.subarray(record[1] === 0x81 ? 3 : 2), aip]);
}

/** The three records of keys: what belongs to both certificates, the issuer's, the card's. */
function certificateRecords(order: EmvOrder, staticData: Buffer): Buffer[] {
  const facts = SCHEMES[order.scheme];
  const { flaw } = order;
  const authority = flaw === 'unknown-authority' ? UNKNOWN_AUTHORITY : (order.authority ?? facts.authority);
  const issuerKey = testKey(order.issuerKey ?? facts.issuerKey);
  const cardExpiry = `${order.expiry.slice(2, 4)}${order.expiry.slice(0, 2)}`;
  const issuer = issuerCertificate({
    authority,
    issuerKey,
    issuerId: flaw === 'certificate-of-another-issuer' ? '99999999' : order.pan.slice(0, 6),
    expiry: flaw === 'issuer-certificate-expired' ? PAST_EXPIRY : '1249',
    serial: '000101',
  });
  const card = cardCertificate({
    issuerKey,
    cardKey: testKey(order.cardKey ?? facts.cardKey),
    pan: flaw === 'certificate-of-another-pan' ? anotherPan(order.pan) : order.pan,
    expiry: flaw === 'card-certificate-expired' ? PAST_EXPIRY : cardExpiry,
    serial: '000202',
    staticData,
    ...(flaw === 'unknown-hash-algorithm' && { hashIndicator: '02' }),
  });
  // A certificate of 1984 bits fills a record: exponents and remainders stand in the first.
  const first = tlv(
    '70',
    tlv('8F', authority.index),
    tlv('9F32', issuer.exponent),
    optional('92', issuer.remainder),
    tlv('9F47', card.exponent),
    optional('9F48', card.remainder),
  );
  return [first, tlv('70', tlv('90', issuer.certificate)), tlv('70', tlv('9F46', card.certificate))];
}

function optional(tag: string, value: Buffer): Buffer {
  return value.length === 0 ? value : tlv(tag, value);
}

/** The record with another usage (9F07) than was signed. */
function alterUsage(record: Buffer): Buffer {
  const altered = Buffer.from(record);
  const at = altered.indexOf('9f0702ff80', 0, 'hex');
  altered.writeUInt8(0x00, at + 4);
  return altered;
}

/** Tag 5A: digits in pairs, filled with F. */
function panBytes(pan: string): Buffer {
  return Buffer.from(pan.length % 2 === 0 ? pan : `${pan}F`, 'hex');
}

/** Tag 57: number, D, expiry, service code 201, discretionary digits. */
function track2(order: EmvOrder): Buffer {
  const digits = `${order.pan}D${order.expiry.slice(0, 4)}2010000000000`;
  return Buffer.from(digits.length % 2 === 0 ? digits : `${digits}F`, 'hex');
}

function sequenceOf(order: EmvOrder): string {
  return String(order.panSequence ?? 1).padStart(2, '0');
}

/** A number of the same range and length, with a right check digit. */
function anotherPan(pan: string): string {
  const body = pan.slice(0, -1);
  const last = (Number(body.at(-1)) + 1) % 10;
  return withCheckDigit(`${body.slice(0, -1)}${last}`);
}

/** Appends the check digit of ISO/IEC 7812-1 (Luhn). */
export function withCheckDigit(body: string): string {
  const sum = [...body].reverse().reduce((total, digit, i) => {
    const value = Number(digit) * (i % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return `${body}${(10 - (sum % 10)) % 10}`;
}
