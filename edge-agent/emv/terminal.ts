/** What this terminal says of itself to cards: fixed values by tag, and those of each transaction. */
import { buildDol, type DolValues } from './dol.ts';
import type { KernelRequest } from './kernel.ts';
import { TAG } from './tags.ts';

/** Values that do not change from card to card, by tag. */
export type TerminalValues = ReadonlyMap<number, Buffer>;

/**
 * A validator of public transport: amount zero (the fare is known later), no cardholder verification, an online
 * cryptogram for the deferred authorisation, offline data authentication wanted.
 */
const TRANSIT: Readonly<Record<number, string>> = {
  [TAG.amount]: '000000000000',
  [TAG.amountOther]: '000000000000',
  [TAG.transactionType]: '00',
  [TAG.tvr]: '0000000000',
  // Unattended, offline with online capability, operated by the merchant.
  [TAG.terminalType]: '25',
  // No reading of stripes or contacts; no CVM; SDA no, DDA and CDA yes.
  [TAG.terminalCapabilities]: '000848',
  [TAG.additionalCapabilities]: '6000003001',
  // No CVM performed, none required.
  [TAG.cvmResults]: '1f0302',
  // Byte 1: qVSDC, ODA for online authorisations. Byte 2: online cryptogram required, CVM not required.
  [TAG.ttq]: '21800000',
  // Merchant category: local and suburban passenger transport.
  40725: '4111',
};

/** Values of a terminal in a country (ISO 3166 numeric) and currency (ISO 4217 numeric), with what a city adds or changes. */
export function terminalValues(settings: {
  readonly countryCode: number;
  readonly currencyCode: number;
  /** Hex by hex tag. */
  readonly values?: Readonly<Record<string, string>>;
}): TerminalValues {
  const values = new Map<number, Buffer>();
  for (const [tag, hex] of Object.entries(TRANSIT)) values.set(Number(tag), Buffer.from(hex, 'hex'));
  values.set(TAG.terminalCountry, packed(settings.countryCode));
  values.set(TAG.currency, packed(settings.currencyCode));
  for (const [tag, hex] of Object.entries(settings.values ?? {}))
    values.set(Number.parseInt(tag, 16), Buffer.from(hex, 'hex'));
  // A card hashes what it got; what is hashed here must have had the same bytes from the start.
  return new Map([...values].map(([tag, value]) => [tag, ofOwnLength(tag, value)]));
}

/** All values of one transaction. The unpredictable number has four bytes. */
export function transactionValues(
  terminal: TerminalValues,
  request: KernelRequest,
  unpredictableNumber: Buffer,
): DolValues {
  return new Map([
    ...terminal,
    [TAG.date, request.localDate],
    [TAG.time, request.localTime],
    [TAG.unpredictableNumber, unpredictableNumber],
  ]);
}

/** Bytes of data that a signature may cover as it was sent (Book 3, annex A). */
const OWN_BYTES: ReadonlyMap<number, number> = new Map([
  [TAG.amount, 6],
  [TAG.currency, 2],
]);

function ofOwnLength(tag: number, value: Buffer): Buffer {
  const bytes = OWN_BYTES.get(tag);
  return bytes === undefined ? value : buildDol([{ tag, bytes }], new Map([[tag, value]]));
}

/** Three digits in two bytes. */
function packed(code: number): Buffer {
  return Buffer.from(code.toString().padStart(4, '0'), 'hex');
}
