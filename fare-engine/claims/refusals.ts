/** Words of the workflow of claims that programs know: why somebody objects, and why a command is refused. */

/** For what reason a side objects to a line or a tap; the sentence beside it says the rest. */
export const OBJECTION_REASONS = [
  'wrong-amount',
  'wrong-rides',
  'wrong-route-or-carrier',
  'no-right',
  'anomaly',
  'vat',
  'limit',
  'other',
] as const;

/** Why a command about compensation claims is refused. */
export const CLAIM_REFUSALS = {
  CLAIM_AGREED: 'both sides have agreed to the claim; what is found later belongs to the next month',
  CLAIM_ALREADY_AGREED: 'this side has agreed to this version already',
  CLAIM_ALREADY_DRAFTED: 'the claims of the month are drafted; what came later belongs to the next one',
  CLAIM_ALREADY_SUBMITTED: 'the claim was submitted already',
  CLAIM_DIFFERS_FROM_LEDGER:
    'the rides of a claim add up to another sum than the ledger has for them; the detail names both',
  CLAIM_NOT_SETTLED: 'the month is not settled yet; close-settlement comes first',
  CLAIM_NOT_SUBMITTED: 'a draft is objected and agreed to once it is submitted',
  CLAIM_OBJECTIONS_OPEN: 'objections wait for an answer; nobody agrees before',
  CLAIM_OUT_OF_ORDER: 'claims are drafted month after month; the detail names the next one',
  CLAIM_UNKNOWN: 'no such claim',
  CLAIM_VERSION_OLD: 'there is a newer version; the detail names it',
  CORRECTION_MISSING:
    'an accepted objection says by how much, and in which claim it is corrected; a rejected one does neither',
  CORRECTION_OUT_OF_RANGE:
    'a correction would leave a line with less than nothing, or more than its rule makes of it',
  OBJECTION_ALREADY_ANSWERED: 'an answer is never replaced; a new objection is a new matter',
  OBJECTION_OWN: 'who objected does not answer: the other side does',
  OBJECTION_SUBJECT_UNKNOWN: 'the claim has no such line or tap',
  OBJECTION_WAITS:
    'this side has said the very same already; the detail names it, and it waits for its answer',
  OBJECTION_UNKNOWN: 'no such objection to this claim',
} as const;
export type ClaimRefusal = keyof typeof CLAIM_REFUSALS;
