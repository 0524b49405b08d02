/**
 * What can be known of a card at the door, and nothing else: this ride's full price and open transfers, a pass by the
 * card's signed product, an account by a signed hint with its age. Never a category, never a guess. Pure.
 */
import type { CardFacts, FarePreview, Preview } from '../ports.ts';

export interface PreviewCity {
  readonly nowMs: number;
  readonly zone: string;
  readonly currency?: string | undefined;
  /** What is known of this ride's price. */
  readonly ride?: FarePreview | undefined;
}

/** `undefined` = nothing is known. A hint from the future is no hint: one of the two clocks is wrong. */
export function previewOf(
  { product, hint }: CardFacts,
  { nowMs, zone, currency, ride }: PreviewCity,
): Preview | undefined {
  const pass = product && product.validUntilMs > nowMs ? { passUntilMs: product.validUntilMs } : {};
  const fresh = hint !== undefined && hint.asOfMs <= nowMs ? hint : undefined;
  const quota = fresh?.quotaLeft === undefined ? {} : { quotaLeft: fresh.quotaLeft };
  // Without its currency an amount is none.
  const money = fresh?.balanceMinor !== undefined && currency !== undefined;
  const balance = money ? { balance: { amountMinor: fresh.balanceMinor as string, currency } } : {};
  const known = { ...quota, ...balance };
  const said = Object.keys(known).length === 0 || !fresh ? {} : { hint: { asOfMs: fresh.asOfMs, ...known } };
  // A pass or a quota may carry the ride: its full price is then not what it costs, and only transfers are spoken of.
  const carried = 'passUntilMs' in pass || (fresh?.quotaLeft ?? 0) > 0;
  const shown = carried && ride ? withoutFare(ride) : ride;
  const preview = { ...(shown && { ride: shown }), ...pass, ...said };
  return Object.keys(preview).length === 0 ? undefined : { ...preview, zone };
}

function withoutFare({ transfer }: FarePreview): FarePreview | undefined {
  return transfer === undefined ? undefined : { transfer };
}
