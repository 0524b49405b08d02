/** One-time codes: made, shown, hashed. Pure: the random bytes are handed in. */
import { createHash } from 'node:crypto';
import { normalCode } from '#contracts/enrolment.ts';

// Crockford's base 32: no I, L, O, U.
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LENGTH = 28;
/** Random bytes that {@link codeOf} needs: 140 bits are used. */
export const CODE_RANDOM_BYTES = LENGTH;

/** A code in four groups of seven, for people to type. Each byte gives five bits. */
export function codeOf(random: Uint8Array): string {
  if (random.length < CODE_RANDOM_BYTES) throw new RangeError('too few random bytes for a code');
  const text = Array.from(random.subarray(0, LENGTH), (byte) => DIGITS[byte & 31]).join('');
  return (text.match(/.{7}/g) ?? []).join('-');
}

/**
 * What is stored of a code. 140 random bits have no dictionary, so a plain hash is enough; and since a code is looked
 * up by its hash, the time of the answer says nothing of how near a guess was.
 */
export function hashOfCode(code: string): Buffer {
  return createHash('sha256').update(normalCode(code)).digest();
}
