/** The first thing that does not fit in a claim's bundle. */

/** What does not fit in a bundle. */
export const BUNDLE_FAULTS = {
  CLAIM_BUNDLE_AMOUNT: 'amounts of a line do not follow from its taps and its rule',
  CLAIM_BUNDLE_CLAIM: 'claim.json is no claim, or another one than the manifest names',
  CLAIM_BUNDLE_FILE: 'a file is missing, is not named by the manifest, or has other bytes than were signed',
  CLAIM_BUNDLE_LEAF:
    'a row of taps.csv, or its line, says something else than the audit log says of the ride',
  CLAIM_BUNDLE_LIMIT: 'a limit is exceeded, or a ride is left unpaid while its limit has room',
  CLAIM_BUNDLE_LINES: 'lines.csv is not the table of claim.json',
  CLAIM_BUNDLE_PROOF: 'a tap or the claim itself is not proven to be in the audit log that was signed',
  CLAIM_BUNDLE_SIGNATURE: 'the manifest or the checkpoint is not signed by the key that was given',
  CLAIM_BUNDLE_TAPS: 'a row of taps.csv cannot be read, stands twice, or belongs to no line',
  CLAIM_BUNDLE_TOTAL: 'the total of the claim is not the sum of its lines and corrections',
} as const;
export type BundleFault = keyof typeof BUNDLE_FAULTS;

/** Thrown inside the verifier alone; it gives a verdict outside. */
export class Misfit extends Error {
  readonly code: BundleFault;
  constructor(code: BundleFault, detail: string) {
    super(detail);
    this.code = code;
  }
}
