/**
 * The card's own signature over this very conversation: combined data authentication (CDA, EMV Book 2, 6.6) and Visa's
 * fast dynamic data authentication (fDDA). A copy of everything that a card ever said cannot make one.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { CertifiedKey } from './certificates.ts';
import { frameHolds, recover } from './certificates.ts';
import type { SecretArena } from './secret-bytes.ts';

/** Bytes around the dynamic data: header, format, hash algorithm, length; hash and trailer. */
const FRAME = 25;
const CRYPTOGRAM_BYTES = 8;

/** What a CDA signature says. */
export interface CombinedData {
  readonly dynamicNumber: Buffer;
  /** Tag 9F27 as the card has signed it. */
  readonly cryptogramInfo: number;
  /** Tag 9F26. */
  readonly cryptogram: Buffer;
}

/**
 * The dynamic data of a signature of format 5 (Book 2, table 17), in the arena; `undefined` when it does not hold over
 * `follows`: 9F37 for CDA and DDA; 9F37, 9F02, 5F2A and 9F69 for fDDA.
 */
export function dynamicData(
  signed: Buffer | undefined,
  card: CertifiedKey,
  follows: readonly Uint8Array[],
  arena: SecretArena,
): Buffer | undefined {
  const plain = recover(signed, card, arena);
  if (!plain || plain.length < FRAME || !frameHolds(plain, 0x05, follows) || plain[2] !== 0x01)
    return undefined;
  const bytes = plain[3] as number;
  if (bytes > plain.length - FRAME) return undefined;
  const padding = plain.subarray(4 + bytes, -21);
  return padding.every((byte) => byte === 0xbb) ? plain.subarray(4, 4 + bytes) : undefined;
}

/** What CDA covers besides the signature itself. */
export interface CombinedInput {
  readonly signed: Buffer | undefined;
  /** Tag 9F37 as it was sent. */
  readonly unpredictableNumber: Uint8Array;
  /** Values of PDOL and CDOL1 as they were sent, and each object of the answer in its order, less 9F4B. */
  readonly transaction: readonly Uint8Array[];
}

/** Checks a CDA signature; `undefined` when it does not hold. */
export function combinedData(
  input: CombinedInput,
  card: CertifiedKey,
  arena: SecretArena,
): CombinedData | undefined {
  const data = dynamicData(input.signed, card, [input.unpredictableNumber], arena);
  if (!data) return undefined;
  const numberBytes = data[0] ?? 0;
  if (numberBytes < 2 || numberBytes > 8) return undefined;
  const at = 1 + numberBytes;
  if (data.length < at + 1 + CRYPTOGRAM_BYTES + 20) return undefined;
  const hashAt = at + 1 + CRYPTOGRAM_BYTES;
  const hash = createHash('sha1');
  for (const part of input.transaction) hash.update(part);
  if (!timingSafeEqual(hash.digest(), data.subarray(hashAt, hashAt + 20))) return undefined;
  return {
    dynamicNumber: data.subarray(1, at),
    cryptogramInfo: data[at] as number,
    cryptogram: data.subarray(at + 1, hashAt),
  };
}

/** What fDDA covers: the terminal's number, amount and currency as sent, and the card's 9F69. */
export interface FastInput {
  readonly signed: Buffer | undefined;
  readonly covered: readonly Uint8Array[];
  /** Tag 9F36. */
  readonly atc: Buffer;
}

/** Whether a signature of fDDA holds: over its input, and its dynamic number is the transaction counter. */
export function fastSignatureHolds(input: FastInput, card: CertifiedKey, arena: SecretArena): boolean {
  const data = dynamicData(input.signed, card, input.covered, arena);
  if (!data || data[0] !== data.length - 1) return false;
  return data.subarray(1).equals(input.atc);
}
