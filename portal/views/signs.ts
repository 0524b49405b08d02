/** Small drawings: signs have a shape of their own, so that colour never carries the meaning alone. */
import { html } from 'ghtml';
import type { DeviceState, TapResult } from '../schemas.ts';

/** The mark of the platform: a ticket with a notch and the waves of a tap. */
export const BRAND = `<svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true"><path class="brand-ticket" d="M5 6h22a3 3 0 0 1 3 3v3.6a3.4 3.4 0 0 0 0 6.8V23a3 3 0 0 1-3 3H5a3 3 0 0 1-3-3v-3.6a3.4 3.4 0 0 0 0-6.8V9a3 3 0 0 1 3-3z"/><path class="brand-wave" d="M12.5 12.6a5 5 0 0 1 0 6.8M16 10.4a8.6 8.6 0 0 1 0 11.2M19.5 8.4a12 12 0 0 1 0 15.2"/><circle class="brand-dot" cx="9.3" cy="16" r="1.7"/></svg>`;

const RESULT_SHAPES: Readonly<Record<TapResult, string>> = {
  paid: '<circle cx="8" cy="8" r="6"/>',
  reduced: '<path d="M8 1.5a6.5 6.5 0 0 1 0 13z"/><circle class="hollow" cx="8" cy="8" r="5.7"/>',
  free: '<path d="M8 .8 15.2 8 8 15.2.8 8z"/>',
  pass: '<rect x="1.5" y="3.5" width="13" height="9" rx="2"/>',
  transfer: '<path class="stroke" d="M2 5.5h10M9.5 2.5l3 3-3 3M14 10.5H4M6.5 7.5l-3 3 3 3"/>',
  'same-ride': '<path class="stroke" d="M13 8a5 5 0 1 1-1.6-3.7M13.3 1.5v3.3H10"/>',
  unpriced: '<path d="M8 1 15.5 14.5H.5z"/>',
  withdrawn: '<path class="stroke" d="M3 3l10 10M13 3 3 13"/>',
};

/** Sign of a tap's result; its text stands beside it. */
export function resultSign(result: TapResult): string {
  return html`<svg class="sign sign-${result}" viewBox="0 0 16 16" aria-hidden="true">!${RESULT_SHAPES[result]}</svg>`;
}

const STATE_SHAPES: Readonly<Record<DeviceState, string>> = {
  online: '<circle cx="8" cy="8" r="6"/>',
  offline: '<rect class="hollow" x="2.5" y="2.5" width="11" height="11" rx="1.5"/>',
  'out-of-order': '<path d="M8 1 15.5 14.5H.5z"/>',
  off: '<path class="stroke" d="M3 8h10"/>',
};

/** Sign of a device's state; its text stands beside it. */
export function stateSign(state: DeviceState): string {
  return html`<svg class="sign sign-${state}" viewBox="0 0 16 16" aria-hidden="true">!${STATE_SHAPES[state]}</svg>`;
}

/**
 * A bar of two parts out of the largest row: riders' money and budget's money. Widths are SVG attributes, since the
 * CSP allows no inline styles. The figures stand beside it as text.
 */
export function splitBar(rider: bigint, budget: bigint, largest: bigint): string {
  const share = (part: bigint) => (largest <= 0n ? 0 : Number((part * 1000n) / largest) / 10);
  const a = share(rider);
  const b = share(budget);
  return html`<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="bar-track" width="100" height="6"/><rect class="bar-rider" width="${a}" height="6"/><rect class="bar-budget" x="${a}" width="${b}" height="6"/></svg>`;
}
