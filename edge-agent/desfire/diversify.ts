/**
 * Key diversification, NXP AN10922 §2.2 (AES-128): each card has its own key, made from a master key and what tells the
 * card apart, so that a key taken out of one card opens no other.
 */
import { cmac, cmacSubkeys } from './aes.ts';

/** Most bytes of diversification input: with the leading constant they fill two blocks. */
export const DIVERSIFICATION_BYTES_MAX = 31;
const TWO_BLOCKS = 32;

/**
 * The diversified key: CMAC over `01` and the input, padded to **two** blocks also when one would do.
 * @throws RangeError for an input that is empty or longer than 31 bytes: that is a bug of the caller.
 */
export function diversifyKey(masterKey: Uint8Array, input: Uint8Array): Buffer {
  if (input.length < 1 || input.length > DIVERSIFICATION_BYTES_MAX)
    throw new RangeError(`diversification input has 1 to 31 bytes, not ${input.length}`);
  const message = Buffer.allocUnsafe(1 + input.length);
  message[0] = 0x01;
  message.set(input, 1);
  return cmac(masterKey, message, cmacSubkeys(masterKey), undefined, TWO_BLOCKS);
}
