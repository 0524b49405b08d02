/** What a row of law makes of a price. Integers only; rounding is stated by the row. */
import type { Concession } from './tariff-schema.ts';

/**
 * The rider's price after a concession, never below zero and never dearer than the price before. `undefined` for the
 * kind `product`: its price stands in fare_products.txt.
 */
export function discountedMinor(row: Concession, priceMinor: bigint): bigint | undefined {
  if (row.discount_kind === 'product') return undefined;
  if (priceMinor <= 0n || row.discount_kind === 'free') return priceMinor < 0n ? priceMinor : 0n;
  // Basis points keep the fraction until it is rounded once, in the row's stated way.
  const numerator =
    row.discount_kind === 'percent'
      ? priceMinor * BigInt(10_000 - (row.discount_bp ?? 0))
      : (priceMinor - BigInt(row.discount_minor ?? 0)) * 10_000n;
  const rounded = roundTo(
    numerator < 0n ? 0n : numerator,
    BigInt(row.round_minor ?? 1),
    row.round_mode ?? 'down',
  );
  return rounded > priceMinor ? priceMinor : rounded;
}

/** Rounds `numerator / 10 000` to a multiple of `unit`; not negative. */
function roundTo(numerator: bigint, unit: bigint, mode: 'down' | 'half_up' | 'up'): bigint {
  const step = unit * 10_000n;
  const below = numerator / step;
  const rest = numerator - below * step;
  const up = rest > 0n && (mode === 'up' || (mode === 'half_up' && rest * 2n >= step));
  return (up ? below + 1n : below) * unit;
}
