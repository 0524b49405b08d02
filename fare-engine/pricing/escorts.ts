/**
 * Who rides along under the holder's right or pass: as the holder did, so much by a transfer, so much by the right. Escorts may
 * touch with the holder or afterwards, as companions do.
 */
import type { EscortRight, PricedLine, PriceStep, TapFact } from './model.ts';
import type { PricedLeg } from './price-leg.ts';
import type { TariffPackage } from './tariff-package.ts';

/** The right to escorts that a leg gives; `null` = none. */
export function escortRightOf(leg: PricedLeg): EscortRight | null {
  const row = leg.concession?.row;
  const left = leg.pass ? (leg.pass.term.max_companions ?? 0) : (row?.escort_allowed ?? 0);
  if (left === 0 || leg.breakdown !== undefined) return null;
  const { transfer, referenceMinor, riderMinor, notOwedMinor = 0n } = leg;
  return {
    left,
    packageHash: leg.tariff.hash,
    concessionId: leg.pass ? null : (row?.concession_id ?? null),
    pass: leg.pass && {
      ruleId: leg.pass.term.fare_product_id,
      act: leg.pass.term.act,
      article: leg.pass.term.article,
    },
    transfer: transfer && {
      ruleId: transfer.rule.ruleId,
      act: transfer.rule.act,
      article: transfer.rule.article,
    },
    referenceMinor: (referenceMinor - notOwedMinor).toString(),
    riderMinor: riderMinor.toString(),
  };
}

/** How many of a tap's companions are escorts. */
export function escortsOf(tap: TapFact, right: EscortRight | null | undefined): number {
  return Math.min(tap.companions, right?.left ?? 0);
}

/** The line with escorts on it: their full price, and what they are spared. */
export function addEscorts(
  line: PricedLine,
  right: EscortRight,
  escorts: number,
  base: PriceStep,
  tariff: TariffPackage | undefined,
): PricedLine {
  const count = BigInt(escorts);
  const reference = BigInt(right.referenceMinor);
  // Without a transfer an escort rides for what the holder's own ride stands for, whatever a later touch would cost.
  const each = right.transfer ? base.afterMinor - base.beforeMinor : reference;
  const rider = BigInt(right.riderMinor);
  const steps = [...line.steps];
  let reached = line.riderMinor;
  const push = (step: Omit<PriceStep, 'beforeMinor' | 'afterMinor'>, deltaMinor: bigint): void => {
    if (deltaMinor === 0n) return;
    steps.push({ ...step, beforeMinor: reached, afterMinor: reached + deltaMinor });
    reached += deltaMinor;
  };
  const params = { escorts: String(escorts) };
  push({ ...base, params: { ...base.params, companions: String(escorts) } }, count * each);
  if (right.transfer) push({ kind: 'transfer', ...right.transfer, params }, count * (reference - each));
  const row = tariff?.concessions.find((one) => one.concession_id === right.concessionId);
  if (row !== undefined) {
    const { concession_id: concession, rider_category_id: category, act, article, funding_id: funding } = row;
    const said = { ...params, concession, category, discount: row.discount_kind, funding };
    push({ kind: 'concession', ruleId: concession, act, article, params: said }, count * (rider - reference));
  } else if (right.pass) push({ kind: 'pass', ...right.pass, params }, count * (rider - reference));
  const spared = count * (reference - rider);
  return {
    ...line,
    grossMinor: line.grossMinor + count * each,
    riderMinor: line.riderMinor + count * rider,
    transferMinor: line.transferMinor + count * (each - reference),
    concessionMinor: line.concessionMinor + (right.pass ? 0n : spared),
    passMinor: line.passMinor + (right.pass ? spared : 0n),
    concessionId: line.concessionId ?? right.concessionId,
    fundingId: line.fundingId ?? row?.funding_id ?? null,
    riderCategoryId: row?.rider_category_id ?? line.riderCategoryId,
    // An escort who touches afterwards is a ride of its own; with the holder it is one ride of two.
    claimRide: line.claimRide || (line.kind === 'same-ride' && row !== undefined && right.transfer === null),
    steps,
  };
}
