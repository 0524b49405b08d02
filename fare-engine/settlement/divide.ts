/** Money into parts by weights, to the smallest unit: largest remainder, ties by id. Pure. */

/**
 * Divides a total (of either sign) so that the parts add up to it exactly. Each part is the share rounded towards zero; what is
 * left goes in single units to those with the largest remainders, among equal ones to the lowest id.
 * @param weights By id, none below zero
 * @returns A part for every id, `undefined` when no weight is above zero: there is nobody to divide among.
 * @throws RangeError for a weight below zero
 */
export function divide(
  total: bigint,
  weights: ReadonlyMap<string, bigint>,
): ReadonlyMap<string, bigint> | undefined {
  let whole = 0n;
  for (const [id, weight] of weights) {
    if (weight < 0n) throw new RangeError(`weight of ${id} below zero: ${weight}`);
    whole += weight;
  }
  if (whole === 0n) return undefined;
  const sign = total < 0n ? -1n : 1n;
  const amount = total * sign;
  const shares = [...weights].map(([id, weight]) => ({
    id,
    part: (amount * weight) / whole,
    remainder: (amount * weight) % whole,
  }));
  let left = shares.reduce((rest, { part }) => rest - part, amount);
  const byRemainder = [...shares].sort((a, b) =>
    a.remainder === b.remainder ? (a.id < b.id ? -1 : 1) : a.remainder > b.remainder ? -1 : 1,
  );
  for (const share of byRemainder) {
    if (left === 0n) break;
    share.part += 1n;
    left -= 1n;
  }
  return new Map(shares.map(({ id, part }) => [id, part * sign]));
}
