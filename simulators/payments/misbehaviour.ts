/** What the sandbox provider does wrong; counts are of requests or calls to come. Changed while it runs. */

export interface PaymentMisbehaviour {
  /** Answers nothing at all. */
  down: boolean;
  latencyMs: number;
  /** Answers with status 500 before it does anything. */
  errors: number;
  /** Cuts the wire before it does anything. */
  cutRequests: number;
  /** Does what it is asked, and the answer is lost. */
  loseAnswers: number;
  /** Answers with bytes that are no answer. */
  garble: number;
  /** Says in answers and calls that so much more was paid. */
  wrongAmountMinor: bigint;
  /** How often each call is sent: 0 never, 2 twice. */
  callsEach: number;
  callDelayMs: number;
  /** Signs calls with another key. */
  wrongSignatures: number;
  /** Says in calls that they were sent so long ago. */
  callAgeMs: number;
}

export const WELL_BEHAVED: PaymentMisbehaviour = {
  down: false,
  latencyMs: 0,
  errors: 0,
  cutRequests: 0,
  loseAnswers: 0,
  garble: 0,
  wrongAmountMinor: 0n,
  callsEach: 1,
  callDelayMs: 0,
  wrongSignatures: 0,
  callAgeMs: 0,
};

type Count = {
  [K in keyof PaymentMisbehaviour]: PaymentMisbehaviour[K] extends number ? K : never;
}[keyof PaymentMisbehaviour];

/** Takes one of a count; whether there was one. */
export function takeOne(misbehaviour: PaymentMisbehaviour, what: Count): boolean {
  if (misbehaviour[what] <= 0) return false;
  misbehaviour[what] -= 1;
  return true;
}
