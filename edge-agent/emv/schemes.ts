/**
 * How each scheme's card signs a transaction. Mastercard and American Express answer GENERATE AC with a combined signature
 * (CDA); Visa's qVSDC has signed with its processing options already (fDDA).
 */
import { DONE } from '../apdu.ts';
import { readObjects } from '../tlv.ts';
import { AIP, type Proof, type ProvenKey } from './authenticate.ts';
import { exchange, type OpenedApplication, type Talk } from './conversation.ts';
import { buildDol, type DolValues, parseDol } from './dol.ts';
import { combinedData, fastSignatureHolds } from './dynamic-data.ts';
import { TAG } from './tags.ts';

/** What the terminal asks the card for: an online cryptogram for the deferred authorisation, or an offline approval. */
export type AskedCryptogram = 'arqc' | 'tc';

export interface SignedTransaction {
  readonly oda: 'cda' | 'fdda';
  /** Tag 9F26, proven where CDA covers it. */
  readonly cryptogram: Buffer;
  /** Tag 9F27. */
  readonly cryptogramInfo: number;
}

/** Kinds of cryptogram: the two highest bits of tag 9F27. */
const KIND = { mask: 0xc0, aac: 0x00, tc: 0x40, arqc: 0x80 } as const;
/** P1 bit: with CDA. */
const WITH_CDA = 0x10;
/** Tag 9F6C, byte 1: the card wants a PIN that is checked online. */
const ONLINE_PIN_REQUIRED = 0x80;

const UNREADABLE = { refused: 'unreadable' } as const;
const NOT_GENUINE = { refused: 'not-genuine' } as const;
const DECLINED = { refused: 'declined' } as const;

export interface SigningInput {
  readonly talk: Talk;
  readonly opened: OpenedApplication;
  readonly values: DolValues;
  readonly asked: AskedCryptogram;
  /** Proves certificates and static data. Called when all records are known and before anything else is believed. */
  readonly prove: () => Proof<ProvenKey>;
}

/** Has the card sign, and proves it. */
export async function signTransaction(
  input: SigningInput,
): Promise<Proof<{ readonly key: ProvenKey; readonly signed: SignedTransaction }>> {
  const aip = input.opened.data.get(TAG.aip)?.[0] ?? 0;
  const visa = input.opened.candidate.scheme === 'visa';
  // A card that cannot prove itself without its bank is not counterfeit; there is no bank to ask here.
  if ((aip & (visa ? AIP.dda : AIP.cda)) === 0) return DECLINED;
  const key = input.prove();
  if ('refused' in key) return key;
  const signed = visa ? fastSigned(input, key.value) : await combinedSigned(input, key.value);
  return 'refused' in signed ? signed : { value: { key: key.value, signed: signed.value } };
}

async function combinedSigned(input: SigningInput, key: ProvenKey): Promise<Proof<SignedTransaction>> {
  const { talk, opened, values, asked } = input;
  const { data, pdolValues } = opened;
  const list = data.get(TAG.cdol1);
  const wanted = list && parseDol(list);
  if (!wanted) return UNREADABLE;
  const cdolValues = buildDol(wanted, values);
  const answer = await exchange(talk, generateAc(asked, cdolValues));
  if (answer?.status !== DONE) return UNREADABLE;
  const outer = readObjects(answer.data, 'emv');
  if (outer?.length !== 1 || !outer[0]) return UNREADABLE;
  // Format 1 has no signature; a card that declines answers so.
  if (outer[0].tag === TAG.format1)
    return ((outer[0].value[0] ?? 0) & KIND.mask) === KIND.aac ? DECLINED : NOT_GENUINE;
  const objects = outer[0].tag === TAG.format2 ? readObjects(outer[0].value, 'emv') : undefined;
  if (!objects || !data.add(objects, false)) return UNREADABLE;
  const info = data.get(TAG.cryptogramInfo);
  if (info?.length !== 1 || data.get(TAG.atc)?.length !== 2) return UNREADABLE;
  if (((info[0] as number) & KIND.mask) === KIND.aac) return DECLINED;
  const unsigned = objects.filter(({ tag }) => tag !== TAG.signedDynamicData);
  const combined = combinedData(
    {
      signed: data.get(TAG.signedDynamicData),
      unpredictableNumber: values.get(TAG.unpredictableNumber) as Buffer,
      transaction: [pdolValues, cdolValues, ...unsigned.map(({ raw }) => raw)],
    },
    key.card,
    talk.arena,
  );
  if (!combined || combined.cryptogramInfo !== info[0]) return NOT_GENUINE;
  const stated = data.get(TAG.cryptogram);
  if (stated && !stated.equals(combined.cryptogram)) return NOT_GENUINE;
  const kind = combined.cryptogramInfo & KIND.mask;
  // A card may answer with less than it was asked for, never with more.
  if (kind !== KIND.arqc && !(kind === KIND.tc && asked === 'tc')) return NOT_GENUINE;
  data.cover(unsigned.map(({ tag }) => tag));
  const { cryptogram, cryptogramInfo } = combined;
  return { value: { oda: 'cda', cryptogram, cryptogramInfo } };
}

function generateAc(asked: AskedCryptogram, values: Buffer): Uint8Array {
  const kind = (asked === 'tc' ? KIND.tc : KIND.arqc) | WITH_CDA;
  return Uint8Array.of(0x80, 0xae, kind, 0x00, values.length, ...values, 0x00);
}

/** fDDA version 1: 9F69 is version, the card's own number and its transaction qualifiers. */
function fastSigned({ talk, opened, values }: SigningInput, key: ProvenKey): Proof<SignedTransaction> {
  const { data } = opened;
  const related = data.get(TAG.cardAuthenticationData);
  const atc = data.get(TAG.atc);
  const cryptogram = data.get(TAG.cryptogram);
  if (!related || related.length < 5 || related[0] !== 0x01) return NOT_GENUINE;
  if (atc?.length !== 2 || cryptogram?.length !== 8) return NOT_GENUINE;
  const sent = [TAG.unpredictableNumber, TAG.amount, TAG.currency].map((tag) => values.get(tag) as Buffer);
  const input = { signed: data.get(TAG.signedDynamicData), covered: [...sent, related], atc };
  if (!fastSignatureHolds(input, key.card, talk.arena)) return NOT_GENUINE;
  const qualifiers = data.get(TAG.ctq);
  const signedQualifiers = related.subarray(5, 7);
  if (qualifiers && signedQualifiers.length === 2 && !qualifiers.equals(signedQualifiers)) return NOT_GENUINE;
  data.cover([TAG.atc, TAG.cardAuthenticationData, ...(signedQualifiers.length === 2 ? [TAG.ctq] : [])]);
  const cryptogramInfo =
    data.get(TAG.cryptogramInfo)?.[0] ?? kindInIssuerData(data.get(TAG.issuerApplicationData));
  if ((cryptogramInfo & KIND.mask) === KIND.aac) return DECLINED;
  if ((((qualifiers ?? signedQualifiers)[0] ?? 0) & ONLINE_PIN_REQUIRED) !== 0) return DECLINED;
  return { value: { oda: 'fdda', cryptogram, cryptogramInfo } };
}

/**
 * Visa's card verification results in 9F10 (length, key index, cryptogram version, then CVR with its length 3): bits 6 and
 * 5 of the CVR's second byte are the kind of cryptogram. Other layouts say nothing here.
 */
function kindInIssuerData(issuerData: Buffer | undefined): number {
  if (!issuerData || issuerData.length < 7 || issuerData[3] !== 0x03) return KIND.arqc;
  return ((issuerData[4] as number) & 0x30) << 2;
}
