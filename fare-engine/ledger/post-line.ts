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
  /** Of a charge, the fare day with whose close it becomes final; a reversal goes with what it undoes. Absent = final at once. */
  readonly fareDay?: string;
}

/** What a tap moves between two accounts. */
export interface Due extends Pick<Posting, 'debitAccount' | 'creditAccount' | 'amountMinor'> {
  readonly part: 'rider' | 'loss' | 'concession' | 'cap';
}

/**
 * What a tap moves, in the order of its parts, without those that are nothing.
 * @throws RangeError for a negative amount or a loss above the rider's part: no tariff may pay riders.
 */
export function dueOf(tapId: string, money: LineMoney): Due[] {
  const { riderMinor, lossMinor, concessionMinor, capMinor } = money;
  if (riderMinor < 0n || lossMinor < 0n || concessionMinor < 0n || capMinor < 0n || lossMinor > riderMinor) {
    throw new RangeError(
      `tap ${tapId}: amounts out of range (rider ${riderMinor}, loss ${lossMinor}, concession ${concessionMinor}, cap ${capMinor})`,
    );
  }
  const creditAccount = revenueAccount(money.carrierId);
  const asked = money.penalty ? MISSING_TAP_PENALTY : creditAccount;
  const due: Due[] = [];
  const put = (part: Due['part'], debitAccount: string, to: string, amountMinor: bigint): void => {
    due.push({ part, debitAccount, creditAccount: to, amountMinor });
  };
  if (riderMinor > lossMinor) put('rider', riderAccount(money.accountId), asked, riderMinor - lossMinor);
  if (lossMinor > 0n) put('loss', LATE_TAP_LOSS, asked, lossMinor);
  if (concessionMinor > 0n) put('concession', budgetAccount(money.fundingId), creditAccount, concessionMinor);
  if (capMinor > 0n) put('cap', CAP_REBATE, creditAccount, capMinor);
  return due;
}

/** Postings of a tap's decision. @throws RangeError as {@link dueOf} */
export function postLine(
  tapId: string,
  revision: number,
  money: LineMoney & { readonly fareDay: string },
): Posting[] {
  const { currency, fareDay } = money;
  return dueOf(tapId, money).map(({ part, ...moved }) => ({
    postingId: `${tapId}#${revision}.${part}`,
    ...moved,
    currency,
    tapId,
    revision,
    source: null,
    reverses: null,
    fareDay,
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
