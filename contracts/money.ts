/**
 * Money: an integer of minor units with a currency (kopiyka for UAH).
 *
 * In code an amount is a `bigint`, on the wire a string of digits, because JSON numbers are floats and
 * a float must never hold money. Currency codes are ISO 4217 alphabetic codes, as in GTFS `Currency code`.
 */
import { Type } from 'typebox';

export interface Money {
  readonly amountMinor: bigint;
  readonly currency: string;
}

/** Wire form of an amount in minor units: an optional minus and at most 18 digits, no leading zeros. */
export const AmountMinor = Type.String({ pattern: '^(0|-?[1-9][0-9]{0,17})$' });

/** Wire form of an ISO 4217 alphabetic currency code. */
export const Currency = Type.String({ pattern: '^[A-Z]{3}$' });

/** Wire form of {@link Money}. */
export const MoneyWire = Type.Object(
  { amountMinor: AmountMinor, currency: Currency },
  { additionalProperties: false },
);

const AMOUNT_PATTERN = /^(0|-?[1-9][0-9]{0,17})$/;

/** Reads a wire amount. Throws a RangeError naming the text when it is not one; parse at the border first. */
export function parseAmountMinor(text: string): bigint {
  if (!AMOUNT_PATTERN.test(text))
    throw new RangeError(`not an amount in minor units: ${JSON.stringify(text)}`);
  return BigInt(text);
}

/** Writes an amount for the wire: digits in a string. */
export function formatAmountMinor(amountMinor: bigint): string {
  return amountMinor.toString();
}

/**
 * Decimal places of the currencies that do not have two, by ISO 4217 ("minor unit"). Not the runtime's own data: CLDR
 * tells how many places people write (none for COP, HUF, IDR …), which is another question than what a minor unit is.
 */
const OTHER_MINOR_UNITS = new Map<string, number>([
  ...'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ').map(digits(0)),
  ...'BHD IQD JOD KWD LYD OMR TND'.split(' ').map(digits(3)),
  ...'CLF UYW'.split(' ').map(digits(4)),
]);

function digits(places: number): (currency: string) => [string, number] {
  return (currency) => [currency, places];
}

/** Number of decimal places of a currency (ISO 4217 "minor unit"): UAH → 2, JPY → 0, KWD → 3, HUF → 2. */
export function minorUnitDigits(currency: string): number {
  return OTHER_MINOR_UNITS.get(currency) ?? 2;
}

/** An amount for people in their language: `formatMoney({1250n, UAH}, 'uk')` → "12,50 ₴". Never parsed back. */
export function formatMoney(money: Money, language: string): string {
  const places = minorUnitDigits(money.currency);
  const negative = money.amountMinor < 0n;
  const absolute = (negative ? -money.amountMinor : money.amountMinor).toString().padStart(places + 1, '0');
  const whole = places === 0 ? absolute : absolute.slice(0, -places);
  const fraction = places === 0 ? '' : `.${absolute.slice(-places)}`;
  // A decimal string keeps every digit: Intl.NumberFormat reads it exactly, without going through a float.
  const decimal = `${negative ? '-' : ''}${whole}${fraction}` as Intl.StringNumericLiteral;
  return new Intl.NumberFormat(language, {
    style: 'currency',
    currency: money.currency,
    currencyDisplay: 'narrowSymbol',
    // By ISO 4217 here too, else a fraction that was charged would be rounded away.
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  }).format(decimal);
}
