/**
 * A priced line → postings: double entry, one row a posting, so every transaction sums to zero by construction.
 *
 *   rider's part       rider:<account>  → revenue:<carrier>
 *   too late to charge loss:late-tap    → revenue:<carrier>
 *   concession         budget:<funding> → revenue:<carrier>
 *   cap                rebate:caps      → revenue:<carrier>
 *
 * Of a penalty the rider's part, late or not, goes to penalty:missing-tap.
 *
 * So a carrier's revenue is what its rides cost; what caps took off stands on an account of its own until the settlement.
 * Zero amounts make no posting. Ids are derived from tap and revision, so the same posting cannot be made twice.
 */
import {
  budgetAccount,
  CAP_REBATE,
  LATE_TAP_LOSS,
  MISSING_TAP_PENALTY,
  revenueAccount,
  riderAccount,
} from './chart-of-accounts.ts';
import type { LineMoney } from './decision.ts';

export interface Posting {
  readonly postingId: string;
  readonly debitAccount: string;
  readonly creditAccount: string;
  /** Above zero. */
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly tapId: string | null;
  readonly revision: number | null;
  readonly source: string | null;
  /** Posting that this one undoes. */
  readonly reverses: string | null;
}

/**
 * Postings of a tap's decision.
 * @throws RangeError for a negative amount or a loss above the rider's part: no tariff may pay riders.
 */
export function postLine(tapId: string, revision: number, money: LineMoney): Posting[] {
  const { riderMinor, lossMinor, concessionMinor, capMinor } = money;
  const least = [riderMinor, lossMinor, concessionMinor, capMinor].reduce((a, b) => (b < a ? b : a));
  if (least < 0n || lossMinor > riderMinor) {
    throw new RangeError(
      `tap ${tapId}: amounts out of range (rider ${riderMinor}, loss ${lossMinor}, concession ${concessionMinor}, cap ${capMinor})`,
    );
  }
  const revenue = revenueAccount(money.carrierId);
  const asked = money.penalty ? MISSING_TAP_PENALTY : revenue;
  const parts: [string, string, string, bigint][] = [
    ['rider', riderAccount(money.accountId), asked, riderMinor - lossMinor],
    ['loss', LATE_TAP_LOSS, asked, lossMinor],
    ['concession', budgetAccount(money.fundingId), revenue, concessionMinor],
    ['cap', CAP_REBATE, revenue, capMinor],
  ];
  return parts
    .filter(([, , , amountMinor]) => amountMinor > 0n)
    .map(([part, debitAccount, creditAccount, amountMinor]) => ({
      postingId: `${tapId}#${revision}.${part}`,
      debitAccount,
      creditAccount,
      amountMinor,
      currency: money.currency,
      tapId,
      revision,
      source: null,
      reverses: null,
    }));
}

/** Undoes a posting: sides exchanged, the old one named. `revision` is the decision that asks for it. */
export function reverse(posting: Posting, revision: number): Posting {
  const part = posting.postingId.slice(posting.postingId.lastIndexOf('.') + 1);
  return {
    ...posting,
    postingId: `${posting.tapId}#${revision}.undo-${part}`,
    debitAccount: posting.creditAccount,
    creditAccount: posting.debitAccount,
    revision,
    reverses: posting.postingId,
  };
}
