/**
 * Last guard of the portal's border: whatever a view hands over, no card token leaves. Account ids are removed by
 * construction (account-names.ts shows kinds of accounts only); this removes tokens from any text besides.
 */

/** A token as contracts/ids.ts writes it, anywhere in a text; also its bare 128 bits after the key version. */
const TOKEN = /\bk[0-9]{1,4}\.[0-9a-f]{32}\b/gi;

/** Digits that look like a card number: 14–19 of them, maybe parted. Instants in milliseconds have 13. */
const CARD_NUMBER = /(?<![\w.])(?:\d[ -]?){13,18}\d(?![\w.])/g;

/** What stands in place of something removed. */
export const REMOVED = '•••';

/** A text without tokens and card numbers. */
export function redactText(text: string): string {
  return text.replace(TOKEN, REMOVED).replace(CARD_NUMBER, REMOVED);
}

/** As {@link redactText}; `null` stays. */
export function redactNullable(text: string | null): string | null {
  return text === null ? null : redactText(text);
}
