/**
 * Names of ledger accounts. A name says whose it is; a currency is a property of each posting, never of a name.
 */

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

/** Rides whose records came too late to be charged to the rider: the city bears them (closing rule of the tariff). */
export const LATE_TAP_LOSS = 'loss:late-tap';

/** What riders paid for passes and carnets, owed to the carriers with whom they ride. */
export const PASS_LIABILITY = 'liability:passes';
