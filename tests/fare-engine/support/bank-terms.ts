/** What a city and its acquirer have agreed on, for tests. */
import type { BankTerms, TermsBook } from '../../../fare-engine/bank/bank-terms.ts';

export const TERMS: BankTerms = {
  currency: 'UAH',
  nominalMinor: 100n,
  nominalAgainAfterH: 336,
  windowDays: 1,
  gatherMinorMax: 6000n,
  creditWaitDays: 1,
  retryAfterH: [24, 72],
  writeOffAfterDays: 30,
  againCodes: new Set(['51']),
  firstRidesMinorMax: 3000n,
};
const book: TermsBook = { of: () => TERMS };
export const BOOKS = { terms: book, holders: { acquirerId: 'acq', providerId: 'pay' } };
