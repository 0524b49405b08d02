/** Exact money of claims: units of a rule, limits as fractions, rounding once. */
import { BP } from '#pricing/compensation.ts';
import type { ClaimEntry, ClaimRule } from './model.ts';

/** How an amount of a rule becomes units. */
export interface Factor {
  readonly times: bigint;
  readonly unitsPerMinor: bigint;
}

const WHOLE = BigInt(BP);

/** Coefficient and VAT of a rule: units = amount × times. */
export function factorOf({ coef_bp, vat, vat_bp = 0 }: ClaimRule): Factor {
  const coef = BigInt(coef_bp);
  const gross = WHOLE + BigInt(vat_bp);
  if (vat === 'excluded') return { times: coef, unitsPerMinor: gross };
  if (vat === 'added') return { times: coef * gross, unitsPerMinor: WHOLE * WHOLE };
  return { times: coef, unitsPerMinor: WHOLE };
}

/** Units to minor units. Halves go away from zero, so that a correction takes back as much as was given. */
export function roundUnits(
  units: bigint,
  unitsPerMinor: bigint,
  mode: ClaimRule['round_mode'] = 'half_up',
): bigint {
  const size = units < 0n ? -units : units;
  const extra = mode === 'down' ? 0n : mode === 'up' ? unitsPerMinor - 1n : unitsPerMinor / 2n;
  const rounded = (size + extra) / unitsPerMinor;
  return units < 0n ? -rounded : rounded;
}

/** What of a ride its worth depends on. */
export type RideMoney = Pick<ClaimEntry, 'claimRide' | 'concessionMinor' | 'fareProductId' | 'fareMediaId'>;

/**
 * What a ride is worth by a rule, minor units before coefficient and VAT.
 * @param priceOf full price of the ride's product with a medium; `null` = it has none
 * @returns `null` = the reference medium, or the one that was used, has no price
 */
export function basisOf(
  ride: RideMoney,
  rule: ClaimRule,
  priceOf: (fareMediaId: string | null) => bigint | null,
): bigint | null {
  if (rule.basis === 'fixed_monthly') return 0n;
  if (rule.basis === 'rate') return ride.claimRide ? BigInt(rule.rate_minor as number) : 0n;
  if (!comparesPrices(ride, rule)) return ride.concessionMinor;
  const [theirs, own] = [priceOf(rule.reference_media_id as string), priceOf(ride.fareMediaId)];
  if (theirs === null || own === null) return null;
  const amount = ride.concessionMinor + theirs - own;
  return amount < 0n ? 0n : amount;
}

/** Whether prices of media play a part in what a ride is worth. */
export function comparesPrices({ claimRide }: Pick<RideMoney, 'claimRide'>, rule: ClaimRule): boolean {
  return rule.reference_media_id !== undefined && claimRide;
}

/** VAT within an amount that is asked for. */
export function vatWithin(claimedMinor: bigint, rule: ClaimRule): bigint {
  if (rule.vat !== 'included' && rule.vat !== 'added') return 0n;
  const vat = BigInt(rule.vat_bp ?? 0);
  return roundUnits(claimedMinor * vat, WHOLE + vat);
}

/** What is left of a month's limit, exactly: a rule may change within the month, and with it the units. */
export class Headroom {
  #units = 0n;
  #unitsPerMinor = 1n;

  /** Counts units as used; below zero gives back. */
  use(units: bigint, unitsPerMinor: bigint): void {
    if (this.#unitsPerMinor === unitsPerMinor) {
      this.#units += units;
      return;
    }
    this.#units = this.#units * unitsPerMinor + units * this.#unitsPerMinor;
    this.#unitsPerMinor *= unitsPerMinor;
    const common = gcd(this.#units < 0n ? -this.#units : this.#units, this.#unitsPerMinor);
    if (common > 1n) {
      this.#units /= common;
      this.#unitsPerMinor /= common;
    }
  }

  /** What was used: so many units, so many of which make a minor unit. */
  used(): { readonly units: bigint; readonly unitsPerMinor: bigint } {
    return { units: this.#units, unitsPerMinor: this.#unitsPerMinor };
  }

  /** Whole units that may still be used under a limit; never below zero. */
  left(limitMinor: bigint, unitsPerMinor: bigint): bigint {
    const left = limitMinor * this.#unitsPerMinor - this.#units;
    return left <= 0n ? 0n : (left * unitsPerMinor) / this.#unitsPerMinor;
  }
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}
