/** Why a command about settlements, or a signature under an act or a claim, is refused. */
export const SETTLEMENT_REFUSALS = {
  ACT_ALREADY_SIGNED: 'this side has signed the act already; a signature is never replaced',
  ACT_OTHER_BYTES: 'what was signed is not the act that is kept: another hash',
  ACT_UNKNOWN: 'no such month was settled with this carrier',
  SETTLEMENT_ALREADY_CLOSED: 'the month is settled; what came later belongs to the next one',
  SETTLEMENT_DAYS_OPEN: 'fare days of the month are still open; close-day comes first',
  SETTLEMENT_DIFFERS: 'decisions and ledger give different sums; the detail names the account and both',
  SETTLEMENT_NOT_CONFIGURED: 'city.yaml has no closing calendar (settlement)',
  SETTLEMENT_NOT_DUE: 'the closing calendar says a later instant',
  SETTLEMENT_OUT_OF_ORDER: 'months are settled one after another; the detail names the next one',
  SETTLEMENT_WORK_WAITING: 'account-days of the month wait to be priced, or are stuck',
  SIGNATURE_CERTIFICATE_EXPIRED:
    'the certificate, or one above it, does not hold now; sign with one that does, and name it (kvytok settle signer)',
  SIGNATURE_CERTIFICATE_REVOKED: 'the authority has revoked the certificate; sign with another, and name it',
  SIGNATURE_CERTIFICATE_UNTRUSTED:
    'no authority of the trust folder stands behind the certificate, or it is not for signing documents',
  SIGNATURE_MALFORMED:
    'no detached signature in the form CAdES-BES: one signature, the document not inside, its certificate named',
  SIGNATURE_OTHER_DOCUMENT:
    'another document was signed than what had to be; write it anew and sign that file',
  SIGNATURE_OTHER_SIGNER: 'the signature names another certificate than the one that was named for the side',
  SIGNATURE_STATUS_UNKNOWN:
    'the trust folder has no current revocation list of the authority; put the newest one there and sign again',
  SIGNATURE_UNSUPPORTED:
    'its algorithms are not supported: DSTU 4145 needs a certified library; take an ECDSA or RSA key of the same provider',
  SIGNATURE_INVALID: 'the signature does not fit what was to be signed, or the key',
  SIGNER_KEY_INVALID: 'the public key cannot be read by its scheme',
  SIGNER_KEY_UNSUPPORTED:
    'the certificate has a key of DSTU 4145, or of another kind that is not supported; take one with an ECDSA or RSA key',
  SIGNER_OTHER_SIDE: 'the key was named for another side already: nobody signs for both',
  SIGNER_SCHEME_UNKNOWN: 'no such kind of signature is set up here',
  SIGNER_UNKNOWN: 'nobody named this key for this side, or not for now',
} as const;
export type SettlementRefusal = keyof typeof SETTLEMENT_REFUSALS;
