/** What the city and its acquirer have agreed on for bank cards: `acquiring` of `bank-cards.yaml`. */
import { type Static, Type } from 'typebox';
import { keyed } from '#contracts/keyed.ts';
import { Currency } from '#contracts/money.ts';
import { parserOf } from '#contracts/parse.ts';

const Minor = Type.String({ pattern: '^(0|[1-9][0-9]{0,8})$' });

export const BankTermsData = Type.Object(
  {
    /** Name of the acquirer in the ledger: `clearing:<acquirerId>`. */
    acquirerId: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,31}$' }),
    /** Name of the payment provider at which debts are paid: `till:<providerId>`. */
    providerId: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,31}$' }),
    currency: Currency,
    /** Asked for soon after a token's first tap; 0 asks only whether the card is good. Never taken. */
    nominalMinor: Minor,
    /** After so many hours without a word of its bank a card is asked about again at its next tap. */
    nominalAgainAfterH: Type.Integer({ minimum: 1, maximum: 8760 }),
    /** How many fare days one payment gathers at most. */
    windowDays: Type.Integer({ minimum: 1, maximum: 14 }),
    /** From this sum on the bank is asked at once, open days included. */
    gatherMinorMax: Minor,
    /** What is given back waits so many days for rides to take it from; then it is refunded. */
    creditWaitDays: Type.Integer({ minimum: 0, maximum: 60 }),
    /** After the first refusal: hours until the bank is asked again, one after the other. */
    retryAfterH: Type.Array(Type.Integer({ minimum: 1, maximum: 8760 }), { maxItems: 15 }),
    /** Days after the first refusal: then the debt goes to a loss account. It may still be paid. */
    writeOffAfterDays: Type.Integer({ minimum: 1, maximum: 730 }),
    /** The scheme's answers. A code that is not named counts as one that may not be asked again. */
    codes: keyed(
      '^[0-9A-Z]{2}$',
      Type.Object(
        { meaning: Type.String({ pattern: '^[a-z][a-z-]{2,40}$' }), again: Type.Boolean() },
        { additionalProperties: false },
      ),
      { maxProperties: 100 },
    ),
    /** Most that a card may owe before its bank has said its first yes; beyond it is reported, never refused. */
    firstRidesMinorMax: Minor,
  },
  { additionalProperties: false },
);
export type BankTermsData = Static<typeof BankTermsData>;

/** Checks decoded YAML. */
export const parseBankTerms = parserOf(BankTermsData);

export interface BankTerms
  extends Omit<BankTermsData, 'nominalMinor' | 'gatherMinorMax' | 'firstRidesMinorMax'> {
  readonly nominalMinor: bigint;
  readonly gatherMinorMax: bigint;
  readonly firstRidesMinorMax: bigint;
}

/** With amounts as amounts. */
export function bankTerms(data: BankTermsData): BankTerms {
  return {
    ...data,
    nominalMinor: BigInt(data.nominalMinor),
    gatherMinorMax: BigInt(data.gatherMinorMax),
    firstRidesMinorMax: BigInt(data.firstRidesMinorMax),
  };
}

/** Whether a bank that has answered so may be asked again. */
export function mayAskAgain(code: string, terms: Pick<BankTerms, 'codes'>): boolean {
  return Object.hasOwn(terms.codes, code) && terms.codes[code]?.again === true;
}
