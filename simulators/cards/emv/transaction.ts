/** One transaction of a card: what it decides, computes and signs, without any state of its own. */
import { createHash } from 'node:crypto';
import { applicationCryptogram } from './cryptogram.ts';
import { signCda, signFdda } from './dynamic-signature.ts';
import { type EmvApplication, SIGNATURE_RECORD, VISA_QUALIFIERS } from './personalise.ts';
import { bytes, dolValues, tlv } from './tlv-bytes.ts';

/** A transaction that has begun. */
export interface Deed {
  readonly application: EmvApplication;
  readonly atc: Buffer;
  readonly pdolValues: Buffer;
  /** What the signature takes for the terminal's number; only a false card changes it. */
  readonly falsify: (real: Buffer) => Buffer;
  /** Data objects of the record that a Visa card fills now; null when it signs in its answer or not at all. */
  readonly signature: Buffer | null;
}

/** Answer to GET PROCESSING OPTIONS, and the transaction it began. */
export interface Options {
  readonly answer: Buffer;
  readonly deed: Deed;
}

/** Bits of the terminal's qualifiers (tag 9F66), bytes 1 and 2. */
const TTQ = { qvsdc: 0x20, offlineOnly: 0x08, odaWhenOnline: 0x01, cryptogramOnline: 0x80 } as const;
/** Cryptogram information data: denied, accepted offline, to be asked for online. */
const CID = { aac: 0x00, tc: 0x40, arqc: 0x80 } as const;
const CDA_WANTED = 0x10;
/** What enters a cryptogram, in this order (EMV Book 2, table 26). */
const CRYPTOGRAM_TAGS = ['9F02', '9F03', '9F1A', '95', '5F2A', '9A', '9C', '9F37'] as const;
const CRYPTOGRAM_BYTES = [6, 6, 2, 5, 2, 3, 1, 4] as const;

/** Begins a transaction; null when the terminal cannot do what this card needs. */
export function processOptions(
  application: EmvApplication,
  pdolValues: Buffer,
  atc: Buffer,
  falsify: (real: Buffer) => Buffer,
): Options | null {
  const deed: Deed = { application, atc, pdolValues, falsify, signature: null };
  if (application.scheme === 'visa') return quickOptions(deed);
  const { aip, afl } = application;
  const answer =
    application.optionsFormat === 1 ? tlv('80', aip, afl) : tlv('77', tlv('82', aip), tlv('94', afl));
  return { answer, deed };
}

/** qVSDC: cryptogram and signature come with the very first answer (EMV Contactless Book C-3). */
function quickOptions(deed: Deed): Options | null {
  const { application, atc, pdolValues } = deed;
  const values = dolValues(application.pdol, pdolValues);
  const [first = 0, second = 0] = values.get('9F66') ?? [];
  if ((first & TTQ.qvsdc) === 0) return null;
  const online = (second & TTQ.cryptogramOnline) !== 0 && (first & TTQ.offlineOnly) === 0;
  const cid = online ? CID.arqc : CID.tc;
  const signs = application.cardKey !== null && (!online || (first & TTQ.odaWhenOnline) !== 0);
  const signature = signs ? visaSignature(deed, values) : null;
  const answer = tlv(
    '77',
    tlv('82', application.aip),
    ...(signs ? [tlv('94', application.afl)] : []),
    tlv('9F36', atc),
    tlv('9F26', cryptogramOf(deed, values)),
    tlv('9F10', application.issuerApplicationData),
    tlv('9F27', Buffer.from([cid])),
    application.answerExtras,
    ...(signature !== null && application.signatureIn === 'answer' ? [signature] : []),
  );
  return { answer, deed: { ...deed, signature: application.signatureIn === 'record' ? signature : null } };
}

/** Tags 9F69 (version 01, the card's own number, its qualifiers) and 9F4B. */
function visaSignature(deed: Deed, values: ReadonlyMap<string, Buffer>): Buffer {
  const { application, atc, falsify } = deed;
  if (application.cardKey === null) return Buffer.alloc(0);
  const cardAuthentication = Buffer.concat([bytes('01'), ownNumber(deed, 4), bytes(VISA_QUALIFIERS)]);
  const signed = signFdda(application.cardKey, {
    atc,
    unpredictableNumber: falsify(values.get('9F37') ?? Buffer.alloc(4)),
    amount: values.get('9F02') ?? Buffer.alloc(6),
    currency: values.get('5F2A') ?? Buffer.alloc(2),
    cardAuthentication,
  });
  return Buffer.concat([tlv('9F69', cardAuthentication), tlv('9F4B', signed)]);
}

/** The record that a Visa card fills for this transaction, if `name` is it. */
export function signatureRecord(deed: Deed, name: string): Buffer | undefined {
  return name === SIGNATURE_RECORD && deed.signature !== null ? tlv('70', deed.signature) : undefined;
}

/** Answer to GENERATE AC. `control` is its P1, `cdolValues` what the terminal sent for CDOL1. */
export function generateCryptogram(deed: Deed, control: number, cdolValues: Buffer): Buffer {
  const { application, atc, pdolValues, falsify } = deed;
  const values = new Map([
    ...dolValues(application.pdol, pdolValues),
    ...dolValues(application.cdol1 ?? Buffer.alloc(0), cdolValues),
  ]);
  const cid = control & 0xc0;
  const cryptogram = cryptogramOf(deed, values);
  const head = Buffer.concat([tlv('9F27', Buffer.from([cid])), tlv('9F36', atc)]);
  const tail = tlv('9F10', application.issuerApplicationData);
  const signs = (control & CDA_WANTED) !== 0 && application.cardKey !== null && cid !== CID.aac;
  if (!signs || application.cardKey === null) return tlv('77', head, tlv('9F26', cryptogram), tail);
  const signed = signCda(application.cardKey, {
    cid,
    cryptogram,
    dynamicNumber: ownNumber(deed, 8),
    pdolValues,
    cdolValues,
    answer: Buffer.concat([head, tail]),
    unpredictableNumber: falsify(values.get('9F37') ?? Buffer.alloc(4)),
  });
  return tlv('77', head, tlv('9F4B', signed), tail);
}

function cryptogramOf(deed: Deed, values: ReadonlyMap<string, Buffer>): Buffer {
  const { application, atc } = deed;
  const terminal = CRYPTOGRAM_TAGS.map((tag, i) => values.get(tag) ?? Buffer.alloc(CRYPTOGRAM_BYTES[i] ?? 0));
  const data = Buffer.concat([...terminal, application.aip, atc, application.issuerApplicationData]);
  return applicationCryptogram(application.masterKey, Buffer.concat([atc, Buffer.alloc(6)]), data);
}

/** A number of the card's own: different for each transaction, the same in each run. */
function ownNumber(deed: Deed, length: number): Buffer {
  const { application, atc, pdolValues } = deed;
  return createHash('sha256')
    .update(application.masterKey)
    .update(atc)
    .update(pdolValues)
    .digest()
    .subarray(0, length);
}
