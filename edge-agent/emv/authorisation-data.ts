/**
 * What the acquirer needs to ask the card's bank later, when the fare is known: the card's number and the data over which
 * its cryptogram was made, as BER-TLV. It is sealed at once and leaves the reader in no other form.
 */
import type { CardData } from './card-data.ts';
import type { DolValues } from './dol.ts';
import type { SignedTransaction } from './schemes.ts';
import type { SecretArena } from './secret-bytes.ts';
import { TAG } from './tags.ts';

/** Said by the card. Track 2 holds the number where 5A is missing. */
const OF_CARD: readonly number[] = [
  TAG.pan,
  TAG.track2,
  TAG.expiry,
  TAG.panSequence,
  TAG.aip,
  TAG.issuerApplicationData,
  TAG.par,
  TAG.atc,
  TAG.ctq,
  TAG.formFactor,
];
/** Said by the terminal, as it was sent to the card. */
const OF_TERMINAL: readonly number[] = [
  TAG.tvr,
  TAG.date,
  TAG.transactionType,
  TAG.currency,
  TAG.amount,
  TAG.amountOther,
  TAG.terminalCountry,
  TAG.terminalCapabilities,
  TAG.cvmResults,
  TAG.terminalType,
  TAG.unpredictableNumber,
];
/** Longest of a card's values: none of these tags is longer in EMV. */
const VALUE_BYTES_MAX = 40;

/** The data in the order of the lists above, in the arena. */
export function authorisationData(
  data: CardData,
  values: DolValues,
  application: { readonly aid: Buffer; readonly signed: SignedTransaction },
  arena: SecretArena,
): Buffer {
  const { aid, signed } = application;
  const parts: Buffer[] = [];
  for (const tag of OF_CARD) put(parts, tag, data.get(tag));
  put(parts, TAG.dfName, aid);
  put(parts, TAG.cryptogram, signed.cryptogram);
  put(parts, TAG.cryptogramInfo, Buffer.of(signed.cryptogramInfo));
  for (const tag of OF_TERMINAL) put(parts, tag, values.get(tag));
  return arena.join(parts);
}

function put(parts: Buffer[], tag: number, value: Buffer | undefined): void {
  if (value === undefined || value.length > VALUE_BYTES_MAX) return;
  parts.push(
    tag > 0xff ? Buffer.of(tag >> 8, tag & 0xff, value.length) : Buffer.of(tag, value.length),
    value,
  );
}
