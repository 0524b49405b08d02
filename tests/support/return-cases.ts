/** Passes and carnets of cases that are given back: what comes back for them, or why nothing does. */
import { createFareCalendar } from '#pricing/fare-day.ts';
import { parseAmount } from '#pricing/gtfs/cells.ts';
import type { PricedLine } from '#pricing/model.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { giveBack } from '../../fare-engine/holdings/give-back.ts';
import { termOf } from '../../fare-engine/holdings/term-of.ts';
import { type Case, expand, instant } from './fare-cases.ts';

/** Each holding of a case that is given back, with what comes of it: an amount like `18.00`, or a reason code. */
export function returnsOf(example: Case, lines: readonly PricedLine[], tariffs: TariffTimeline) {
  const { zone, currency } = (tariffs.packages[0] as TariffPackage).tariff;
  const days = createFareCalendar(zone, '04:00');
  const atMs = expand(example.rides).map((ride) => instant(ride.at, zone) + ride.afterMs);
  return (example.passes ?? []).flatMap(({ product, from, paid = '0.00', returned }, i) => {
    if (returned === undefined) return [];
    const price = parseAmount(paid, currency);
    if (!price.ok) throw new Error(`${paid} is no amount`);
    const covered = atMs.filter((_, n) =>
      lines[n]?.steps.some((step) => step.params['pass'] === `pass-${i}`),
    );
    const before = covered.filter((ms) => ms < instant(returned.at, zone));
    const held = {
      passId: `pass-${i}`,
      accountId: 'case',
      fareProductId: product,
      validFromMs: instant(from, zone),
      paidMinor: price.amountMinor,
      currency,
      returned: false,
      rides: before.length,
      firstUseMs: before.length === 0 ? null : Math.min(...before),
    };
    const parts = giveBack(held, termOf(tariffs, held), instant(returned.at, zone), days);
    if (parts.ok && parts.refundMinor + parts.feeMinor + parts.usedMinor !== held.paidMinor)
      throw new Error('the parts are not the price');
    const found = parts.ok ? (Number(parts.refundMinor) / 100).toFixed(2) : parts.reason;
    return [{ returned, found }];
  });
}
