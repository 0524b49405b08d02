/**
 * Offline data authentication: from what a card said to what is proven. The chain of certificates first, then the card's
 * signature over this conversation; only then is anything of it used.
 */

import { ownMemory } from '../own-memory.ts';
import type { CaKeys } from './ca-keys.ts';
import type { CardData } from './card-data.ts';
import { type CardKeyAndPan, type Certificate, cardKey, issuerKey } from './certificates.ts';
import type { OpenedApplication } from './conversation.ts';
import { isPan, PAN_BYTES, panOfTrack2, samePan } from './digits.ts';
import type { KernelRefusal } from './kernel.ts';
import type { SecretArena } from './secret-bytes.ts';
import { TAG } from './tags.ts';

/** Bits of the first byte of tag 82. */
export const AIP = { cda: 0x01, dda: 0x20 } as const;

/** What the certificates prove. */
export interface ProvenKey {
  readonly card: CardKeyAndPan;
  /** When the first of the certificates ends, exclusive. */
  readonly validUntilMs: number;
}

export type Proof<T> = { readonly value: T } | { readonly refused: KernelRefusal };

const NOT_GENUINE = { refused: 'not-genuine' } as const;

/** The card's key and number, proven by the scheme; marks as covered what the issuer has signed. */
export function proveKey(
  opened: OpenedApplication,
  caKeys: CaKeys,
  nowMs: number,
  arena: SecretArena,
): Proof<ProvenKey> {
  const { data, candidate } = opened;
  const pan = statedPan(data, arena);
  const index = data.get(TAG.caKeyIndex);
  const signed = signedData(opened);
  if (!pan || index?.length !== 1 || !signed) return NOT_GENUINE;
  const issuerCert = certificate(data, TAG.issuerCertificate, TAG.issuerRemainder, TAG.issuerExponent);
  const cardCert = certificate(data, TAG.cardCertificate, TAG.cardRemainder, TAG.cardExponent);
  const authorities = caKeys.find(candidate.aid.subarray(0, 5), index[0] as number, nowMs);
  if (authorities.length === 0) return { refused: 'no-authority-key' };
  // RID and index may name several keys (test and live, or reused): the one that fits is the one.
  for (const ca of authorities) {
    const issuer = issuerKey(issuerCert, ca, pan, arena);
    const card = issuer && cardKey(cardCert, issuer, signed.parts, arena);
    if (!issuer || !card || !samePan(card.pan, pan)) continue;
    const validUntilMs = Math.min(issuer.validUntilMs, card.validUntilMs);
    if (nowMs >= validUntilMs) return { refused: 'expired' };
    data.cover(signed.tags);
    return { value: { card, validUntilMs } };
  }
  return NOT_GENUINE;
}

function certificate(
  data: CardData,
  certificateTag: number,
  remainder: number,
  exponent: number,
): Certificate {
  return {
    certificate: data.get(certificateTag),
    remainder: data.get(remainder),
    exponent: data.get(exponent),
  };
}

/** The number in 5A and in track 2 (57): at least one, and both the same. */
function statedPan(data: CardData, arena: SecretArena): Buffer | undefined {
  const plain = data.get(TAG.pan);
  const track2 = data.get(TAG.track2);
  const fromTrack = track2 && arena.keep(ownMemory(PAN_BYTES));
  if (fromTrack && panOfTrack2(track2, fromTrack) === undefined) return undefined;
  if (plain && fromTrack && !samePan(plain, fromTrack)) return undefined;
  const pan = plain ?? fromTrack;
  return pan && isPan(pan) ? pan : undefined;
}

/** Static data to be authenticated: the signed records, then what 9F4A names, which may be the AIP alone (Book 3, 10.3). */
function signedData(
  opened: OpenedApplication,
): { parts: readonly Buffer[]; tags: readonly number[] } | undefined {
  const { data, signedRecords, signedTags } = opened;
  const list = data.get(TAG.staticTagList);
  if (list === undefined) return { parts: signedRecords, tags: signedTags };
  const aip = data.get(TAG.aip);
  if (!list.equals(Buffer.of(TAG.aip)) || !aip) return undefined;
  return { parts: [...signedRecords, aip], tags: [...signedTags, TAG.aip] };
}
