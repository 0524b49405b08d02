/**
 * The reference under which whoever holds a bank card finds what it owes: made from the card's token, so a validator shows it
 * without asking anybody, and nobody guesses it who has not had the card at a reader. Its sixteen signs look the same in Latin
 * and Cyrillic letters, as on number plates, and are read in either; the last one finds a slip of the finger. It is no number:
 * who is asked for one types that of the card.
 */
import { createHash } from 'node:crypto';

/** One sign for each hexadecimal digit; 0, 1, 8 and the letters that look like them are not among them. */
export const REFERENCE_SIGNS = '2345679ACEHKMPTX';
/** Signs that carry the token: 60 bits. One more checks them. */
export const REFERENCE_BODY_SIGNS = 15;

const CYRILLIC = 'АСЕНКМРТХ';
const LATIN = 'ACEHKMPTX';

/** Reference of a token, 16 signs without blanks. SQL has the same (`fare.debt_reference`). */
export function debtReference(tokenId: string): string {
  const digest = createHash('sha256').update(`kvytok debt v1\n${tokenId}`).digest('hex');
  const body = [...digest.slice(0, REFERENCE_BODY_SIGNS)].map((digit) => signOf(Number.parseInt(digit, 16)));
  return wholeReference(body.join(''));
}

/** The fifteen signs that databases keep, with the one that checks them. */
export function wholeReference(body: string): string {
  return body + checkSign([...body]);
}

/** As people read it: `K7MP 2XHA 94CT 3ETX`. */
export function formatDebtReference(reference: string): string {
  return reference.replace(/(.{4})(?=.)/g, '$1 ');
}

/** What somebody typed → a reference; `null` = it is none, or has a slip in it. */
export function readDebtReference(typed: string): string | null {
  const signs = typed
    .slice(0, 64)
    .toUpperCase()
    .replace(/[\s.-]/g, '')
    .replace(/[АСЕНКМРТХ]/g, (letter) => LATIN[CYRILLIC.indexOf(letter)] as string);
  if (signs.length !== REFERENCE_BODY_SIGNS + 1) return null;
  if ([...signs].some((sign) => !REFERENCE_SIGNS.includes(sign))) return null;
  const body = [...signs.slice(0, -1)];
  return checkSign(body) === signs.at(-1) ? signs : null;
}

function signOf(value: number): string {
  return REFERENCE_SIGNS[value] as string;
}

/** Luhn's rule for sixteen signs: finds each wrong sign, and nearly all pairs of neighbours that were swapped. */
function checkSign(body: readonly string[]): string {
  let sum = 0;
  for (const [at, sign] of [...body].reverse().entries()) {
    const value = REFERENCE_SIGNS.indexOf(sign) * (at % 2 === 0 ? 2 : 1);
    sum += Math.floor(value / 16) + (value % 16);
  }
  return signOf((16 - (sum % 16)) % 16);
}
