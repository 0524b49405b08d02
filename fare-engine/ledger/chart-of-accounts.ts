/**
 * The chart of accounts: which kinds there are, on which side they grow, and what they mean. The name of an account is its
 * kind and whose it is, `<kind>:<whose>`; a currency is a property of each posting, never of a name. docs/LEDGER.md shows
 * the table to people.
 */

/** On which side an account of a kind usually stands. */
export type NormalSide = 'debit' | 'credit';

export interface AccountKind {
  /** What stands before the colon. */
  readonly kind: string;
  readonly normalSide: NormalSide;
  /** What a balance on its normal side says. */
  readonly meaning: string;
}

/** All kinds, in the order in which they are shown. */
export const ACCOUNT_KINDS: readonly AccountKind[] = [
  {
    kind: 'till',
    normalSide: 'debit',
    meaning:
      'money taken in at a till or by a payment provider, as far as it is not booked as brought to the bank or paid out',
  },
  {
    kind: 'clearing',
    normalSide: 'debit',
    meaning: 'what an acquirer has taken from bank cards, as far as its clearing files are not booked',
  },
  {
    kind: 'payout',
    normalSide: 'debit',
    meaning: 'what an acquirer or payment provider says it pays out, and the bank of the city has not booked',
  },
  {
    kind: 'bank',
    normalSide: 'debit',
    meaning: 'money of the city at its bank, as its statements say',
  },
  {
    kind: 'fee',
    normalSide: 'debit',
    meaning: 'what acquirers and payment providers keep for their work',
  },
  {
    kind: 'refund',
    normalSide: 'credit',
    meaning: 'what a payment provider took for the city and gives back: no debt stood against it any more',
  },
  {
    kind: 'rider',
    normalSide: 'debit',
    meaning: 'what a rider owes; on the credit side, what he has paid in',
  },
  {
    kind: 'budget',
    normalSide: 'debit',
    meaning: 'what a source of public money owes for concession rides',
  },
  {
    kind: 'opening',
    normalSide: 'debit',
    meaning:
      'what a system that was brought over owes for balances and prepaid passes that were taken over from it',
  },
  {
    kind: 'rebate',
    normalSide: 'debit',
    meaning: 'what caps took off fares; the settlement shares it among the carriers',
  },
  {
    kind: 'loss',
    normalSide: 'debit',
    meaning: 'what the city bears because it may not be charged to riders any more',
  },
  {
    kind: 'liability',
    normalSide: 'credit',
    meaning: 'what was paid in advance for rides to come, passes and carnets, owed to carriers',
  },
  {
    kind: 'revenue',
    normalSide: 'credit',
    meaning: 'what a carrier earned',
  },
  {
    kind: 'penalty',
    normalSide: 'credit',
    meaning:
      'penalties: of journeys without a tap on leaving, of riders without a ride; no fare, no carrier earned it',
  },
  {
    kind: 'kept',
    normalSide: 'credit',
    meaning:
      'what the city keeps of the price of passes: fees of those that were given back, what expired and no carrier earned',
  },
  {
    kind: 'suspense',
    normalSide: 'credit',
    meaning: 'what nobody can be named for: a carrier or a source of money is not known',
  },
];

/** The kind of an account, by its name; `undefined` where the chart has none. */
export function kindOfAccount(account: string): AccountKind | undefined {
  const end = account.indexOf(':');
  return ACCOUNT_KINDS.find(({ kind }) => end === kind.length && account.startsWith(kind));
}

/** What a rider owes (debit) and paid in (credit). */
export const riderAccount = (accountId: string): string => `rider:${accountId}`;

/** What a carrier earned. Rides on vehicles whose carrier nobody knows wait under `suspense`. */
export const revenueAccount = (carrierId: string | null): string =>
  carrierId === null ? 'suspense:no-carrier' : `revenue:${carrierId}`;

/** What a public budget owes for concession rides. */
export const budgetAccount = (fundingId: string | null): string =>
  fundingId === null ? 'suspense:no-funding' : `budget:${fundingId}`;

/** Money taken in: a till, a payment provider, the simulated top-up. */
export const tillAccount = (source: string): string => `till:${source}`;

/** Money at a payment provider that goes back to who paid it. */
export const refundAccount = (providerId: string): string => `refund:${providerId}`;

/** Rides whose records came too late to be charged to the rider: the city bears them (closing rule of the tariff). */
export const LATE_TAP_LOSS = 'loss:late-tap';

/** What riders paid for passes and carnets, owed to the carriers with whom they ride. */
export const PASS_LIABILITY = 'liability:passes';

/** What the city keeps of passes. */
export const PASSES_KEPT = 'kept:passes';

/** Prices of journeys without their tap on leaving: a penalty by the tariff, and no fare. */
export const MISSING_TAP_PENALTY = 'penalty:missing-tap';

/** What caps took off fares: carriers earn the fare before the cap, and share what it took off when the month is settled. */
export const CAP_REBATE = 'rebate:caps';

/** What an acquirer or payment provider says it pays out, on its way to the city's bank. */
export const payoutAccount = (acquirerId: string): string => `payout:${acquirerId}`;

/** What an acquirer or payment provider keeps. */
export const feeAccount = (acquirerId: string): string => `fee:${acquirerId}`;

/** What the city's bank has booked. */
export const CITY_BANK = 'bank:city';

/** What an acquirer has taken from bank cards and has not accounted for in a booked clearing file. */
export const clearingAccount = (acquirerId: string): string => `clearing:${acquirerId}`;

/** Rides with bank cards that nobody paid until they were written off; what is paid later comes back off it. */
export const BANK_DEBT_LOSS = 'loss:bank-debt';

/** What banks took back, and no payment of ours is known for. */
export const BANK_CHARGEBACKS = 'suspense:bank-chargebacks';

/** What banks took back, and an officer has said that nobody can be asked for it. */
export const CHARGEBACK_LOSS = 'loss:chargebacks';

/** What an earlier system had of riders when it was brought over, and has to hand over (docs/IMPORT.md). */
export const openingAccount = (system: string): string => `opening:${system}`;
